// Logins whose other side is more than a server: certificates of OpenSSL, a cluster, a directory. The tests start these
// and say where they are: SUITE_FOLDER for files, SUITE_PEER for an address.
package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/kubernetes"
	"github.com/hashicorp/vault/api/auth/ldap"
)

// Not among the behaviors of docs/clients.md: a server alone is not enough for them.
var loginBehaviors = []behavior{
	{"login_cert", certificates},
	{"login_kubernetes", pods},
	{"login_ldap", people},
}

func file(name string) string {
	return filepath.Join(os.Getenv("SUITE_FOLDER"), name)
}

func contents(name string) string {
	return string(must(os.ReadFile(file(name))))
}

// showing is a client that shows this certificate in its handshake.
func (s *server) showing(name string) *api.Client {
	config := api.DefaultConfig()
	config.Address = s.url
	config.MaxRetries = 0
	config.Timeout = requestMax
	done(config.ConfigureTLS(&api.TLSConfig{CACert: os.Getenv("SUITE_AUTHORITY")}))
	// Not through ConfigureTLS: a server that names no authority it takes would then be shown nothing by old releases.
	own := must(tls.LoadX509KeyPair(file(name+".pem"), file(name+".key")))
	config.HttpClient.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{own}
	client := must(api.NewClient(config))
	client.ClearToken()
	return client
}

func certificates(s *server) {
	root, path, _ := s.enableAuth("cert")
	role := "auth/" + path + "/certs/web"
	must(root.Logical().Write(role, values{
		"certificate": contents("ca.pem"), "allowed_dns_sans": "*.example.com", "token_policies": "default",
		"token_ttl": "20m", "display_name": "shop",
	}))
	login := "auth/" + path + "/login"
	enter := func(client *api.Client, role string) (*api.Secret, error) {
		return client.Logical().Write(login, values{"name": role})
	}
	web := s.showing("web")
	for _, named := range []string{"", "web"} {
		auth := must(enter(web, named)).Auth
		check(auth.LeaseDuration == 1200 && auth.Renewable && auth.EntityID != "", "%+v", auth)
		check(auth.Metadata["common_name"] == "web" && auth.Metadata["cert_name"] == "web", "%v", auth.Metadata)
		check(strings.Trim(auth.Metadata["serial_number"], "0123456789") == "", "%v", auth.Metadata)
		web.SetToken(auth.ClientToken)
	}
	seen := must(web.Auth().Token().LookupSelf())
	check(text(seen, "display_name") == path+"-shop", "%v", seen.Data)
	// A renewal shows the certificate again, and the role is asked again; with another one, or none, it is refused.
	check(must(web.Auth().Token().RenewSelf(0)).Auth.LeaseDuration == 1200, "another time")
	old := s.showing("old")
	old.SetToken(web.Token())
	_, err := old.Auth().Token().RenewSelf(0)
	refused(400, "no chain matching all constraints could be found for this login certificate", err)
	_, err = s.client(web.Token()).Auth().Token().RenewSelf(0)
	refused(400, "client certificate must be supplied", err)
	_, err = enter(s.showing("old"), "web")
	refused(400, "no chain matching all constraints could be found for this login certificate", err)
	_, err = enter(s.client(""), "")
	refused(400, "client certificate must be supplied", err)
	must(root.Logical().Write(role, values{"token_policies": "root"}))
	_, err = enter(s.showing("web"), "web")
	refused(400, "auth methods cannot create root tokens", err)
	must(root.Logical().Delete(role))
	_, err = enter(s.showing("web"), "web")
	refused(400, "invalid certificate or no client certificate supplied", err)
}

