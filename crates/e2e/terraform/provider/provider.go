package main

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type vault struct{}

func newProvider() provider.Provider { return &vault{} }

type settings struct {
	Address   types.String `tfsdk:"address"`
	Token     types.String `tfsdk:"token"`
	Namespace types.String `tfsdk:"namespace"`
}

func (*vault) Metadata(_ context.Context, _ provider.MetadataRequest, reply *provider.MetadataResponse) {
	reply.TypeName = "vault"
}

func (*vault) Schema(_ context.Context, _ provider.SchemaRequest, reply *provider.SchemaResponse) {
	reply.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"address":   schema.StringAttribute{Optional: true},
		"token":     schema.StringAttribute{Optional: true, Sensitive: true},
		"namespace": schema.StringAttribute{Optional: true},
	}}
}

// Configure asks nothing: the real provider is as lazy.
func (*vault) Configure(ctx context.Context, request provider.ConfigureRequest, reply *provider.ConfigureResponse) {
	var given settings
	reply.Diagnostics.Append(request.Config.Get(ctx, &given)...)
	or := func(value types.String, name string) string {
		if value.ValueString() != "" {
			return value.ValueString()
		}
		return os.Getenv(name)
	}
	client := &client{
		address:   or(given.Address, "VAULT_ADDR"),
		token:     or(given.Token, "VAULT_TOKEN"),
		namespace: or(given.Namespace, "VAULT_NAMESPACE"),
	}
	reply.ResourceData, reply.DataSourceData, reply.EphemeralResourceData = client, client, client
}

func (*vault) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &kvSecret{} },
		func() resource.Resource { return &mount{} },
		func() resource.Resource { return &genericEndpoint{} },
		func() resource.Resource { return &terraformBackend{} },
		func() resource.Resource { return &terraformRole{} },
	}
}

func (*vault) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &kvSecretData{} }}
}

func (*vault) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &genericSecret{} }}
}
