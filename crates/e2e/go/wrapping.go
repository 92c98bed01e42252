// Response wrapping, the cubbyhole it rests on, and the tools beside it.
package main

import (
	"encoding/base64"
	"encoding/hex"

	"github.com/hashicorp/vault/api"
)

const invalidWrap = "wrapping token is not valid or does not exist"

var wrappingBehaviors = []behavior{
	{"wrap_and_unwrap", wrapAndUnwrap},
	{"wrap_token", wrapToken},
	{"wrap_lookup", wrapLookup},
	{"rewrap", rewrap},
	{"unwrap_once", unwrapOnce},
	{"wrap_data", wrapData},
	{"cubbyhole", cubbyhole},
	{"tools_random", toolsRandom},
	{"tools_hash", toolsHash},
}

// wrapping asks for every reply to be wrapped.
func wrapping(client *api.Client, ttl string) *api.Client {
	asking := must(client.CloneWithHeaders())
	asking.SetToken(client.Token())
	asking.SetWrappingLookupFunc(func(operation, path string) string { return ttl })
	return asking
}

// wrapped is a secret, read by a wrapped request.
func wrapped(s *server) (client *api.Client, path string, info *api.SecretWrapInfo) {
	client, mount := s.mount(1)
	path = mount + "/one"
	must(client.Logical().Write(path, values{"a": "b"}))
	reply := read(wrapping(client, "5m"), path)
	check(reply.WrapInfo != nil && reply.Data == nil && reply.Auth == nil && reply.RequestID == "", "%+v", reply)
	return client, path, reply.WrapInfo
}

// unwrap wants the secret of wrapped.
func unwrap(client *api.Client, token string) *api.Secret {
	seen := must(client.Logical().Unwrap(token))
	check(seen != nil && same(seen.Data, values{"a": "b"}), "%+v", seen)
	return seen
}

// spent wants a token with which nothing can be unwrapped.
func spent(client *api.Client, token string) {
	_, err := client.Logical().Unwrap(token)
	refused(400, invalidWrap, err)
}

func wrapAndUnwrap(s *server) {
	client, path, info := wrapped(s)
	check(info.TTL == 300 && info.CreationPath == path && info.Accessor != "" && !info.CreationTime.IsZero(), "%+v", info)
	// The wrapping token as the caller's own, then as a field beside the caller's.
	plain := unwrap(s.client(info.Token), "")
	check(plain.WrapInfo == nil && plain.RequestID != "", "%+v", plain)
	second := read(wrapping(client, "60"), path).WrapInfo
	check(second.TTL == 60, "%+v", second)
	unwrap(client, second.Token)
}

func wrapToken(s *server) {
	request := &api.TokenCreateRequest{Policies: onlyDefault, TTL: "10m"}
	info := must(wrapping(s.root(), "2m").Auth().Token().Create(request)).WrapInfo
	check(info != nil && info.CreationPath == "auth/token/create" && info.WrappedAccessor != "", "%+v", info)
	auth := must(s.client(info.Token).Logical().Unwrap("")).Auth
	check(auth != nil && auth.Accessor == info.WrappedAccessor && same(auth.Policies, onlyDefault), "%+v", auth)
	lookup(s, auth.ClientToken)
}

func wrapLookup(s *server) {
	client, path, info := wrapped(s)
	// Nobody in particular may ask.
	seen := must(s.client("").Logical().Write("sys/wrapping/lookup", values{"token": info.Token})).Data
	check(seen["creation_path"] == path && integer(seen["creation_ttl"]) == 300, "%v", seen)
	check(seen["creation_time"] == info.CreationTime.Format("2006-01-02T15:04:05.999999999Z07:00"), "%v", seen)
	unwrap(client, info.Token)
}

func rewrap(s *server) {
	client, path, info := wrapped(s)
	fresh := must(client.Logical().Write("sys/wrapping/rewrap", values{"token": info.Token})).WrapInfo
	check(fresh != nil && fresh.Token != info.Token && fresh.CreationPath == path && fresh.TTL == 300, "%+v", fresh)
	spent(client, info.Token)
	unwrap(client, fresh.Token)
}

func unwrapOnce(s *server) {
	client, _, info := wrapped(s)
	unwrap(client, info.Token)
	spent(client, info.Token)
	spent(s.client(info.Token), "")
	_, err := client.Logical().Write("sys/wrapping/lookup", values{"token": info.Token})
	refused(400, invalidWrap, err)
	spent(client, "hvs.nobody")
}

func wrapData(s *server) {
	client, path := s.root(), "sys/wrapping/wrap"
	info := must(wrapping(client, "90").Logical().Write(path, values{"any": "thing"})).WrapInfo
	check(info != nil && info.TTL == 90 && info.CreationPath == path, "%+v", info)
	check(same(must(client.Logical().Unwrap(info.Token)).Data, values{"any": "thing"}), "other data")
	// The client asks for a wrap by itself on this path, so it has to be told not to.
	_, err := wrapping(client, "").Logical().Write(path, values{"any": "thing"})
	refused(400, "", err)
}

func cubbyhole(s *server) {
	own := s.stranger()
	must(own.Logical().Write("cubbyhole/note", values{"text": "mine"}))
	check(same(read(own, "cubbyhole/note").Data, values{"text": "mine"}), "another note")
	check(same(keys(own, "cubbyhole"), []string{"note"}), "another list")
	others := must(s.root().Logical().Read("cubbyhole/note"))
	check(others == nil, "another token's cubbyhole, even to root: %v", others)
	must(own.Logical().Delete("cubbyhole/note"))
	left := must(own.Logical().Read("cubbyhole/note"))
	check(left == nil, "%v", left)
}

func toolsRandom(s *server) {
	client := s.root()
	draw := func(path string, body values) string {
		text, _ := must(client.Logical().Write("sys/tools/random"+path, body)).Data["random_bytes"].(string)
		return text
	}
	first, second := draw("/16", values{}), draw("/16", values{})
	check(first != second, "twice the same: %s", first)
	check(len(must(base64.StdEncoding.DecodeString(first))) == 16, "%s", first)
	check(len(must(hex.DecodeString(draw("", values{"bytes": 8, "format": "hex"})))) == 8, "not in hex")
}

func toolsHash(s *server) {
	// FIPS 180-2, appendix B.1.
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	client := s.stranger()
	input := base64.StdEncoding.EncodeToString([]byte("abc"))
	seen := must(client.Logical().Write("sys/tools/hash/sha2-256", values{"input": input})).Data
	check(seen["sum"] == abc, "%v", seen)
	seen = must(client.Logical().Write("sys/tools/hash", values{"input": input, "format": "base64"})).Data
	check(seen["sum"] == base64.StdEncoding.EncodeToString(must(hex.DecodeString(abc))), "%v", seen)
	_, err := client.Logical().Write("sys/tools/hash", values{"input": "not base64"})
	refused(400, "", err)
}
