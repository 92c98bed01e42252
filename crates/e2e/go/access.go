// Mounts, policies, and what a token may do.
package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/vault/api"
)

const rules = `path "somewhere/*" { capabilities = ["read", "list"] }`

var accessBehaviors = []behavior{
	{"mounts", mounts},
	{"mount_tuning", mountTuning},
	{"mount_move", mountMove},
	{"mount_missing", mountMissing},
	{"mount_preflight", mountPreflight},
	{"auth_methods", authMethods},
	{"policies", policies},
	{"capabilities", capabilities},
	{"path_help", pathHelp},
	{"user_lockout", userLockout},
}

func mounts(s *server) {
	client, path := s.root(), unique("mount")
	input := &api.MountInput{Type: "kv", Description: "for the team", Options: map[string]string{"version": "2"}}
	done(client.Sys().Mount(path, input))
	all := must(client.Sys().ListMounts())
	check(all["sys/"] != nil && all["cubbyhole/"] != nil && all[path+"/"] != nil, "%v", all)
	one := must(client.Sys().GetMount(path))
	for _, seen := range []*api.MountOutput{all[path+"/"], one} {
		check(seen.Type == "kv" && seen.Description == "for the team", "%+v", seen)
		check(same(seen.Options, map[string]string{"version": "2"}), "%+v", seen)
		check(strings.HasPrefix(seen.Accessor, "kv_") && seen.UUID != "", "%+v", seen)
	}
	refused(400, "path is already in use at "+path+"/", client.Sys().Mount(path, input))
	must(client.Logical().Write(path+"/data/left", values{"data": values{"a": "b"}}))
	done(client.Sys().Unmount(path))
	done(client.Sys().Unmount(path))
	check(must(client.Sys().ListMounts())[path+"/"] == nil, "still there")
	done(client.Sys().Mount(path, input))
	left := must(client.Logical().Read(path + "/data/left"))
	check(left == nil, "a secret of the mount before: %v", left)
}

func mountTuning(s *server) {
	client, path := s.mount(2)
	description := "tuned"
	done(client.Sys().TuneMount(path, api.MountConfigInput{
		DefaultLeaseTTL: "1h", MaxLeaseTTL: "7200", Description: &description, ListingVisibility: "unauth",
	}))
	seen := must(client.Sys().MountConfig(path))
	check(seen.DefaultLeaseTTL == 3600 && seen.MaxLeaseTTL == 7200, "%+v", seen)
	check(seen.ListingVisibility == "unauth", "%+v", seen)
	mount := must(client.Sys().GetMount(path))
	check(mount.Description == "tuned" && mount.Options["version"] == "2", "%+v", mount)
}

func mountMove(s *server) {
	client, path := s.mount(2)
	must(client.Logical().Write(path+"/data/along", values{"data": values{"a": "b"}}))
	to := unique("moved")
	started := must(client.Sys().StartRemount(path, to))
	var seen *api.MountMigrationStatusOutput
	for seen == nil || seen.MigrationInfo.MigrationStatus == "in-progress" {
		seen = must(client.Sys().RemountStatus(started.MigrationID))
	}
	info := seen.MigrationInfo
	check(info.MigrationStatus == "success", "%+v", info)
	check(strings.Trim(info.SourceMount, "/") == path && strings.Trim(info.TargetMount, "/") == to, "%+v", info)
	check(same(read(client, to+"/data/along").Data["data"], values{"a": "b"}), "left behind")
	old := must(client.Logical().Read(path + "/data/along"))
	check(old == nil, "still at its old path: %v", old)
}

func mountMissing(s *server) {
	sys := s.root().Sys()
	refusal[*api.MountOutput](400, "No secret engine mount at")(sys.GetMount(unique("none")))
	refusal[*api.AuthMount](400, "No auth engine at")(sys.GetAuth(unique("none")))
}

