package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	ephemeralschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var replace = []planmodifier.String{stringplanmodifier.RequiresReplace()}

// simple is what the resources below share: they have nothing to read, and everything but their place can be written anew.
type simple struct{ client *client }

func (r *simple) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.client, _ = request.ProviderData.(*client)
}

// call adds what went wrong to the reply of an operation.
func (r *simple) call(method, place string, body any, namespace types.String, complain func(string, string)) answer {
	answer, err := r.client.call(method, place, body, namespace.ValueString())
	if err != nil {
		complain(method+" "+place, err.Error())
	}
	return answer
}

// mount is vault_mount.
type mount struct{ simple }

type mountModel struct {
	Namespace types.String `tfsdk:"namespace"`
	Path      types.String `tfsdk:"path"`
	Type      types.String `tfsdk:"type"`
	Options   types.Map    `tfsdk:"options"`
}

func (*mount) Metadata(_ context.Context, _ resource.MetadataRequest, reply *resource.MetadataResponse) {
	reply.TypeName = "vault_mount"
}

func (*mount) Schema(_ context.Context, _ resource.SchemaRequest, reply *resource.SchemaResponse) {
	reply.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"namespace": schema.StringAttribute{Optional: true, PlanModifiers: replace},
		"path":      schema.StringAttribute{Required: true, PlanModifiers: replace},
		"type":      schema.StringAttribute{Required: true, PlanModifiers: replace},
		"options":   schema.MapAttribute{Optional: true, ElementType: types.StringType},
	}}
}

func (r *mount) Create(ctx context.Context, request resource.CreateRequest, reply *resource.CreateResponse) {
	var plan mountModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	options := map[string]string{}
	reply.Diagnostics.Append(plan.Options.ElementsAs(ctx, &options, false)...)
	body := map[string]any{"type": plan.Type.ValueString(), "options": options, "config": map[string]any{}}
	r.call("POST", "sys/mounts/"+plan.Path.ValueString(), body, plan.Namespace, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *mount) Read(ctx context.Context, request resource.ReadRequest, reply *resource.ReadResponse) {
	var state mountModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if r.call("GET", "sys/mounts/"+state.Path.ValueString(), nil, state.Namespace, reply.Diagnostics.AddError).status == 404 {
		reply.State.RemoveResource(ctx)
	}
}

func (r *mount) Update(ctx context.Context, request resource.UpdateRequest, reply *resource.UpdateResponse) {
	var plan mountModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	options := map[string]string{}
	reply.Diagnostics.Append(plan.Options.ElementsAs(ctx, &options, false)...)
	place := "sys/mounts/" + plan.Path.ValueString() + "/tune"
	r.call("POST", place, map[string]any{"options": options}, plan.Namespace, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *mount) Delete(ctx context.Context, request resource.DeleteRequest, reply *resource.DeleteResponse) {
	var state mountModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	r.call("DELETE", "sys/mounts/"+state.Path.ValueString(), nil, state.Namespace, reply.Diagnostics.AddError)
}

// genericEndpoint is vault_generic_endpoint.
type genericEndpoint struct{ simple }

type genericEndpointModel struct {
	Namespace     types.String `tfsdk:"namespace"`
	Path          types.String `tfsdk:"path"`
	DataJSON      types.String `tfsdk:"data_json"`
	DisableRead   types.Bool   `tfsdk:"disable_read"`
	DisableDelete types.Bool   `tfsdk:"disable_delete"`
}

func (*genericEndpoint) Metadata(_ context.Context, _ resource.MetadataRequest, reply *resource.MetadataResponse) {
	reply.TypeName = "vault_generic_endpoint"
}

func (*genericEndpoint) Schema(_ context.Context, _ resource.SchemaRequest, reply *resource.SchemaResponse) {
	reply.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"namespace":      schema.StringAttribute{Optional: true, PlanModifiers: replace},
		"path":           schema.StringAttribute{Required: true, PlanModifiers: replace},
		"data_json":      schema.StringAttribute{Required: true, Sensitive: true},
		"disable_read":   schema.BoolAttribute{Optional: true},
		"disable_delete": schema.BoolAttribute{Optional: true},
	}}
}

