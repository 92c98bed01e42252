"""People of a real directory log in through hvac: found, direct, with TLS and StartTLS, refused, and kept up to date.

usage: ldap.py VAULT_URL ROOT_TOKEN LDAP_URL LDAPS_URL CA_FILE
"""

import sys

import hvac
from hvac import exceptions

PEOPLE, GROUPS = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org"
READER = {"binddn": "cn=reader,dc=example,dc=org", "bindpass": "reads"}
WRONG = "ldap operation failed: failed to bind as user"
UNASKED = "the LDAP directory could not be asked about the user"


def refused(kind, contains, call, *args, **kwargs):
    try:
        reply = call(*args, **kwargs)
    except kind as error:
        assert contains in str(error), error
    else:
        raise AssertionError(f"not refused: {reply}")


def main(vault_url, root_token, plain, tls, ca_file):
    root = hvac.Client(url=vault_url, token=root_token)
    root.sys.enable_auth_method("ldap")
    method, certificate = root.auth.ldap, open(ca_file).read()

    def configure(**about):
        usual = {"url": plain, "userdn": PEOPLE, "userattr": "uid", "groupdn": GROUPS, "insecure_tls": False}
        method.configure(**(usual | about))

    def login(name, password):
        return hvac.Client(url=vault_url).auth.ldap.login(name, password)["auth"]

    # Everything before anything is set.
    refused(exceptions.InvalidRequest, "ldap backend not configured", login, "bob", "wonder")
    configure(**READER)
    seen = method.read_configuration()["data"]
    assert seen["url"] == plain and seen["binddn"] == READER["binddn"] and "bindpass" not in seen, seen
    assert seen["case_sensitive_names"] is False and seen["tls_min_version"] == "tls12", seen

    # What is mapped.
    method.create_or_update_group("dev", policies=["write"])
    method.create_or_update_group("local", policies=["run"])
    method.create_or_update_user("bob", policies=["own"], groups=["local"])
    assert method.list_groups()["data"]["keys"] == ["dev", "local"] and method.list_users()["data"]["keys"] == ["bob"]
    assert method.read_user("bob")["data"] == {"groups": "local", "policies": ["own"]}
    assert method.read_group("Dev")["data"] == {"policies": ["write"]}
    bob = login("bob", "wonder")
    assert bob["token_policies"] == ["default", "own", "run", "write"], bob
    assert bob["metadata"] == {"username": "bob"} and bob["renewable"] is True
    assert login("BOB", "wonder")["entity_id"] == bob["entity_id"], "the directory tells the alias"
    assert login("ann", "secret")["token_policies"] == ["default"]

    # Who does not get in: the same words for all of them.
    for name, password in [("bob", "Wonder"), ("nobody", "wonder"), ("*", "wonder"), ("b*", "wonder"), ("bob)(uid=*", "wonder"),
                           ("bob,ou=people", "wonder"), ("a+b", "wonder"), ("(bob)", "wonder"), ("\\", "x")]:
        refused(exceptions.InvalidRequest, WRONG, login, name, password)
    refused(exceptions.InvalidRequest, "password cannot be of zero length", login, "bob", "")

    # The alias and the filter take names that mean something to a directory.
    configure(**READER, userattr="cn", userfilter="(&(objectClass=inetOrgPerson)({{.UserAttr}}={{.Username}}))")
    assert login("Bob (of Sales)", "wonder")["entity_id"], "parentheses are escaped"
    assert login("Ann *, or Anna", "secret")["entity_id"], "a star and a comma are escaped"
    refused(exceptions.InvalidRequest, WRONG, login, "Ann *", "secret")
    configure(**READER, userfilter="(&(objectClass=person)(|(uid={{.Username}})(cn={{.Username}}))(!(uid=ann)))")
    assert login("bob", "wonder")["entity_id"] == bob["entity_id"]
    refused(exceptions.InvalidRequest, WRONG, login, "ann", "secret")

    # Groups by an attribute of the user, by a rule of the directory's, and page by page.
    configure(**READER, userfilter="", groupdn=PEOPLE, groupfilter="(&(objectClass=person)(uid={{.Username}}))", groupattr="memberOf")
    assert "write" in login("bob", "wonder")["token_policies"]
    rule = "(|(&(objectClass=groupOfNames)(member:2.5.13.1:={{.UserDN}}))(ou:dn:caseIgnoreMatch:=none))"
    configure(**READER, groupfilter=rule, groupattr="cn")
    assert "write" in login("bob", "wonder")["token_policies"]
    default = "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))"
    accessor = root.sys.list_auth_methods()["data"]["ldap/"]["accessor"]
    identity = root.secrets.identity
    for name in ("dev", "sales"):
        group = identity.create_or_update_group_by_name(name, group_type="external", policies=[f"of-{name}"])["data"]["id"]
        identity.create_or_update_group_alias(name=name.upper(), mount_accessor=accessor, canonical_id=group)
    root.write("auth/ldap/config", groupfilter=default, max_page_size=1)
    assert login("bob", "wonder")["identity_policies"] == ["of-dev", "of-sales"]
    assert login("ann", "secret")["identity_policies"] == ["of-sales"]

    # TLS from the first byte on and begun later, with an authority that fits and without.
    for about in ({"url": tls}, {"starttls": True}, {"url": tls, "tls_min_version": "tls13", "tls_max_version": "tls13"}):
        configure(**READER, **about, certificate=certificate)
        assert login("bob", "wonder")["entity_id"] == bob["entity_id"], about
        configure(**READER, **about, certificate="")
        refused(exceptions.InternalServerError, UNASKED, login, "bob", "wonder")
        configure(**READER, **about, certificate="", insecure_tls=True)
        assert login("bob", "wonder")["entity_id"] == bob["entity_id"], about
    root.write("auth/ldap/config", insecure_tls=False, starttls=False, tls_min_version="tls12", url=f"ldap://127.0.0.1:1,{plain}")
    assert login("bob", "wonder")["entity_id"] == bob["entity_id"], "the second address answers"

    # Somebody whom nobody looks for: here people may read themselves, and no groups.
    configure(binddn="", bindpass="", groupfilter=default)
    direct = login("bob", "wonder")
    assert direct["entity_id"] == bob["entity_id"] and direct["token_policies"] == ["default", "own", "run"], direct
    assert "identity_policies" not in direct or direct["identity_policies"] == [], direct
    refused(exceptions.InvalidRequest, WRONG, login, "bob", "Wonder")
    refused(exceptions.InvalidRequest, WRONG, login, "nobody", "Wonder")

    # The account of the mount is refused: nobody's wrong password.
    configure(binddn=READER["binddn"], bindpass="other")
    refused(exceptions.InternalServerError, UNASKED, login, "bob", "wonder")
    configure(**READER)
    assert login("bob", "wonder")["identity_policies"] == ["of-dev", "of-sales"]
    print("all of it")


main(*sys.argv[1:])
