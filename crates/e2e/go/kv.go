// The key-value engine, both versions.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"
)

var kvBehaviors = []behavior{
	{"kv1", kv1},
	{"kv2_versions", kv2Versions},
	{"kv2_check_and_set", kv2CheckAndSet},
	{"kv2_patch", kv2Patch},
	{"kv2_deleted_versions", kv2DeletedVersions},
	{"kv2_metadata", kv2Metadata},
	{"kv2_list", kv2List},
	{"kv2_scan", kv2Scan},
	{"kv2_configuration", kv2Configuration},
	{"kv2_subkeys", kv2Subkeys},
	{"kv_missing", kvMissing},
	{"kv_values_survive", kvValuesSurvive},
}

var whenever = context.Background()

// missing wants the client's own word for what is not there.
func missing[T any](value T, err error) {
	check(errors.Is(err, api.ErrSecretNotFound), "%v, %v in place of not found", value, err)
}

func kv1(s *server) {
	client, mount := s.mount(1)
	kv := client.KVv1(mount)
	done(kv.Put(whenever, "app/db", values{"user": "ann", "ttl": "1h"}))
	seen := must(kv.Get(whenever, "app/db"))
	check(same(seen.Data, values{"user": "ann", "ttl": "1h"}), "%v", seen.Data)
	check(seen.Raw.LeaseDuration == 3600 && seen.Raw.LeaseID == "" && !seen.Raw.Renewable, "%+v", seen.Raw)
	done(kv.Put(whenever, "app/db", values{"only": "this"}))
	seen = must(kv.Get(whenever, "app/db"))
	check(same(seen.Data, values{"only": "this"}) && seen.Raw.LeaseDuration == 2764800, "%+v", seen.Raw)
	done(kv.Put(whenever, "app", values{"beside": "the folder"}))
	check(same(keys(client, mount), []string{"app", "app/"}), "the root")
	check(same(keys(client, mount+"/app"), []string{"db"}), "the folder")
	done(kv.Delete(whenever, "app/db"))
	done(kv.Delete(whenever, "app/db"))
	missing(kv.Get(whenever, "app/db"))
	empty := must(client.Logical().List(mount + "/app"))
	check(empty == nil, "%v", empty)
}

func kv2Versions(s *server) {
	client, mount := s.mount(2)
	kv := client.KVv2(mount)
	first := must(kv.Put(whenever, "one", values{"pass": "first"})).VersionMetadata
	check(first.Version == 1 && !first.Destroyed && first.DeletionTime.IsZero() && !first.CreatedTime.IsZero(), "%+v", first)
	check(must(kv.Put(whenever, "one", values{"pass": "second"})).VersionMetadata.Version == 2, "the second")
	latest := must(kv.Get(whenever, "one"))
	check(same(latest.Data, values{"pass": "second"}) && latest.VersionMetadata.Version == 2, "%+v", latest)
	older := must(kv.GetVersion(whenever, "one", 1))
	check(same(older.Data, values{"pass": "first"}) && older.VersionMetadata.Version == 1, "%+v", older)
	missing(kv.GetVersion(whenever, "one", 3))
	// Get, check the version, put: three requests that must agree with each other.
	back := must(kv.Rollback(whenever, "one", 1))
	check(back.VersionMetadata.Version == 3, "%+v", back)
	check(same(must(kv.Get(whenever, "one")).Data, values{"pass": "first"}), "not rolled back")
}

func kv2CheckAndSet(s *server) {
	client, mount := s.mount(2)
	kv := client.KVv2(mount)
	write := func(options ...api.KVOption) (*api.KVSecret, error) {
		return kv.Put(whenever, "one", values{"a": "b"}, options...)
	}
	check(must(write(api.WithCheckAndSet(0))).VersionMetadata.Version == 1, "the first")
	wanted := "check-and-set parameter did not match the current version"
	refusal[*api.KVSecret](400, wanted)(write(api.WithCheckAndSet(0)))
	check(must(write(api.WithCheckAndSet(1))).VersionMetadata.Version == 2, "the second")
	must(client.Logical().Write(mount+"/config", values{"cas_required": true}))
	refusal[*api.KVSecret](400, "check-and-set parameter required for this call")(write())
}