func pods(s *server) {
	root, path, _ := s.enableAuth("kubernetes")
	must(root.Logical().Write("auth/"+path+"/config", values{
		"kubernetes_host": os.Getenv("SUITE_PEER"), "kubernetes_ca_cert": contents("cluster-ca.pem"),
		"token_reviewer_jwt": contents("reviewer.jwt"),
	}))
	role := "auth/" + path + "/role/web"
	must(root.Logical().Write(role, values{
		"bound_service_account_names": "w*", "bound_service_account_namespaces": "shop", "token_policies": "default",
		"token_ttl": "20m", "alias_name_source": "serviceaccount_name",
	}))
	// The client's module reads the token where a pod has it.
	enter := func(role string, token kubernetes.LoginOption) (*api.Client, *api.Secret, error) {
		client := s.client("")
		method := must(kubernetes.NewKubernetesAuth(role, token, kubernetes.WithMountPath(path)))
		reply, err := client.Auth().Login(context.Background(), method)
		return client, reply, err
	}
	own, reply, err := enter("web", kubernetes.WithServiceAccountTokenPath(file("web.jwt")))
	done(err)
	auth := reply.Auth
	check(auth.LeaseDuration == 1200 && auth.EntityID != "" && auth.Metadata["role"] == "web", "%+v", auth)
	check(auth.Metadata["service_account_name"] == "web", "%v", auth.Metadata)
	check(auth.Metadata["service_account_namespace"] == "shop", "%v", auth.Metadata)
	check(text(must(own.Auth().Token().LookupSelf()), "display_name") == path+"-shop-web", "another name")
	entity := must(root.Logical().Read("identity/entity/id/" + auth.EntityID)).Data["aliases"].([]interface{})
	check(len(entity) == 1 && entity[0].(values)["name"] == "shop/web", "%v", entity)
	check(must(own.Auth().Token().RenewSelf(0)).Auth.LeaseDuration == 1200, "another time")
	_, _, err = enter("none", kubernetes.WithServiceAccountTokenPath(file("web.jwt")))
	refused(400, `invalid role name "none"`, err)
	_, _, err = enter("web", kubernetes.WithServiceAccountTokenPath(file("reviewer.jwt")))
	refused(403, "not authorized", err)
	whole := contents("web.jwt")
	_, _, err = enter("web", kubernetes.WithServiceAccountToken(whole[:len(whole)-8]+"AAAAAAAA"))
	refused(403, "permission denied", err)
	must(root.Logical().Delete(role))
	_, err = own.Auth().Token().RenewSelf(0)
	refused(400, "", err)
}

func people(s *server) {
	root, path, _ := s.enableAuth("ldap")
	must(root.Logical().Write("auth/"+path+"/config", values{
		"url": os.Getenv("SUITE_PEER"), "certificate": contents("ca.pem"), "binddn": "cn=reader,dc=example,dc=org",
		"bindpass": "reads", "userdn": "ou=people,dc=example,dc=org", "userattr": "uid",
		"groupdn": "ou=groups,dc=example,dc=org", "token_ttl": "20m",
	}))
	must(root.Logical().Write("auth/"+path+"/groups/dev", values{"policies": "developers"}))
	must(root.Logical().Write("auth/"+path+"/users/ann", values{"policies": "owners"}))
	enter := func(name, password string) (*api.Client, *api.Secret, error) {
		client := s.client("")
		method := must(ldap.NewLDAPAuth(name, &ldap.Password{FromString: password}, ldap.WithMountPath(path)))
		reply, err := client.Auth().Login(context.Background(), method)
		return client, reply, err
	}
	own, reply, err := enter("bob", "wonder")
	done(err)
	auth := reply.Auth
	check(same(auth.TokenPolicies, []string{"default", "developers"}), "%+v", auth)
	check(auth.LeaseDuration == 1200 && auth.EntityID != "" && auth.Metadata["username"] == "bob", "%+v", auth)
	check(text(must(own.Auth().Token().LookupSelf()), "display_name") == path+"-bob", "another name")
	check(must(own.Auth().Token().RenewSelf(0)).Auth.LeaseDuration == 1200, "another time")
	_, reply, err = enter("ann", "secret")
	done(err)
	check(same(reply.Auth.TokenPolicies, []string{"default", "owners"}), "%+v", reply.Auth)
	for _, wrong := range [][2]string{{"bob", "secret"}, {"nobody", "wonder"}, {"bob)(uid=*", "wonder"}, {"*", "wonder"}} {
		_, _, err = enter(wrong[0], wrong[1])
		refused(400, "ldap operation failed: failed to bind as user", err)
	}
}
