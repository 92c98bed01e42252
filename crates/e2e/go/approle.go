// Roles of machines: role ids and secret ids, plain and wrapped.
package main

import (
	"context"
	"sort"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
)

var approleBehaviors = []behavior{
	{"approle", roles},
	{"approle_secret_ids", secretIDs},
	{"approle_wrapped", wrappedSecretIDs},
}

const wrongSecretID = "invalid role or secret ID"

// enter is a login as the client's own module for roles does it.
func (s *server) enter(path, role, secret string, how ...approle.LoginOption) (*api.Client, *api.Secret, error) {
	client := s.client("")
	how = append(how, approle.WithMountPath(path))
	method := must(approle.NewAppRoleAuth(role, &approle.SecretID{FromString: secret}, how...))
	reply, err := client.Auth().Login(context.Background(), method)
	return client, reply, err
}

func (s *server) mustNotEnter(path, role, secret, text string) {
	_, _, err := s.enter(path, role, secret)
	refused(400, text, err)
}

func text(secret *api.Secret, name string) string {
	value, ok := secret.Data[name].(string)
	check(ok && value != "", "no %s in %v", name, secret.Data)
	return value
}

func roles(s *server) {
	client, path, _ := s.enableAuth("approle")
	role := "auth/" + path + "/role/shop"
	must(client.Logical().Write(role, values{
		"token_policies": []string{"default"}, "token_ttl": "20m", "secret_id_num_uses": 40, "secret_id_ttl": "1h",
	}))
	seen := read(client, role).Data
	check(same(texts(seen["token_policies"]), []string{"default"}) && seen["bind_secret_id"] == true, "%v", seen)
	check(integer(seen["secret_id_num_uses"]) == 40 && integer(seen["secret_id_ttl"]) == 3600, "%v", seen)
	check(seen["role_id"] == nil && same(keys(client, "auth/"+path+"/role"), []string{"shop"}), "%v", seen)
	drawn := text(read(client, role+"/role-id"), "role_id")
	chosen := unique("shop")
	must(client.Logical().Write(role+"/role-id", values{"role_id": chosen}))
	check(text(read(client, role+"/role-id"), "role_id") == chosen, "another role id")
	body := values{"metadata": `{"host":"web-1"}`}
	secret := text(must(client.Logical().Write(role+"/secret-id", body)), "secret_id")
	own, reply, err := s.enter(path, chosen, secret)
	done(err)
	auth := reply.Auth
	check(same(auth.Metadata, map[string]string{"role_name": "shop", "host": "web-1"}), "%+v", auth)
	check(auth.LeaseDuration == 1200 && auth.Renewable && auth.EntityID != "", "%+v", auth)
	check(must(own.Auth().Token().RenewSelf(0)).Auth.LeaseDuration == 1200, "another time")
	s.mustNotEnter(path, drawn, secret, wrongSecretID)
	s.mustNotEnter(path, chosen, drawn, wrongSecretID)
	s.mustNotEnter(path, chosen, " ", "missing secret_id")
	must(client.Logical().Write(role+"/policies", values{"token_policies": "default,other"}))
	check(same(texts(read(client, role+"/policies").Data["token_policies"]), []string{"default", "other"}), "policies")
	must(client.Logical().Delete(role))
	gone := must(client.Logical().Read(role))
	check(gone == nil, "still there: %v", gone)
	s.mustNotEnter(path, chosen, secret, wrongSecretID)
	refusal[*api.Secret](400, "")(own.Auth().Token().RenewSelf(0))
}

func secretIDs(s *server) {
	client, path, _ := s.enableAuth("approle")
	role := "auth/" + path + "/role/shop"
	must(client.Logical().Write(role, values{}))
	id := text(read(client, role+"/role-id"), "role_id")
	body := values{"metadata": `{"host":"web-1"}`, "cidr_list": []string{"127.0.0.0/8"}}
	first := must(client.Logical().Write(role+"/secret-id", body))
	check(integer(first.Data["secret_id_ttl"]) == 0, "%v", first.Data)
	second := must(client.Logical().Write(role+"/custom-secret-id", values{"secret_id": "of-my-choice"}))
	wanted := []string{text(first, "secret_id_accessor"), text(second, "secret_id_accessor")}
	sort.Strings(wanted)
	check(same(keys(client, role+"/secret-id"), wanted), "other accessors")
	bySecretID := values{"secret_id": text(first, "secret_id")}
	byAccessor := values{"secret_id_accessor": text(first, "secret_id_accessor")}
	seen := must(client.Logical().Write(role+"/secret-id/lookup", bySecretID)).Data
	check(same(seen["metadata"], values{"host": "web-1"}), "%v", seen)
	check(same(texts(seen["cidr_list"]), []string{"127.0.0.0/8"}), "%v", seen)
	check(seen["expiration_time"] == "0001-01-01T00:00:00Z", "%v", seen)
	again := must(client.Logical().Write(role+"/secret-id-accessor/lookup", byAccessor)).Data
	check(same(again, seen), "%v instead of %v", again, seen)
	_, reply, err := s.enter(path, id, text(first, "secret_id"))
	done(err)
	check(reply.Auth.Metadata["host"] == "web-1", "%+v", reply.Auth)
	must(client.Logical().Write(role+"/secret-id/destroy", values{"secret_id": "of-my-choice"}))
	s.mustNotEnter(path, id, "of-my-choice", wrongSecretID)
	must(client.Logical().Write(role+"/secret-id-accessor/destroy", byAccessor))
	s.mustNotEnter(path, id, text(first, "secret_id"), wrongSecretID)
	missing := "failed to find accessor entry for secret_id_accessor"
	refusal[*api.Secret](404, missing)(client.Logical().Write(role+"/secret-id-accessor/lookup", byAccessor))
	counted := text(must(client.Logical().Write(role+"/secret-id", values{"num_uses": 1})), "secret_id")
	_, _, err = s.enter(path, id, counted)
	done(err)
	s.mustNotEnter(path, id, counted, wrongSecretID)
}

func wrappedSecretIDs(s *server) {
	client, path, _ := s.enableAuth("approle")
	role := "auth/" + path + "/role/kong"
	must(client.Logical().Write(role, values{"secret_id_num_uses": 1}))
	id := text(read(client, role+"/role-id"), "role_id")
	wrapping := s.root()
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60m" })
	info := must(wrapping.Logical().Write(role+"/secret-id", nil)).WrapInfo
	check(info != nil && info.TTL == 3600 && info.CreationPath == role+"/secret-id", "%+v", info)
	check(same(keys(client, role+"/secret-id"), []string{info.WrappedAccessor}), "%+v", info)
	// The client's module opens it and logs in.
	_, reply, err := s.enter(path, id, info.Token, approle.WithWrappingToken())
	done(err)
	check(reply.Auth.ClientToken != "" && reply.Auth.Metadata["role_name"] == "kong", "%+v", reply.Auth)
	_, _, err = s.enter(path, id, info.Token, approle.WithWrappingToken())
	refused(400, "wrapping token is not valid or does not exist", err)
}