func (r *genericEndpoint) Create(ctx context.Context, request resource.CreateRequest, reply *resource.CreateResponse) {
	var plan genericEndpointModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	r.put(plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *genericEndpoint) Update(ctx context.Context, request resource.UpdateRequest, reply *resource.UpdateResponse) {
	var plan genericEndpointModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	r.put(plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *genericEndpoint) put(plan genericEndpointModel, complain func(string, string)) {
	data := map[string]any{}
	if err := json.Unmarshal([]byte(plan.DataJSON.ValueString()), &data); err != nil {
		complain("data_json is no JSON object", "")
		return
	}
	r.call("PUT", plan.Path.ValueString(), data, plan.Namespace, complain)
}

func (r *genericEndpoint) Read(ctx context.Context, request resource.ReadRequest, reply *resource.ReadResponse) {
	var state genericEndpointModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if state.DisableRead.ValueBool() {
		return
	}
	answer := r.call("GET", state.Path.ValueString(), nil, state.Namespace, reply.Diagnostics.AddError)
	if answer.status == 404 {
		reply.State.RemoveResource(ctx)
	} else if text, err := json.Marshal(answer.data); err == nil {
		state.DataJSON = types.StringValue(string(text))
		reply.Diagnostics.Append(reply.State.Set(ctx, state)...)
	}
}

func (r *genericEndpoint) Delete(ctx context.Context, request resource.DeleteRequest, reply *resource.DeleteResponse) {
	var state genericEndpointModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if !state.DisableDelete.ValueBool() {
		r.call("DELETE", state.Path.ValueString(), nil, state.Namespace, reply.Diagnostics.AddError)
	}
}

// terraformBackend is vault_terraform_cloud_secret_backend.
type terraformBackend struct{ simple }

type terraformBackendModel struct {
	Namespace      types.String `tfsdk:"namespace"`
	Backend        types.String `tfsdk:"backend"`
	Address        types.String `tfsdk:"address"`
	BasePath       types.String `tfsdk:"base_path"`
	Token          types.String `tfsdk:"token"`
	TokenWO        types.String `tfsdk:"token_wo"`
	TokenWOVersion types.Int64  `tfsdk:"token_wo_version"`
}

func (*terraformBackend) Metadata(_ context.Context, _ resource.MetadataRequest, reply *resource.MetadataResponse) {
	reply.TypeName = "vault_terraform_cloud_secret_backend"
}

func (*terraformBackend) Schema(_ context.Context, _ resource.SchemaRequest, reply *resource.SchemaResponse) {
	reply.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"namespace":        schema.StringAttribute{Optional: true, PlanModifiers: replace},
		"backend":          schema.StringAttribute{Required: true, PlanModifiers: replace},
		"address":          schema.StringAttribute{Optional: true},
		"base_path":        schema.StringAttribute{Optional: true},
		"token":            schema.StringAttribute{Optional: true, Sensitive: true},
		"token_wo":         schema.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true},
		"token_wo_version": schema.Int64Attribute{Optional: true},
	}}
}

func (r *terraformBackend) Create(ctx context.Context, request resource.CreateRequest, reply *resource.CreateResponse) {
	var plan terraformBackendModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	reply.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("token_wo"), &plan.TokenWO)...)
	body := map[string]any{"type": "terraform", "config": map[string]any{}}
	r.call("POST", "sys/mounts/"+plan.Backend.ValueString(), body, plan.Namespace, reply.Diagnostics.AddError)
	r.configure(&plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *terraformBackend) Update(ctx context.Context, request resource.UpdateRequest, reply *resource.UpdateResponse) {
	var plan terraformBackendModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	reply.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("token_wo"), &plan.TokenWO)...)
	r.configure(&plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *terraformBackend) configure(plan *terraformBackendModel, complain func(string, string)) {
	token := plan.Token.ValueString()
	if token == "" {
		token = plan.TokenWO.ValueString()
	}
	or := func(value types.String, otherwise string) string {
		if value.ValueString() != "" {
			return value.ValueString()
		}
		return otherwise
	}
	body := map[string]any{
		"address":   or(plan.Address, "https://app.terraform.io"),
		"base_path": or(plan.BasePath, "/api/v2/"),
		"token":     token,
	}
	r.call("PUT", plan.Backend.ValueString()+"/config", body, plan.Namespace, complain)
	plan.TokenWO = types.StringNull()
}

func (r *terraformBackend) Read(ctx context.Context, request resource.ReadRequest, reply *resource.ReadResponse) {
	var state terraformBackendModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	place := state.Backend.ValueString()
	if r.call("GET", "sys/mounts/"+place, nil, state.Namespace, reply.Diagnostics.AddError).status == 404 {
		reply.State.RemoveResource(ctx)
		return
	}
	r.call("GET", place+"/config", nil, state.Namespace, reply.Diagnostics.AddError)
}

func (r *terraformBackend) Delete(ctx context.Context, request resource.DeleteRequest, reply *resource.DeleteResponse) {
	var state terraformBackendModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	r.call("DELETE", "sys/mounts/"+state.Backend.ValueString(), nil, state.Namespace, reply.Diagnostics.AddError)
}

// terraformRole is vault_terraform_cloud_secret_role.
type terraformRole struct{ simple }

type terraformRoleModel struct {
	Namespace      types.String `tfsdk:"namespace"`
	Backend        types.String `tfsdk:"backend"`
	Name           types.String `tfsdk:"name"`
	Organization   types.String `tfsdk:"organization"`
	TeamID         types.String `tfsdk:"team_id"`
	UserID         types.String `tfsdk:"user_id"`
	CredentialType types.String `tfsdk:"credential_type"`
	TTL            types.Int64  `tfsdk:"ttl"`
	MaxTTL         types.Int64  `tfsdk:"max_ttl"`
}

