// A stand-in for the Terraform provider for Vault, for machines that cannot build the real one: the resources that the
// tests use, with the schemas and the HTTP calls that are documented for its version 5.11, and nothing else. What Terraform
// makes of them (state, plan, logs) is Terraform's own doing, and that is what the tests look at.
//
// It must never hide anything: what the real provider keeps in the state is kept here too.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

func main() {
	options := providerserver.ServeOpts{Address: "registry.terraform.io/hashicorp/vault"}
	if err := providerserver.Serve(context.Background(), newProvider, options); err != nil {
		log.Fatal(err)
	}
}
