// Namespaces, leases and audit devices.
package main

import (
	"regexp"
	"strings"

	"github.com/hashicorp/vault/api"
)

var operationBehaviors = []behavior{
	{"namespaces", namespaces},
	{"token_leases", tokenLeases},
	{"audit_devices", auditDevices},
}

func namespaces(s *server) {
	root, name := s.root(), unique("team")
	must(root.Logical().Write("sys/namespaces/"+name, nil))
	check(contains(keys(root, "sys/namespaces"), name+"/"), "not listed")
	inside := s.root()
	inside.SetNamespace(name)
	input := &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}
	done(inside.Sys().Mount("own", input))
	check(must(root.Sys().ListMounts())["own/"] == nil, "mounted in the root namespace")
	must(inside.Logical().Write("own/data/deep", values{"data": values{"a": "b"}}))
	check(same(read(root, name+"/own/data/deep").Data["data"], values{"a": "b"}), "by its whole path")
	done(inside.Sys().PutPolicy("reader", `path "own/*" { capabilities = ["read"] }`))
	made := create(inside, &api.TokenCreateRequest{Policies: []string{"reader"}, TTL: "10m", NoParent: true})
	check(strings.Count(made.ClientToken, ".") == 2 && strings.Count(made.Accessor, ".") == 1, "%+v", made)
	reader := s.client(made.ClientToken)
	reader.SetNamespace(name)
	check(same(read(reader, "own/data/deep").Data["data"], values{"a": "b"}), "by its own token")
	outside := s.client(made.ClientToken)
	refusal[*api.Secret](403, "permission denied")(outside.Auth().Token().LookupSelf())
	inner := unique("inner")
	must(inside.Logical().Write("sys/namespaces/"+inner, nil))
	refusal[*api.Secret](400, "namespaces below it")(root.Logical().Delete("sys/namespaces/" + name))
	must(inside.Logical().Delete("sys/namespaces/" + inner))
	for must(inside.Logical().List("sys/namespaces")) != nil {
		// What it held is cleared away behind the reply.
	}
	must(root.Logical().Delete("sys/namespaces/" + name))
	refusal[*api.Secret](403, "")(reader.Auth().Token().LookupSelf())
	refusal[map[string]*api.MountOutput](404, "namespace not found")(inside.Sys().ListMounts())
}

func tokenLeases(s *server) {
	root, role := s.root(), unique("role")
	must(root.Logical().Write("auth/token/roles/"+role, values{"allowed_policies": "default"}))
	var made []string
	for len(made) < 3 {
		request := &api.TokenCreateRequest{TTL: "10m"}
		made = append(made, must(root.Auth().Token().CreateWithRole(request, role)).Auth.ClientToken)
	}
	prefix := "auth/token/create/" + role
	tails := keys(root, "sys/leases/lookup/"+prefix)
	check(len(tails) == 3, "%v", tails)
	id := prefix + "/" + tails[0]
	seen := must(root.Sys().Lookup(id)).Data
	check(seen["id"] == id && seen["renewable"] == true && seen["last_renewal"] == nil, "%v", seen)
	ttl := integer(seen["ttl"])
	check(ttl > 0 && ttl <= 600, "%v", seen)
	refusal[*api.Secret](400, "through this endpoint")(root.Sys().Renew(id, 60))
	refusal[*api.Secret](400, "invalid lease")(root.Sys().Lookup(prefix + "/none"))
	refused(403, "", s.stranger().Sys().RevokePrefix(prefix))
	done(root.Sys().Revoke(id))
	check(len(keys(root, "sys/leases/lookup/"+prefix)) == 2, "one of three")
	done(root.Sys().RevokePrefix(prefix))
	left := must(root.Logical().List("sys/leases/lookup/" + prefix))
	check(left == nil, "%v", left)
	for _, token := range made {
		refusal[*api.Secret](403, "")(s.client(token).Auth().Token().LookupSelf())
	}
}

func auditDevices(s *server) {
	sys, path := s.root().Sys(), unique("trail")
	options := map[string]string{"file_path": "discard"}
	input := &api.EnableAuditOptions{Type: "file", Description: "to nowhere", Options: options}
	done(sys.EnableAuditWithOptions(path, input))
	seen := must(sys.ListAudit())[path+"/"]
	check(seen != nil && seen.Type == "file" && seen.Description == "to nowhere", "%+v", seen)
	check(same(seen.Options, options) && !seen.Local && seen.Path == path+"/", "%+v", seen)
	hash := must(sys.AuditHash(path, "some text"))
	check(regexp.MustCompile("^hmac-sha256:[0-9a-f]{64}$").MatchString(hash), "%s", hash)
	check(hash == must(sys.AuditHash(path, "some text")), "another hash of the same text")
	refused(400, "path already in use", sys.EnableAuditWithOptions(path, input))
	refused(400, "", sys.EnableAuditWithOptions(unique("trail"), &api.EnableAuditOptions{Type: "file"}))
	done(sys.DisableAudit(path))
	check(must(sys.ListAudit())[path+"/"] == nil, "still there")
}
