// Tokens: every way to make one, and what becomes of it.
package main

import (
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

const maker = `path "auth/token/create*" { capabilities = ["create", "update", "sudo"] }`

var tokenBehaviors = []behavior{
	{"token_create", tokenCreate},
	{"token_orphan", tokenOrphan},
	{"token_roles", tokenRoles},
	{"token_batch", tokenBatch},
	{"token_periodic", tokenPeriodic},
	{"token_use_limit", tokenUseLimit},
	{"token_lookup", tokenLookup},
	{"token_renewal", tokenRenewal},
	{"token_renewal_in_background", tokenRenewalInBackground},
	{"token_revocation", tokenRevocation},
	{"token_unknown", tokenUnknown},
}

var onlyDefault = []string{"default"}

// lookup is what the client's own token is told about itself.
func lookup(s *server, token string) *api.Secret {
	return must(s.client(token).Auth().Token().LookupSelf())
}

// gone wants a token that nobody accepts.
func gone(s *server, token string) {
	_, err := s.client(token).Auth().Token().LookupSelf()
	refused(403, "permission denied", err)
}

func tokenCreate(s *server) {
	client := s.root()
	made := must(client.Auth().Token().Create(&api.TokenCreateRequest{
		Policies: []string{"default", "not-there"}, TTL: "1h", ExplicitMaxTTL: "2h",
		Metadata: map[string]string{"for": "suite"}, DisplayName: "suite",
	}))
	auth := made.Auth
	wanted := []string{"default", "not-there"}
	check(same(auth.Policies, wanted) && same(auth.TokenPolicies, wanted), "%+v", auth)
	check(auth.LeaseDuration == 3600 && auth.Renewable && !auth.Orphan && auth.EntityID == "", "%+v", auth)
	check(same(auth.Metadata, map[string]string{"for": "suite"}), "%+v", auth)
	check(strings.HasPrefix(auth.ClientToken, "hvs."), "%+v", auth)
	check(strings.Contains(strings.Join(made.Warnings, " "), "not-there"), "warnings %v", made.Warnings)
	seen := must(client.Auth().Token().Lookup(auth.ClientToken)).Data
	check(integer(seen["explicit_max_ttl"]) == 7200 && seen["display_name"] == "token-suite", "%v", seen)
	check(seen["path"] == "auth/token/create" && seen["type"] == "service", "%v", seen)
	fixed, id := false, unique("chosen-id")
	chosen := create(client, &api.TokenCreateRequest{
		ID: id, Policies: []string{"not-there"}, NoDefaultPolicy: true, Renewable: &fixed, TTL: "600",
	})
	check(chosen.ClientToken == id && same(chosen.Policies, []string{"not-there"}), "%+v", chosen)
	check(!chosen.Renewable && chosen.LeaseDuration == 600, "%+v", chosen)
	_, err := s.client(auth.ClientToken).Auth().Token().Create(&api.TokenCreateRequest{})
	refused(403, "permission denied", err)
}

func tokenOrphan(s *server) {
	client := s.root()
	request := &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m"}
	check(must(client.Auth().Token().CreateOrphan(request)).Auth.Orphan, "created as one")
	check(create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m", NoParent: true}).Orphan, "no parent")
	parent := s.withPolicy(maker)
	child := create(parent, &api.TokenCreateRequest{TTL: "10m"}).ClientToken
	orphan := must(parent.Auth().Token().CreateOrphan(&api.TokenCreateRequest{TTL: "10m"})).Auth.ClientToken
	done(client.Auth().Token().RevokeTree(parent.Token()))
	gone(s, child)
	check(lookup(s, orphan).Data["orphan"] == true, "no orphan")
}

func tokenRoles(s *server) {
	client, role := s.root(), unique("role")
	path := "auth/token/roles/" + role
	must(client.Logical().Write(path, values{
		"allowed_policies": []string{"default", "one"}, "orphan": true, "renewable": false,
		"path_suffix": "suite", "token_explicit_max_ttl": "2h",
	}))
	seen := read(client, path).Data
	check(seen["name"] == role && same(texts(seen["allowed_policies"]), []string{"default", "one"}), "%v", seen)
	check(seen["orphan"] == true && seen["renewable"] == false && seen["path_suffix"] == "suite", "%v", seen)
	check(integer(seen["token_explicit_max_ttl"]) == 7200 && seen["token_type"] == "default-service", "%v", seen)
	check(contains(keys(client, "auth/token/roles"), role), "not listed")
	tokens := client.Auth().Token()
	made := must(tokens.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"one"}, TTL: "1h"}, role)).Auth
	check(same(made.Policies, []string{"default", "one"}) && made.Orphan && !made.Renewable, "%+v", made)
	own := lookup(s, made.ClientToken).Data
	check(own["role"] == role && own["path"] == "auth/token/create/"+role+"/suite", "%v", own)
	_, err := tokens.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"other"}}, role)
	refused(400, "", err)
	must(client.Logical().Delete(path))
	left := must(client.Logical().Read(path))
	check(left == nil, "%v", left)
	_, err = tokens.CreateWithRole(&api.TokenCreateRequest{}, role)
	refused(400, "unknown role", err)
}

func tokenBatch(s *server) {
	client := s.root()
	made := create(client, &api.TokenCreateRequest{Type: "batch", Policies: onlyDefault, TTL: "10m"})
	check(strings.HasPrefix(made.ClientToken, "hvb.") && made.Accessor == "" && !made.Renewable, "%+v", made)
	check(made.LeaseDuration == 600, "%+v", made)
	own := lookup(s, made.ClientToken)
	check(own.Data["type"] == "batch" && same(must(own.TokenPolicies()), onlyDefault), "%v", own.Data)
	_, err := s.client(made.ClientToken).Auth().Token().RenewSelf(60)
	refused(400, "", err)
	refused(400, "", client.Auth().Token().RevokeTree(made.ClientToken))
	_, err = client.Auth().Token().Create(&api.TokenCreateRequest{Type: "batch", TTL: "10m", Period: "1h"})
	refused(400, "batch", err)
}

