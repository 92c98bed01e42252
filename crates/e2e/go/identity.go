// Who is behind a token: users with passwords, entities, aliases and groups.
package main

import (
	"context"
	"sort"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/userpass"
)

var identityBehaviors = []behavior{
	{"userpass", userPasswords},
	{"identity_entities", identityEntities},
	{"identity_groups", identityGroups},
	{"identity_merge", identityMerge},
}

const wrongPassword = "invalid username or password"

// enableAuth makes a new auth mount; gives root's client, the mount's path, and its accessor.
func (s *server) enableAuth(kind string) (*api.Client, string, string) {
	client, path := s.root(), unique(kind)
	done(client.Sys().EnableAuthWithOptions(path, &api.EnableAuthOptions{Type: kind}))
	return client, path, must(client.Sys().ListAuth())[path+"/"].Accessor
}

// logIn is a login as the client's own module for users does it; gives the client that has the token.
func (s *server) logIn(path, name, password string) (*api.Client, *api.Secret, error) {
	client := s.client("")
	method := must(userpass.NewUserpassAuth(name, &userpass.Password{FromString: password}, userpass.WithMountPath(path)))
	secret, err := client.Auth().Login(context.Background(), method)
	return client, secret, err
}

func (s *server) logInMust(path, name string) (*api.Client, *api.SecretAuth) {
	client, secret, err := s.logIn(path, name, "right")
	done(err)
	check(secret != nil && secret.Auth != nil, "no token in %v", secret)
	return client, secret.Auth
}

func ownEntity(client *api.Client) string {
	id, _ := must(client.Auth().Token().LookupSelf()).Data["entity_id"].(string)
	return id
}

func userPasswords(s *server) {
	client, path, _ := s.enableAuth("userpass")
	user := "auth/" + path + "/users/ann"
	must(client.Logical().Write(user, values{"password": "right", "policies": "default", "token_ttl": "20m"}))
	seen := read(client, user).Data
	check(same(texts(seen["token_policies"]), []string{"default"}) && integer(seen["token_ttl"]) == 1200, "%v", seen)
	check(seen["password"] == nil && seen["password_hash"] == nil && seen["token_type"] == "default", "%v", seen)
	check(same(keys(client, "auth/"+path+"/users"), []string{"ann"}), "another list")
	own, auth := s.logInMust(path, "ann")
	check(auth.Metadata["username"] == "ann" && auth.LeaseDuration == 1200 && auth.Renewable, "%+v", auth)
	check(same(auth.TokenPolicies, []string{"default"}) && auth.EntityID != "" && auth.Orphan, "%+v", auth)
	check(own.Token() == auth.ClientToken && ownEntity(own) == auth.EntityID, "another token")
	check(must(own.Auth().Token().RenewSelf(0)).Auth.LeaseDuration == 1200, "another time")
	for name, password := range map[string]string{"ann": "wrong", "nobody": "right"} {
		_, _, err := s.logIn(path, name, password)
		refused(400, wrongPassword, err)
	}
	must(client.Logical().Write(user+"/password", values{"password": "newer"}))
	_, _, err := s.logIn(path, "ann", "right")
	refused(400, wrongPassword, err)
	_, again, err := s.logIn(path, "ann", "newer")
	done(err)
	check(again.Auth.EntityID == auth.EntityID, "another entity")
	must(client.Logical().Delete(user))
	_, _, err = s.logIn(path, "ann", "newer")
	refused(400, wrongPassword, err)
	gone := must(client.Logical().Read(user))
	check(gone == nil, "still there: %v", gone)
}

