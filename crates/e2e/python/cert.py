"""hvac logs in with the certificates in a folder: ADDRESS AUTHORITY TOKEN FOLDER."""

import sys
from pathlib import Path

import hvac
from hvac import exceptions

address, authority, token, folder = sys.argv[1:]
root = hvac.Client(url=address, token=token, verify=authority)
root.sys.enable_auth_method("cert", path="machines")
method, at = root.auth.cert, {"mount_point": "machines"}
ca = Path(folder, "ca.pem")


def client():
    return hvac.Client(url=address, verify=authority)


def login(name, role=""):
    own = client()
    pem, key = (str(Path(folder, f"{name}.{end}")) for end in ("pem", "key"))
    auth = own.auth.cert.login(name=role, cert_pem=pem, key_pem=key, **at)["auth"]
    assert own.token == auth["client_token"]
    return auth


def refused(text, *arguments):
    try:
        login(*arguments)
    except exceptions.InvalidRequest as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"{arguments} got in")


method.create_ca_certificate_role(
    "Web", certificate=ca.read_text(), allowed_dns_sans="*.example.com", token_policies=["default"], token_ttl=1200, **at
)
seen = method.read_ca_certificate_role("web", **at)["data"]
assert seen["allowed_dns_sans"] == ["*.example.com"] and seen["token_ttl"] == 1200 and seen["display_name"] == "web"
assert seen["certificate"].strip() == ca.read_text().strip()
assert method.list_certificate_roles(**at)["data"]["keys"] == ["web"]
for role in ("", "web"):
    auth = login("web", role)
    assert auth["metadata"]["common_name"] == "web" and auth["metadata"]["serial_number"].isdigit()
    assert auth["metadata"]["cert_name"] == "web" and auth["lease_duration"] == 1200 and auth["entity_id"]
    assert auth["metadata"]["authority_key_id"].count(":") == 19
shown = root.auth.token.lookup(auth["client_token"])["data"]
assert shown["display_name"] == "machines-web" and shown["path"] == "auth/machines/login"
refused("no chain matching all constraints could be found for this login certificate", "old", "web")
refused("invalid certificate or no client certificate supplied", "web", "none")
root.write_data("auth/machines/certs/pinned", data={"certificate": Path(folder, "web.pem").read_text()})
assert login("web")["metadata"]["cert_name"] == "pinned"
root.write_data("auth/machines/certs/pinned", data={"token_policies": "root"})
refused("auth methods cannot create root tokens", "web", "pinned")
method.delete_certificate_role("pinned", **at)
method.configure_tls_certificate(**at)
assert root.read("auth/machines/config")["data"]["disable_binding"] is False
entity = root.secrets.identity.read_entity(auth["entity_id"])["data"]
assert [alias["name"] for alias in entity["aliases"]] == ["web"]
