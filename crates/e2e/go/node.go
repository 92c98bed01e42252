// Starting, sealing, and what a node says about itself.
package main

import (
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/hashicorp/vault/api"
)

var nodeBehaviors = []behavior{
	{"initialize_and_unseal", initializeAndUnseal},
	{"sealed_is_down", sealedIsDown},
	{"generate_root", generateRoot},
	{"rekey", rekey},
	{"tls_with_own_authority", tlsWithOwnAuthority},
	{"health", health},
	{"seal_status", sealStatus},
	{"leader", leader},
	{"consistency_headers", consistencyHeaders},
}

func initializeAndUnseal(s *server) {
	client := s.client("")
	sys := client.Sys()
	check(!must(sys.InitStatus()), "initialized already")
	refusal[*api.InitResponse](400, "")(sys.Init(&api.InitRequest{SecretShares: 2, SecretThreshold: 3}))
	made := must(sys.Init(&api.InitRequest{SecretShares: 3, SecretThreshold: 2}))
	check(must(sys.InitStatus()), "not initialized")
	check(len(made.Keys) == 3 && len(made.KeysB64) == 3, "%d and %d keys", len(made.Keys), len(made.KeysB64))
	refusal[*api.InitResponse](400, "")(sys.Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1}))
	refusal[*api.SealStatusResponse](400, "")(sys.Unseal("not a key"))
	status := must(sys.Unseal(made.Keys[0]))
	check(status.Sealed && status.Progress == 1 && status.Nonce != "", "%+v", status)
	again := must(sys.Unseal(made.Keys[0]))
	check(again.Progress == 1 && again.Nonce == status.Nonce, "the same share twice: %+v", again)
	status = must(sys.ResetUnsealProcess())
	check(status.Progress == 0 && status.Nonce == "", "%+v", status)
	must(sys.Unseal(made.Keys[2]))
	status = must(sys.UnsealWithOptions(&api.UnsealOpts{Key: made.KeysB64[1]}))
	check(!status.Sealed && status.T == 2 && status.N == 3, "%+v", status)
	client.SetToken(made.RootToken)
	own := must(client.Auth().Token().LookupSelf())
	check(same(must(own.TokenPolicies()), []string{"root"}), "%v", own.Data)
}

func sealedIsDown(s *server) {
	client := s.client("")
	sys := client.Sys()
	made := must(sys.Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1}))
	refusal[*api.Secret](503, "Vault is sealed")(client.Logical().Read("secret/anything"))
	must(sys.Unseal(made.Keys[0]))
	client.SetToken(made.RootToken)
	done(sys.Mount("kept", &api.MountInput{Type: "kv", Options: map[string]string{"version": "1"}}))
	must(client.Logical().Write("kept/one", values{"a": "b"}))
	done(sys.Seal())
	check(must(sys.SealStatus()).Sealed, "not sealed")
	// The client asks for 299 in place of the 503 that would be an error to it.
	seen := must(sys.Health())
	check(seen.Sealed && seen.Initialized, "%+v", seen)
	refusal[*api.Secret](503, "Vault is sealed")(client.Logical().Read("kept/one"))
	must(sys.Unseal(made.KeysB64[0]))
	check(same(read(client, "kept/one").Data, values{"a": "b"}), "what was kept is gone")
}

// unsealed gives a client of a new server, without a token, and the unseal keys.
func unsealed(s *server, shares, threshold int) (*api.Client, []string) {
	client := s.client("")
	made := must(client.Sys().Init(&api.InitRequest{SecretShares: shares, SecretThreshold: threshold}))
	for _, key := range made.Keys[:threshold] {
		must(client.Sys().Unseal(key))
	}
	return client, made.Keys
}

func generateRoot(s *server) {
	client, keys := unsealed(s, 3, 2)
	sys := client.Sys()
	check(!must(sys.GenerateRootStatus()).Started, "begun already")
	begun := must(sys.GenerateRootInit("", ""))
	check(begun.Started && len(begun.OTP) == 28 && begun.OTPLength == 28 && begun.Required == 2, "%+v", begun)
	refusal[*api.GenerateRootStatusResponse](400, "already in progress")(sys.GenerateRootInit("", ""))
	refusal[*api.GenerateRootStatusResponse](400, "incorrect nonce")(sys.GenerateRootUpdate(keys[0], "other"))
	check(must(sys.GenerateRootUpdate(keys[0], begun.Nonce)).Progress == 1, "a key does not count")
	last := must(sys.GenerateRootUpdate(keys[2], begun.Nonce))
	check(last.Complete && last.EncodedRootToken == last.EncodedToken, "%+v", last)
	encoded := must(base64.RawStdEncoding.DecodeString(last.EncodedToken))
	check(len(encoded) == len(begun.OTP), "%d bytes", len(encoded))
	for at := range encoded {
		encoded[at] ^= begun.OTP[at]
	}
	client.SetToken(string(encoded))
	own := must(client.Auth().Token().LookupSelf())
	check(same(must(own.TokenPolicies()), []string{"root"}), "%v", own.Data)
	must(sys.GenerateRootInit("", ""))
	done(sys.GenerateRootCancel())
	check(!must(sys.GenerateRootStatus()).Started, "not canceled")
}