func identityEntities(s *server) {
	client, path, accessor := s.enableAuth("userpass")
	must(client.Logical().Write("auth/"+path+"/users/ann", values{"password": "right"}))
	name := unique("somebody")
	body := values{"name": name, "metadata": values{"team": "a"}, "policies": []string{"reader"}}
	id, _ := must(client.Logical().Write("identity/entity", body)).Data["id"].(string)
	seen := read(client, "identity/entity/id/"+id).Data
	check(same(seen["metadata"], values{"team": "a"}) && same(texts(seen["policies"]), []string{"reader"}), "%v", seen)
	check(seen["disabled"] == false && len(texts(seen["direct_group_ids"])) == 0, "%v", seen)
	check(read(client, "identity/entity/name/"+name).Data["id"] == id, "another entity of the name")
	check(contains(keys(client, "identity/entity/id"), id), "not listed")
	check(contains(keys(client, "identity/entity/name"), name), "not listed by name")
	body = values{"name": "ann", "canonical_id": id, "mount_accessor": accessor}
	alias, _ := must(client.Logical().Write("identity/entity-alias", body)).Data["id"].(string)
	seen = read(client, "identity/entity-alias/id/"+alias).Data
	check(seen["name"] == "ann" && seen["mount_type"] == "userpass" && seen["canonical_id"] == id, "%v", seen)
	body = values{"alias_name": "ann", "alias_mount_accessor": accessor}
	check(must(client.Logical().Write("identity/lookup/entity", body)).Data["id"] == id, "another entity found")
	own, auth := s.logInMust(path, "ann")
	check(auth.EntityID == id && same(auth.IdentityPolicies, []string{"reader"}), "%+v", auth)
	must(client.Logical().Write("identity/entity/id/"+id, values{"disabled": true}))
	refusal[*api.Secret](403, "permission denied")(own.Auth().Token().LookupSelf())
	must(client.Logical().Write("identity/entity/id/"+id, values{"disabled": false}))
	check(ownEntity(own) == id, "another entity behind the token")
	must(client.Logical().Delete("identity/entity/id/" + id))
	gone := must(client.Logical().Read("identity/entity/id/" + id))
	check(gone == nil, "still there: %v", gone)
	refusal[*api.Secret](403, "permission denied")(own.Auth().Token().LookupSelf())
}

func identityGroups(s *server) {
	client, path, _ := s.enableAuth("userpass")
	must(client.Logical().Write("auth/"+path+"/users/ann", values{"password": "right"}))
	own, auth := s.logInMust(path, "ann")
	name := unique("team")
	body := values{"name": name, "policies": "team", "member_entity_ids": []string{auth.EntityID}}
	team, _ := must(client.Logical().Write("identity/group", body)).Data["id"].(string)
	body = values{"policies": "all", "member_group_ids": team}
	around, _ := must(client.Logical().Write("identity/group/name/"+name+"-all", body)).Data["id"].(string)
	seen := read(client, "identity/group/id/"+team).Data
	check(seen["name"] == name && seen["type"] == "internal", "%v", seen)
	check(same(texts(seen["member_entity_ids"]), []string{auth.EntityID}), "%v", seen)
	check(same(texts(seen["parent_group_ids"]), []string{around}), "%v", seen)
	check(contains(keys(client, "identity/group/name"), name), "not listed")
	// A token that is older than the groups has their policies, too.
	held := texts(must(own.Auth().Token().LookupSelf()).Data["identity_policies"])
	check(same(held, []string{"all", "team"}), "%v", held)
	found := must(client.Logical().Write("identity/lookup/group", values{"name": name}))
	check(found.Data["id"] == team, "another group found: %v", found.Data)
	must(client.Logical().Delete("identity/group/id/" + team))
	seen = read(client, "identity/entity/id/"+auth.EntityID).Data
	check(len(texts(seen["group_ids"])) == 0, "%v", seen)
}

func identityMerge(s *server) {
	client, path, _ := s.enableAuth("userpass")
	_, other, _ := s.enableAuth("userpass")
	for _, user := range []string{path + "/users/ann", path + "/users/anna", other + "/users/ann"} {
		must(client.Logical().Write("auth/"+user, values{"password": "right"}))
	}
	_, stays := s.logInMust(path, "ann")
	_, conflicting := s.logInMust(path, "anna")
	own, goes := s.logInMust(other, "ann")
	merge := func(from string) (*api.Secret, error) {
		body := values{"from_entity_ids": []string{from}, "to_entity_id": stays.EntityID}
		return client.Logical().Write("identity/entity/merge", body)
	}
	refusal[*api.Secret](400, "")(merge(conflicting.EntityID))
	must(merge(goes.EntityID))
	seen := read(client, "identity/entity/id/"+stays.EntityID).Data
	check(same(texts(seen["merged_entity_ids"]), []string{goes.EntityID}), "%v", seen)
	var mounts []string
	for _, alias := range seen["aliases"].([]interface{}) {
		path, _ := alias.(values)["mount_path"].(string)
		mounts = append(mounts, path)
	}
	sort.Strings(mounts)
	wanted := []string{"auth/" + path + "/", "auth/" + other + "/"}
	sort.Strings(wanted)
	check(same(mounts, wanted), "%v", mounts)
	gone := must(client.Logical().Read("identity/entity/id/" + goes.EntityID))
	check(gone == nil, "still there: %v", gone)
	// Tokens and logins of the one that went are the other's.
	_, again := s.logInMust(other, "ann")
	check(again.EntityID == stays.EntityID, "%+v", again)
	must(client.Logical().Write("identity/entity/id/"+stays.EntityID, values{"policies": "of-both"}))
	held := texts(must(own.Auth().Token().LookupSelf()).Data["identity_policies"])
	check(same(held, []string{"of-both"}), "%v", held)
}