func (*terraformRole) Metadata(_ context.Context, _ resource.MetadataRequest, reply *resource.MetadataResponse) {
	reply.TypeName = "vault_terraform_cloud_secret_role"
}

func (*terraformRole) Schema(_ context.Context, _ resource.SchemaRequest, reply *resource.SchemaResponse) {
	reply.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"namespace":       schema.StringAttribute{Optional: true, PlanModifiers: replace},
		"backend":         schema.StringAttribute{Required: true, PlanModifiers: replace},
		"name":            schema.StringAttribute{Required: true, PlanModifiers: replace},
		"organization":    schema.StringAttribute{Optional: true},
		"team_id":         schema.StringAttribute{Optional: true},
		"user_id":         schema.StringAttribute{Optional: true},
		"credential_type": schema.StringAttribute{Optional: true},
		"ttl":             schema.Int64Attribute{Optional: true},
		"max_ttl":         schema.Int64Attribute{Optional: true},
	}}
}

func (r *terraformRole) place(model terraformRoleModel) string {
	return model.Backend.ValueString() + "/role/" + model.Name.ValueString()
}

func (r *terraformRole) put(plan terraformRoleModel, complain func(string, string)) {
	body := map[string]any{"ttl": plan.TTL.ValueInt64(), "max_ttl": plan.MaxTTL.ValueInt64()}
	texts := map[string]types.String{
		"organization": plan.Organization, "team_id": plan.TeamID, "user_id": plan.UserID,
		"credential_type": plan.CredentialType,
	}
	for name, value := range texts {
		if !value.IsNull() {
			body[name] = value.ValueString()
		}
	}
	r.call("PUT", r.place(plan), body, plan.Namespace, complain)
}

func (r *terraformRole) Create(ctx context.Context, request resource.CreateRequest, reply *resource.CreateResponse) {
	var plan terraformRoleModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	r.put(plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *terraformRole) Update(ctx context.Context, request resource.UpdateRequest, reply *resource.UpdateResponse) {
	var plan terraformRoleModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	r.put(plan, reply.Diagnostics.AddError)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *terraformRole) Read(ctx context.Context, request resource.ReadRequest, reply *resource.ReadResponse) {
	var state terraformRoleModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if r.call("GET", r.place(state), nil, state.Namespace, reply.Diagnostics.AddError).status == 404 {
		reply.State.RemoveResource(ctx)
	}
}

func (r *terraformRole) Delete(ctx context.Context, request resource.DeleteRequest, reply *resource.DeleteResponse) {
	var state terraformRoleModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	r.call("DELETE", r.place(state), nil, state.Namespace, reply.Diagnostics.AddError)
}

// genericSecret is the ephemeral vault_generic_secret: read when it is opened, kept nowhere.
type genericSecret struct{ client *client }

type genericSecretModel struct {
	Namespace types.String `tfsdk:"namespace"`
	Path      types.String `tfsdk:"path"`
	Data      types.Map    `tfsdk:"data"`
	LeaseID   types.String `tfsdk:"lease_id"`
}

func (*genericSecret) Metadata(_ context.Context, _ ephemeral.MetadataRequest, reply *ephemeral.MetadataResponse) {
	reply.TypeName = "vault_generic_secret"
}

func (*genericSecret) Schema(_ context.Context, _ ephemeral.SchemaRequest, reply *ephemeral.SchemaResponse) {
	reply.Schema = ephemeralschema.Schema{Attributes: map[string]ephemeralschema.Attribute{
		"namespace": ephemeralschema.StringAttribute{Optional: true},
		"path":      ephemeralschema.StringAttribute{Required: true},
		"data":      ephemeralschema.MapAttribute{Computed: true, Sensitive: true, ElementType: types.StringType},
		"lease_id":  ephemeralschema.StringAttribute{Computed: true},
	}}
}

func (e *genericSecret) Configure(_ context.Context, request ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	e.client, _ = request.ProviderData.(*client)
}

func (e *genericSecret) Open(ctx context.Context, request ephemeral.OpenRequest, reply *ephemeral.OpenResponse) {
	var result genericSecretModel
	reply.Diagnostics.Append(request.Config.Get(ctx, &result)...)
	answer, err := e.client.call("GET", result.Path.ValueString(), nil, result.Namespace.ValueString())
	if err != nil || answer.data == nil {
		reply.Diagnostics.AddError("reading "+result.Path.ValueString(), fmt.Sprint("nothing is there: ", err))
		return
	}
	values := map[string]attr.Value{}
	for name, value := range answer.data {
		values[name] = types.StringValue(fmt.Sprint(value))
	}
	result.Data, result.LeaseID = types.MapValueMust(types.StringType, values), types.StringValue(answer.leaseID)
	reply.Diagnostics.Append(reply.Result.Set(ctx, result)...)
}