func kv2Patch(s *server) {
	client, mount := s.mount(2)
	kv := client.KVv2(mount)
	must(kv.Put(whenever, "one", values{"stays": "here", "goes": "away"}))
	patch := values{"goes": nil, "number": 7}
	changed := must(kv.Patch(whenever, "one", patch, api.WithCheckAndSet(1)))
	check(changed.VersionMetadata.Version == 2, "%+v", changed)
	wanted := values{"stays": "here", "number": json.Number("7")}
	check(same(must(kv.Get(whenever, "one")).Data, wanted), "not merged")
	must(kv.Patch(whenever, "one", values{"more": "yes"}, api.WithMergeMethod(api.KVMergeMethodReadWrite)))
	check(must(kv.Get(whenever, "one")).Data["more"] == "yes", "not merged by the client")
	_, err := kv.Patch(whenever, "none", values{"a": "b"})
	check(errors.Is(err, api.ErrSecretNotFound), "%v", err)
}

func kv2DeletedVersions(s *server) {
	client, mount := s.mount(2)
	kv := client.KVv2(mount)
	for n := 1; n <= 3; n++ {
		must(kv.Put(whenever, "one", values{"n": n}))
	}
	done(kv.Delete(whenever, "one"))
	deleted := must(kv.Get(whenever, "one"))
	metadata := deleted.VersionMetadata
	check(deleted.Data == nil && metadata.Version == 3, "%+v", deleted)
	check(!metadata.DeletionTime.IsZero() && !metadata.Destroyed, "%+v", metadata)
	done(kv.Undelete(whenever, "one", []int{3}))
	check(same(must(kv.Get(whenever, "one")).Data, values{"n": json.Number("3")}), "not undeleted")
	done(kv.DeleteVersions(whenever, "one", []int{1, 2}))
	check(must(kv.GetVersion(whenever, "one", 1)).Data == nil, "not deleted")
	done(kv.Destroy(whenever, "one", []int{1}))
	done(kv.Undelete(whenever, "one", []int{1, 2}))
	check(must(kv.GetVersion(whenever, "one", 2)).Data != nil, "not undeleted")
	destroyed := must(kv.GetVersion(whenever, "one", 1))
	check(destroyed.Data == nil && destroyed.VersionMetadata.Destroyed, "%+v", destroyed)
	list := must(kv.GetVersionsAsList(whenever, "one"))
	check(len(list) == 3 && list[0].Destroyed && !list[2].Destroyed, "%+v", list)
}

func kv2Metadata(s *server) {
	client, mount := s.mount(2)
	kv := client.KVv2(mount)
	after := 3*time.Hour + 25*time.Minute + 19*time.Second
	done(kv.PutMetadata(whenever, "one", api.KVMetadataPutInput{
		MaxVersions: 2, DeleteVersionAfter: after, CustomMetadata: values{"owner": "ann"},
	}))
	seen := must(kv.GetMetadata(whenever, "one"))
	check(seen.CurrentVersion == 0 && seen.MaxVersions == 2 && len(seen.Versions) == 0, "%+v", seen)
	check(seen.DeleteVersionAfter == after && same(seen.CustomMetadata, values{"owner": "ann"}), "%+v", seen)
	missing(kv.Get(whenever, "one"))
	for n := 1; n <= 3; n++ {
		must(kv.Put(whenever, "one", values{"n": n}))
	}
	seen = must(kv.GetMetadata(whenever, "one"))
	check(len(seen.Versions) == 2 && seen.OldestVersion == 2 && seen.CurrentVersion == 3, "%+v", seen)
	version := seen.Versions["3"]
	check(version.DeletionTime.Sub(version.CreatedTime) == after, "%+v", version)
	none := 0
	done(kv.PatchMetadata(whenever, "one", api.KVMetadataPatchInput{
		MaxVersions: &none, CustomMetadata: values{"team": "red"},
	}))
	seen = must(kv.GetMetadata(whenever, "one"))
	check(seen.MaxVersions == 0 && seen.DeleteVersionAfter == after, "%+v", seen)
	check(same(seen.CustomMetadata, values{"owner": "ann", "team": "red"}), "%+v", seen)
	done(kv.DeleteMetadata(whenever, "one"))
	done(kv.DeleteMetadata(whenever, "one"))
	missing(kv.GetMetadata(whenever, "one"))
	missing(kv.Get(whenever, "one"))
}