func tokenPeriodic(s *server) {
	made := create(s.root(), &api.TokenCreateRequest{Policies: onlyDefault, Period: "2h"})
	check(made.LeaseDuration == 7200, "%+v", made)
	check(integer(lookup(s, made.ClientToken).Data["period"]) == 7200, "no period")
	renewed := must(s.client(made.ClientToken).Auth().Token().RenewSelf(1)).Auth
	check(renewed.LeaseDuration == 7200, "%+v", renewed)
}

func tokenUseLimit(s *server) {
	made := create(s.root(), &api.TokenCreateRequest{Policies: onlyDefault, NumUses: 2, TTL: "10m"})
	check(integer(lookup(s, made.ClientToken).Data["num_uses"]) == 1, "not counted")
	lookup(s, made.ClientToken)
	gone(s, made.ClientToken)
}

func tokenLookup(s *server) {
	client := s.root()
	tokens := client.Auth().Token()
	root := must(tokens.LookupSelf()).Data
	expires, given := root["expire_time"]
	check(given && expires == nil && integer(root["ttl"]) == 0 && root["type"] == "service", "%v", root)
	made := create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m"})
	for _, seen := range []*api.Secret{must(tokens.Lookup(made.ClientToken)), lookup(s, made.ClientToken)} {
		check(must(seen.TokenID()) == made.ClientToken && must(seen.TokenAccessor()) == made.Accessor, "%v", seen.Data)
		ttl := must(seen.TokenTTL())
		check(ttl > 0 && ttl <= 10*time.Minute && must(seen.TokenIsRenewable()), "%v", seen.Data)
		issued := must(time.Parse(time.RFC3339, seen.Data["issue_time"].(string)))
		expires := must(time.Parse(time.RFC3339, seen.Data["expire_time"].(string)))
		check(expires.Sub(issued) == 10*time.Minute, "from %v to %v", issued, expires)
		check(integer(seen.Data["creation_ttl"]) == 600 && seen.Data["entity_id"] == "", "%v", seen.Data)
	}
	held := must(tokens.LookupAccessor(made.Accessor)).Data
	check(held["id"] == "" && held["accessor"] == made.Accessor, "%v", held)
	check(contains(keys(client, "auth/token/accessors"), made.Accessor), "not listed")
}

func tokenRenewal(s *server) {
	client := s.root()
	tokens := client.Auth().Token()
	made := create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m", ExplicitMaxTTL: "1h"})
	renewed := must(s.client(made.ClientToken).Auth().Token().RenewSelf(1800)).Auth
	check(renewed.LeaseDuration == 1800 && renewed.Accessor == made.Accessor, "%+v", renewed)
	check(must(tokens.Renew(made.ClientToken, 1200)).Auth.LeaseDuration == 1200, "by another")
	capped := must(tokens.RenewAccessor(made.Accessor, 5*3600))
	left := capped.Auth.LeaseDuration
	check(left > 3000 && left <= 3600 && len(capped.Warnings) > 0, "%d seconds, warnings %v", left, capped.Warnings)
	no := false
	fixed := create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m", Renewable: &no}).ClientToken
	_, err := s.client(fixed).Auth().Token().RenewSelf(60)
	refused(400, "lease is not renewable", err)
}

// tokenRenewalInBackground is the loop that agents and operators run.
func tokenRenewalInBackground(s *server) {
	own := s.client("")
	request := &api.TokenCreateRequest{Policies: onlyDefault, TTL: "1m"}
	made := must(s.root().Auth().Token().Create(request))
	own.SetToken(made.Auth.ClientToken)
	watcher := must(own.NewLifetimeWatcher(&api.LifetimeWatcherInput{
		Secret: made, Increment: 3600, RenewBehavior: api.RenewBehaviorErrorOnErrors,
	}))
	go watcher.Start()
	defer watcher.Stop()
	select {
	case renewal := <-watcher.RenewCh():
		auth := renewal.Secret.Auth
		check(auth.LeaseDuration == 3600 && auth.ClientToken == made.Auth.ClientToken, "%+v", auth)
	case err := <-watcher.DoneCh():
		check(false, "ended instead: %v", err)
	}
	ttl := must(lookup(s, made.Auth.ClientToken).TokenTTL())
	check(ttl > time.Minute, "only %v left", ttl)
}

func tokenRevocation(s *server) {
	client, parent := s.root(), s.withPolicy(maker)
	tokens := client.Auth().Token()
	child := create(parent, &api.TokenCreateRequest{TTL: "10m"}).ClientToken
	done(tokens.RevokeOrphan(parent.Token()))
	gone(s, parent.Token())
	check(lookup(s, child).Data["orphan"] == true, "revoked with its parent, or not an orphan")
	made := create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m"})
	done(tokens.RevokeAccessor(made.Accessor))
	gone(s, made.ClientToken)
	done(s.client(child).Auth().Token().RevokeSelf(""))
	gone(s, child)
	again := create(client, &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m"}).ClientToken
	done(tokens.RevokeTree(again))
	done(tokens.RevokeTree(again))
	gone(s, again)
}

func tokenUnknown(s *server) {
	gone(s, "hvs.nobody")
	tokens := s.root().Auth().Token()
	refusal[*api.Secret](403, "bad token")(tokens.Lookup("hvs.nobody"))
	refusal[*api.Secret](403, "invalid accessor")(tokens.LookupAccessor("nobody"))
}
