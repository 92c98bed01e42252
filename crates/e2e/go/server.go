// The server under test as the suite sees it.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// values is what the client's own types leave open.
type values = map[string]interface{}

// How long one request may take before it counts as unanswered.
const requestMax = 30 * time.Second

var (
	thisRun = func() string {
		random := make([]byte, 4)
		if _, err := rand.Read(random); err != nil {
			panic(err)
		}
		return hex.EncodeToString(random)
	}()
	number int
)

// unique makes a name that nothing on the server has: the same behavior may run there twice.
func unique(start string) string {
	number++
	return fmt.Sprintf("%s-%s-%d", start, thisRun, number)
}

type server struct{ url string }

// client is one with this token, or with none. It does not repeat what the server could not answer.
func (s *server) client(token string) *api.Client {
	return s.trusting(token, os.Getenv("SUITE_AUTHORITY"))
}

func (s *server) trusting(token, authority string) *api.Client {
	config := api.DefaultConfig()
	check(config.Error == nil, "the client's defaults: %v", config.Error)
	config.Address = s.url
	config.MaxRetries = 0
	config.Timeout = requestMax
	if authority != "" {
		done(config.ConfigureTLS(&api.TLSConfig{CACert: authority}))
	}
	client := must(api.NewClient(config))
	client.SetToken(token)
	return client
}

func (s *server) root() *api.Client {
	return s.client(os.Getenv("SUITE_ROOT_TOKEN"))
}

// mount makes a new KV mount; gives root's client and the mount's path.
func (s *server) mount(version int) (*api.Client, string) {
	client, path := s.root(), unique("kv")
	options := map[string]string{"version": fmt.Sprint(version)}
	done(client.Sys().Mount(path, &api.MountInput{Type: "kv", Options: options}))
	return client, path
}

// withPolicy gives a client whose token has this policy alone beside `default`.
func (s *server) withPolicy(rules string) *api.Client {
	root, name := s.root(), unique("policy")
	done(root.Sys().PutPolicy(name, rules))
	return s.client(create(root, &api.TokenCreateRequest{Policies: []string{name}, TTL: "10m"}).ClientToken)
}

// stranger gives a client whose token may do what every token may, and nothing else.
func (s *server) stranger() *api.Client {
	return s.client(create(s.root(), &api.TokenCreateRequest{Policies: []string{"default"}, TTL: "10m"}).ClientToken)
}

func create(client *api.Client, request *api.TokenCreateRequest) *api.SecretAuth {
	made := must(client.Auth().Token().Create(request))
	check(made != nil && made.Auth != nil, "no token in %v", made)
	return made.Auth
}

// refused wants an error reply with this status and this text in it; gives the errors in it.
func refused(status int, text string, err error) []string {
	_, file, line, _ := runtime.Caller(1)
	at := fmt.Sprintf("(%s:%d)", filepath.Base(file), line)
	if err == nil {
		panic(failure{fmt.Sprintf("%d was expected, and nothing was refused %s", status, at)})
	}
	var reply *api.ResponseError
	if !errors.As(err, &reply) {
		panic(failure{fmt.Sprintf("no reply: %v %s", err, at)})
	}
	if reply.StatusCode != status || !strings.Contains(err.Error(), text) {
		panic(failure{fmt.Sprintf("%d with %q was expected, and came %v %s", status, text, err, at)})
	}
	return reply.Errors
}

// refusal is refused for calls that also give something.
func refusal[T any](status int, text string) func(T, error) []string {
	return func(_ T, err error) []string { return refused(status, text, err) }
}

// same compares what the client read with what is wanted; numbers are json.Number.
func same(seen, wanted interface{}) bool {
	return reflect.DeepEqual(seen, wanted)
}

// integer is what the client makes of a JSON number.
func integer(value interface{}) int64 {
	read, ok := value.(json.Number)
	check(ok, "%#v is no number", value)
	return must(read.Int64())
}

func contains(list []string, wanted string) bool {
	for _, entry := range list {
		if entry == wanted {
			return true
		}
	}
	return false
}

// texts reads a list of strings.
func texts(value interface{}) []string {
	list, ok := value.([]interface{})
	check(ok, "%#v is no list", value)
	var all []string
	for _, entry := range list {
		text, ok := entry.(string)
		check(ok, "%#v is no text", entry)
		all = append(all, text)
	}
	return all
}

// read wants something at the path.
func read(client *api.Client, path string) *api.Secret {
	secret := must(client.Logical().Read(path))
	check(secret != nil, "nothing at %s", path)
	return secret
}

// keys wants a list with something in it.
func keys(client *api.Client, path string) []string {
	secret := must(client.Logical().List(path))
	check(secret != nil, "nothing to list at %s", path)
	return texts(secret.Data["keys"])
}
