package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// kvSecret is vault_kv_secret_v2.
type kvSecret struct{ client *client }

type kvSecretModel struct {
	ID                types.String `tfsdk:"id"`
	Namespace         types.String `tfsdk:"namespace"`
	Mount             types.String `tfsdk:"mount"`
	Name              types.String `tfsdk:"name"`
	DataJSON          types.String `tfsdk:"data_json"`
	DataJSONWO        types.String `tfsdk:"data_json_wo"`
	DataJSONWOVersion types.Int64  `tfsdk:"data_json_wo_version"`
	DeleteAllVersions types.Bool   `tfsdk:"delete_all_versions"`
	DisableRead       types.Bool   `tfsdk:"disable_read"`
	Path              types.String `tfsdk:"path"`
	Metadata          types.Map    `tfsdk:"metadata"`
	CustomMetadata    []customData `tfsdk:"custom_metadata"`
}

type customData struct {
	MaxVersions types.Int64 `tfsdk:"max_versions"`
	Data        types.Map   `tfsdk:"data"`
}

func (*kvSecret) Metadata(_ context.Context, _ resource.MetadataRequest, reply *resource.MetadataResponse) {
	reply.TypeName = "vault_kv_secret_v2"
}

func (*kvSecret) Schema(_ context.Context, _ resource.SchemaRequest, reply *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	reply.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":                   schema.StringAttribute{Computed: true, PlanModifiers: keep},
			"namespace":            schema.StringAttribute{Optional: true, PlanModifiers: replace},
			"mount":                schema.StringAttribute{Required: true, PlanModifiers: replace},
			"name":                 schema.StringAttribute{Required: true, PlanModifiers: replace},
			"data_json":            schema.StringAttribute{Optional: true, Sensitive: true},
			"data_json_wo":         schema.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true},
			"data_json_wo_version": schema.Int64Attribute{Optional: true},
			"delete_all_versions":  schema.BoolAttribute{Optional: true},
			"disable_read":         schema.BoolAttribute{Optional: true},
			"path":                 schema.StringAttribute{Computed: true, PlanModifiers: keep},
			"metadata":             schema.MapAttribute{Computed: true, ElementType: types.StringType},
		},
		Blocks: map[string]schema.Block{
			"custom_metadata": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{
				Attributes: map[string]schema.Attribute{
					"max_versions": schema.Int64Attribute{Optional: true},
					"data":         schema.MapAttribute{Optional: true, ElementType: types.StringType},
				},
			}},
		},
	}
}

func (r *kvSecret) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.client, _ = request.ProviderData.(*client)
}

func (r *kvSecret) Create(ctx context.Context, request resource.CreateRequest, reply *resource.CreateResponse) {
	var plan kvSecretModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	reply.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("data_json_wo"), &plan.DataJSONWO)...)
	if reply.Diagnostics.HasError() {
		return
	}
	reply.Diagnostics.Append(r.write(ctx, &plan, true)...)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *kvSecret) Update(ctx context.Context, request resource.UpdateRequest, reply *resource.UpdateResponse) {
	var plan, state kvSecretModel
	reply.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	reply.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("data_json_wo"), &plan.DataJSONWO)...)
	if reply.Diagnostics.HasError() {
		return
	}
	isNew := !plan.DataJSON.Equal(state.DataJSON) || !plan.DataJSONWOVersion.Equal(state.DataJSONWOVersion)
	reply.Diagnostics.Append(r.write(ctx, &plan, isNew)...)
	reply.Diagnostics.Append(reply.State.Set(ctx, plan)...)
}

func (r *kvSecret) write(ctx context.Context, plan *kvSecretModel, isNew bool) diag.Diagnostics {
	var found diag.Diagnostics
	mount, name, namespace := plan.Mount.ValueString(), plan.Name.ValueString(), plan.Namespace.ValueString()
	text := plan.DataJSON.ValueString()
	if text == "" {
		text = plan.DataJSONWO.ValueString()
	}
	data := map[string]any{}
	if err := json.Unmarshal([]byte(text), &data); isNew && err != nil {
		found.AddError("data_json is no JSON object", "")
		return found
	}
	if isNew {
		// As the real one: cas stands beside the data, where it means nothing.
		body := map[string]any{"data": data, "cas": 0, "options": map[string]any{}}
		if _, err := r.client.call("PUT", mount+"/data/"+name, body, namespace); err != nil {
			found.AddError("writing the secret", err.Error())
			return found
		}
	}
	for _, custom := range plan.CustomMetadata {
		pairs := map[string]string{}
		found.Append(custom.Data.ElementsAs(ctx, &pairs, false)...)
		body := map[string]any{
			"max_versions": custom.MaxVersions.ValueInt64(), "cas_required": false, "delete_version_after": 0,
			"custom_metadata": pairs,
		}
		if _, err := r.client.call("PUT", mount+"/metadata/"+name, body, namespace); err != nil {
			found.AddError("writing the metadata", err.Error())
			return found
		}
	}
	plan.DataJSONWO = types.StringNull()
	plan.Path = types.StringValue(mount + "/data/" + name)
	plan.ID = plan.Path
	_, more := r.read(plan)
	found.Append(more...)
	return found
}