// below makes these secrets.
func below(client *api.Client, mount string, paths ...string) {
	for _, path := range paths {
		must(client.KVv2(mount).Put(whenever, path, values{"a": "b"}))
	}
}

func kv2List(s *server) {
	client, mount := s.mount(2)
	below(client, mount, "b", "a/one", "a/two/deep", "a")
	check(same(keys(client, mount+"/metadata"), []string{"a", "a/", "b"}), "the root")
	check(same(keys(client, mount+"/metadata/a"), []string{"one", "two/"}), "the folder")
	empty := must(client.Logical().List(mount + "/metadata/b"))
	check(empty == nil, "%v", empty)
}

func kv2Scan(s *server) {
	client, mount := s.mount(2)
	below(client, mount, "b", "a/one", "a/two/deep")
	reply := must(client.RawRequest(client.NewRequest("SCAN", "/v1/"+mount+"/metadata/")))
	defer reply.Body.Close()
	seen := must(api.ParseSecret(reply.Body))
	check(same(texts(seen.Data["keys"]), []string{"a/one", "a/two/deep", "b"}), "%v", seen.Data)
	asked := must(client.Logical().ReadWithData(mount+"/metadata/a", map[string][]string{"scan": {"true"}}))
	check(asked != nil && same(texts(asked.Data["keys"]), []string{"one", "two/deep"}), "%v", asked)
}

func kv2Configuration(s *server) {
	client, mount := s.mount(2)
	seen := read(client, mount+"/config").Data
	check(integer(seen["max_versions"]) == 0 && seen["cas_required"] == false, "%v", seen)
	check(seen["delete_version_after"] == "0s", "%v", seen)
	must(client.Logical().Write(mount+"/config", values{
		"max_versions": 7, "cas_required": true, "delete_version_after": "1h30m",
	}))
	seen = read(client, mount+"/config").Data
	check(integer(seen["max_versions"]) == 7 && seen["cas_required"] == true, "%v", seen)
	check(seen["delete_version_after"] == "1h30m0s", "%v", seen)
}

func kv2Subkeys(s *server) {
	client, mount := s.mount(2)
	secret := values{"a": values{"b": values{"c": "value"}}, "d": []string{"x"}}
	must(client.KVv2(mount).Put(whenever, "one", secret))
	seen := read(client, mount+"/subkeys/one").Data
	check(same(seen["subkeys"], values{"a": values{"b": values{"c": nil}}, "d": nil}), "%v", seen)
	shallow := must(client.Logical().ReadWithData(mount+"/subkeys/one", map[string][]string{"depth": {"1"}}))
	check(same(shallow.Data["subkeys"], values{"a": nil, "d": nil}), "%v", shallow.Data)
}

func kvMissing(s *server) {
	client, mount := s.mount(1)
	missing(client.KVv1(mount).Get(whenever, unique("none")))
	nothing := must(client.Logical().List(mount))
	check(nothing == nil, "%v", nothing)
	client, mount = s.mount(2)
	missing(client.KVv2(mount).Get(whenever, unique("none")))
	missing(client.KVv2(mount).GetMetadata(whenever, unique("none")))
	nothing = must(client.Logical().List(mount + "/metadata"))
	check(nothing == nil, "%v", nothing)
	// A read without data/ in its path is told about it.
	warned := read(client, mount+"/"+unique("none"))
	check(len(warned.Warnings) == 1, "%v", warned.Warnings)
}

func kvValuesSurvive(s *server) {
	secret := values{
		"text":   "ä<&>\u2028\"",
		"huge":   json.Number("12345678901234567890123"),
		"exact":  json.Number("0.1"),
		"nested": values{"list": []interface{}{json.Number("1"), nil, true, values{"deep": []interface{}{}}}},
	}
	client, mount := s.mount(1)
	done(client.KVv1(mount).Put(whenever, "values", secret))
	seen := must(client.KVv1(mount).Get(whenever, "values")).Data
	check(same(seen, secret), "%v", seen)
	client, mount = s.mount(2)
	must(client.KVv2(mount).Put(whenever, "values", secret))
	seen = must(client.KVv2(mount).Get(whenever, "values")).Data
	check(same(seen, secret), "%v", seen)
}