func rekey(s *server) {
	client, old := unsealed(s, 3, 2)
	sys := client.Sys()
	config := &api.RekeyInitRequest{SecretShares: 3, SecretThreshold: 2, RequireVerification: true}
	begun := must(sys.RekeyInit(config))
	check(begun.N == 3 && begun.T == 2 && begun.Required == 2 && begun.VerificationRequired, "%+v", begun)
	must(sys.RekeyUpdate(old[0], begun.Nonce))
	check(must(sys.RekeyStatus()).Progress == 1, "a key does not count")
	made := must(sys.RekeyUpdate(old[1], begun.Nonce))
	check(made.Complete && len(made.Keys) == 3 && len(made.KeysB64) == 3, "%+v", made)
	nonce := made.VerificationNonce
	check(must(sys.RekeyVerificationStatus()).Nonce == nonce, "another nonce")
	refusal[*api.RekeyVerificationUpdateResponse](400, "incorrect nonce")(sys.RekeyVerificationUpdate(old[0], "other"))
	check(!must(sys.RekeyVerificationUpdate(made.Keys[0], nonce)).Complete, "with one key")
	check(must(sys.RekeyVerificationUpdate(made.Keys[2], nonce)).Complete, "not verified")
	begun = must(sys.RekeyInit(&api.RekeyInitRequest{SecretShares: 1, SecretThreshold: 1}))
	must(sys.RekeyUpdate(made.Keys[0], begun.Nonce))
	last := must(sys.RekeyUpdate(made.KeysB64[1], begun.Nonce))
	check(last.Complete && len(last.Keys) == 1, "%+v", last)
	root := must(sys.GenerateRootInit("", "")).Nonce
	refusal[*api.GenerateRootStatusResponse](400, "")(sys.GenerateRootUpdate(made.Keys[0], root))
	check(must(sys.GenerateRootUpdate(last.KeysB64[0], root)).Complete, "the new key does not count")
}

func tlsWithOwnAuthority(s *server) {
	check(strings.HasPrefix(s.url, "https:"), "no TLS at %s", s.url)
	check(!must(s.client("").Sys().InitStatus()), "initialized already")
	_, err := s.trusting("", "").Sys().InitStatus()
	check(err != nil && strings.Contains(err.Error(), "certificate"), "trusted without its authority: %v", err)
}

func health(s *server) {
	seen := must(s.client("").Sys().Health())
	check(seen.Initialized && !seen.Sealed && !seen.Standby && !seen.PerformanceStandby, "%+v", seen)
	check(seen.ServerTimeUTC > 0 && seen.Version != "", "%+v", seen)
}

func sealStatus(s *server) {
	seen := must(s.client("").Sys().SealStatus())
	check(seen.Type == "shamir" && seen.Initialized && !seen.Sealed, "%+v", seen)
	check(seen.T == 1 && seen.N == 1 && seen.Progress == 0 && seen.Nonce == "", "%+v", seen)
	check(regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(seen.Version), "version %q", seen.Version)
}

func leader(s *server) {
	seen := must(s.client("").Sys().Leader())
	check(seen.IsSelf, "%+v", seen)
}

// consistencyHeaders is what the client does against clusters: it sends back the index that it saw, and asks for a
// node that has it.
func consistencyHeaders(s *server) {
	client, path := s.mount(1)
	client.SetReadYourWrites(true)
	must(client.Logical().Write(path+"/one", values{"a": "b"}))
	check(same(read(client, path+"/one").Data, values{"a": "b"}), "a write is not read")
	var state string
	must(client.WithResponseCallbacks(api.RecordState(&state)).Logical().Write(path+"/one", values{"a": "c"}))
	check(state != "", "a change comes without its index")
	asking := client.WithRequestCallbacks(api.RequireState(state), api.ForwardInconsistent(), api.ForwardAlways())
	check(same(read(asking, path+"/one").Data, values{"a": "c"}), "the state %q is not met", state)
}