// read takes over what the server says; false when the secret is gone.
func (r *kvSecret) read(model *kvSecretModel) (bool, diag.Diagnostics) {
	var found diag.Diagnostics
	model.Metadata = types.MapNull(types.StringType)
	if model.DisableRead.ValueBool() {
		return true, found
	}
	namespace := model.Namespace.ValueString()
	answer, err := r.client.call("GET", model.Path.ValueString(), nil, namespace)
	if err != nil {
		found.AddError("reading the secret", err.Error())
		return true, found
	}
	metadata, _ := answer.data["metadata"].(map[string]any)
	if answer.data["data"] == nil {
		return false, found
	}
	shown := map[string]attr.Value{}
	for name, value := range metadata {
		shown[name] = types.StringValue(fmt.Sprint(value))
	}
	model.Metadata = types.MapValueMust(types.StringType, shown)
	if _, has := metadata["custom_metadata"]; has {
		if _, err := r.client.call("GET", model.Mount.ValueString()+"/metadata/"+model.Name.ValueString(), nil, namespace); err != nil {
			found.AddError("reading the metadata", err.Error())
		}
	}
	if !model.DataJSON.IsNull() {
		text, _ := json.Marshal(answer.data["data"])
		model.DataJSON = types.StringValue(string(text))
	}
	return true, found
}

func (r *kvSecret) Read(ctx context.Context, request resource.ReadRequest, reply *resource.ReadResponse) {
	var state kvSecretModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	isThere, found := r.read(&state)
	reply.Diagnostics.Append(found...)
	if !isThere {
		reply.State.RemoveResource(ctx)
		return
	}
	reply.Diagnostics.Append(reply.State.Set(ctx, state)...)
}

func (r *kvSecret) Delete(ctx context.Context, request resource.DeleteRequest, reply *resource.DeleteResponse) {
	var state kvSecretModel
	reply.Diagnostics.Append(request.State.Get(ctx, &state)...)
	place := state.Path.ValueString()
	if state.DeleteAllVersions.ValueBool() {
		place = state.Mount.ValueString() + "/metadata/" + state.Name.ValueString()
	}
	if _, err := r.client.call("DELETE", place, nil, state.Namespace.ValueString()); err != nil {
		reply.Diagnostics.AddError("deleting the secret", err.Error())
	}
}

// kvSecretData is the data source of the same name.
type kvSecretData struct{ client *client }

type kvSecretDataModel struct {
	ID        types.String `tfsdk:"id"`
	Namespace types.String `tfsdk:"namespace"`
	Mount     types.String `tfsdk:"mount"`
	Name      types.String `tfsdk:"name"`
	Data      types.Map    `tfsdk:"data"`
	DataJSON  types.String `tfsdk:"data_json"`
}

func (*kvSecretData) Metadata(_ context.Context, _ datasource.MetadataRequest, reply *datasource.MetadataResponse) {
	reply.TypeName = "vault_kv_secret_v2"
}

func (*kvSecretData) Schema(_ context.Context, _ datasource.SchemaRequest, reply *datasource.SchemaResponse) {
	reply.Schema = dataschema.Schema{Attributes: map[string]dataschema.Attribute{
		"id":        dataschema.StringAttribute{Computed: true},
		"namespace": dataschema.StringAttribute{Optional: true},
		"mount":     dataschema.StringAttribute{Required: true},
		"name":      dataschema.StringAttribute{Required: true},
		"data":      dataschema.MapAttribute{Computed: true, Sensitive: true, ElementType: types.StringType},
		"data_json": dataschema.StringAttribute{Computed: true, Sensitive: true},
	}}
}

func (d *kvSecretData) Configure(_ context.Context, request datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.client, _ = request.ProviderData.(*client)
}

func (d *kvSecretData) Read(ctx context.Context, request datasource.ReadRequest, reply *datasource.ReadResponse) {
	var state kvSecretDataModel
	reply.Diagnostics.Append(request.Config.Get(ctx, &state)...)
	place := state.Mount.ValueString() + "/data/" + state.Name.ValueString()
	answer, err := d.client.call("GET", place, nil, state.Namespace.ValueString())
	data, _ := answer.data["data"].(map[string]any)
	if err != nil || data == nil {
		reply.Diagnostics.AddError("reading the secret", fmt.Sprint("nothing is there: ", err))
		return
	}
	values := map[string]attr.Value{}
	for name, value := range data {
		values[name] = types.StringValue(fmt.Sprint(value))
	}
	text, _ := json.Marshal(data)
	state.ID, state.DataJSON = types.StringValue(place), types.StringValue(string(text))
	state.Data = types.MapValueMust(types.StringType, values)
	reply.Diagnostics.Append(reply.State.Set(ctx, state)...)
}