func mountPreflight(s *server) {
	client, path := s.mount(2)
	seen := read(client, "sys/internal/ui/mounts/"+path+"/some/secret").Data
	check(seen["path"] == path+"/" && seen["type"] == "kv", "%v", seen)
	check(same(seen["options"], values{"version": "2"}), "%v", seen)
	missing := "sys/internal/ui/mounts/" + unique("none")
	refusal[*api.Secret](403, "preflight capability check returned 403")(client.Logical().Read(missing))
}

func authMethods(s *server) {
	seen := must(s.root().Sys().ListAuth())["token/"]
	check(seen != nil && seen.Type == "token" && strings.HasPrefix(seen.Accessor, "auth_token_"), "%+v", seen)
}

func policies(s *server) {
	sys, name := s.root().Sys(), unique("policy")
	done(sys.PutPolicy(name, rules))
	check(must(sys.GetPolicy(name)) == rules, "another text")
	all := must(sys.ListPolicies())
	check(contains(all, name) && contains(all, "default") && contains(all, "root"), "%v", all)
	refused(400, "", sys.PutPolicy(name, `path "x" { nonsense = 1 }`))
	done(sys.DeletePolicy(name))
	done(sys.DeletePolicy(name))
	check(must(sys.GetPolicy(name)) == "", "still there")
	refused(400, "", sys.DeletePolicy("default"))
}

func capabilities(s *server) {
	client, sys := s.withPolicy(rules), s.root().Sys()
	sorted := func(seen []string, err error) []string {
		must(seen, err)
		sort.Strings(seen)
		return seen
	}
	wanted := []string{"list", "read"}
	check(same(sorted(client.Sys().CapabilitiesSelf("somewhere/below")), wanted), "own")
	check(same(sorted(client.Sys().CapabilitiesSelf("elsewhere")), []string{"deny"}), "elsewhere")
	check(same(sorted(sys.Capabilities(client.Token(), "somewhere/below")), wanted), "of a token")
	accessor := must(must(client.Auth().Token().LookupSelf()).TokenAccessor())
	check(same(sorted(sys.CapabilitiesAccessor(accessor, "somewhere/below")), wanted), "of an accessor")
	check(same(sorted(sys.CapabilitiesSelf("elsewhere")), []string{"root"}), "root's")
}

func pathHelp(s *server) {
	client, path := s.mount(2)
	seen := must(client.Help(path + "/config"))
	check(seen.Help != "" && len(seen.OpenAPI) > 0, "%+v", seen)
}

func userLockout(s *server) {
	client, path := s.root(), unique("users")
	done(client.Sys().EnableAuthWithOptions(path, &api.EnableAuthOptions{Type: "userpass"}))
	must(client.Logical().Write("auth/"+path+"/users/ann", values{"password": "right", "policies": "default"}))
	login := func(user, password string) (*api.Secret, error) {
		return s.client("").Logical().Write("auth/"+path+"/login/"+user, values{"password": password})
	}
	check(must(login("ann", "right")).Auth.ClientToken != "", "no token")
	// Nobody has the second name; what is told is the same.
	for _, user := range []string{"ann", "nobody"} {
		for i := 0; i < 5; i++ {
			refusal[*api.Secret](400, "invalid username or password")(login(user, "wrong"))
		}
		locked := refusal[*api.Secret](403, "permission denied")(login(user, "right"))
		check(same(locked, []string{"permission denied"}), "%v", locked)
	}
	accessor := must(client.Sys().ListAuth())[path+"/"].Accessor
	query := map[string][]string{"mount_accessor": {accessor}}
	seen := must(client.Logical().ReadWithData("sys/locked-users", query)).Data
	check(fmt.Sprint(seen["total"]) == "2", "%v", seen)
	must(client.Logical().Write("sys/locked-users/"+accessor+"/unlock/ann", nil))
	check(must(login("ann", "right")).Auth.Metadata["username"] == "ann", "another user")
	refusal[*api.Secret](403, "permission denied")(login("nobody", "right"))
}
