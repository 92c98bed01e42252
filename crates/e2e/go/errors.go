// What a client learns from a refusal.
package main

import (
	"strings"

	"github.com/hashicorp/vault/api"
)

var errorBehaviors = []behavior{
	{"permission_denied", permissionDenied},
	{"unknown_route", unknownRoute},
	{"unsupported_operation", unsupportedOperation},
}

func permissionDenied(s *server) {
	client, mount := s.mount(1)
	must(client.Logical().Write(mount+"/one", values{"a": "b"}))
	stranger := s.stranger()
	errors := refusal[*api.Secret](403, "permission denied")(stranger.Logical().Read(mount + "/one"))
	check(same(errors, []string{"1 error occurred:\n\t* permission denied\n\n"}), "%q", errors)
	// What is not there is denied in the same words.
	again := refusal[*api.Secret](403, "permission denied")(stranger.Logical().Read(mount + "/none"))
	check(same(errors, again), "%q", again)
	errors = refusal[*api.Secret](403, "permission denied")(s.client("").Logical().Read(mount + "/one"))
	check(same(errors, []string{"permission denied"}), "%q", errors)
}

func unknownRoute(s *server) {
	path := unique("none") + "/x"
	_, err := s.root().Logical().Write(path, values{"a": "b"})
	errors := refused(404, "no handler for route", err)
	check(strings.Contains(errors[0], path), "%q", errors)
}

func unsupportedOperation(s *server) {
	_, err := s.root().Logical().Delete("sys/internal/ui/mounts")
	refused(405, "unsupported operation", err)
}
