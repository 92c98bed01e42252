"""hvac logs in with tokens of an OpenID provider, and Ann through her browser.

usage: python jwt.py URL PROVIDER

SUITE_ROOT_TOKEN is the server's root token; PROVIDER is that of crates/e2e/node/suite/provider.mjs.
"""

import os
import sys
from urllib.parse import parse_qs, urlsplit

import hvac
import requests
from hvac import exceptions

CALLBACK = "http://localhost:8250/oidc/callback"
AUDIENCE = "https://idp.test/api/v2/"


def refused(call, text):
    try:
        call()
    except exceptions.InvalidRequest as error:
        assert text in str(error), f"{text!r} is not in {str(error)!r}"
    else:
        raise AssertionError(f"{text!r} was expected")


def minted(provider):
    """A token for a machine."""
    credentials = {
        "grant_type": "client_credentials",
        "client_id": "kong",
        "client_secret": "kong-secret",
        "audience": AUDIENCE,
    }
    return requests.post(f"{provider}/oauth/token", data=credentials, timeout=30).json()["access_token"]


def browsed(url):
    """What a browser brings back that follows a provider's redirects and keeps its cookies."""
    browser = requests.Session()
    for _ in range(10):
        reply = browser.get(url, allow_redirects=False, timeout=30)
        assert reply.is_redirect, f"{reply.status_code}: {reply.text}"
        url = requests.compat.urljoin(url, reply.headers["location"])
        if url.startswith(CALLBACK):
            return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    raise AssertionError("the provider sends the browser around")


def machines(client, address, provider):
    client.sys.enable_auth_method("jwt", path="machines")
    method = client.auth.jwt
    method.configure(jwks_url=f"{provider}/.well-known/jwks.json", default_role="demo", path="machines")
    seen = method.read_config(path="machines")["data"]
    assert (seen["default_role"], seen["jwt_supported_algs"]) == ("demo", [])
    method.create_role(
        "demo", "sub", allowed_redirect_uris=[], role_type="jwt", bound_subject="kong@clients", bound_audiences=[AUDIENCE],
        token_ttl="20m", token_policies=["default"], path="machines",
    )
    seen = method.read_role("demo", path="machines")["data"]
    assert (seen["role_type"], seen["token_ttl"], seen["bound_claims"]) == ("jwt", 1200, None)
    assert method.list_roles(path="machines")["data"]["keys"] == ["demo"]
    own = hvac.Client(url=address)
    auth = own.auth.jwt.jwt_login("demo", minted(provider), path="machines")["auth"]
    assert auth["metadata"] == {"role": "demo"} and auth["lease_duration"] == 1200 and auth["entity_id"]
    assert own.auth.token.renew_self()["auth"]["lease_duration"] == 1200
    refused(lambda: own.auth.jwt.jwt_login("none", "x.y.z", path="machines"), 'role "none" could not be found')
    refused(lambda: own.auth.jwt.jwt_login("demo", "x.y.z", path="machines"), "error validating token")
    refused(
        lambda: method.configure(jwks_url=f"{provider}/nowhere", path="machines"), "error checking jwks URL"
    )
    method.delete_role("demo", path="machines")
    refused(own.auth.token.renew_self, "does not exist during renewal")


def people(client, address, provider):
    client.sys.enable_auth_method("oidc", path="sso")
    method = client.auth.oidc
    method.configure(
        oidc_discovery_url=provider, oidc_client_id="strongroom", oidc_client_secret="a secret: with + and %", path="sso"
    )
    assert "oidc_client_secret" not in method.read_config(path="sso")["data"]
    method.create_role(
        "staff", "sub", allowed_redirect_uris=[CALLBACK], role_type="oidc", oidc_scopes=["email", "groups"],
        claim_mappings={"email": "mail"}, groups_claim="groups", token_policies=["default"], path="sso",
    )
    client.sys.create_or_update_policy("engineering", policy='path "secret/*" { capabilities = ["read"] }')
    group = client.secrets.identity.create_or_update_group(
        "engineers", group_type="external", policies=["engineering"]
    )["data"]["id"]
    accessor = client.sys.list_auth_methods()["data"]["sso/"]["accessor"]
    client.secrets.identity.create_or_update_group_alias("engineers", mount_accessor=accessor, canonical_id=group)

    ann = hvac.Client(url=address)
    url = ann.auth.oidc.oidc_authorization_url_request("staff", CALLBACK, path="sso")["data"]["auth_url"]
    asked = parse_qs(urlsplit(url).query)
    back = browsed(url)
    auth = ann.auth.oidc.oidc_callback(back["state"], asked["nonce"][0], back["code"], path="sso")["auth"]
    assert auth["metadata"] == {"role": "staff", "mail": "ann@example.test"}, auth["metadata"]
    assert auth["identity_policies"] == ["engineering"] and auth["token_policies"] == ["default"]
    seen = hvac.Client(url=address, token=auth["client_token"]).auth.token.lookup_self()["data"]
    assert seen["display_name"] == "sso-ann" and seen["entity_id"] == auth["entity_id"]
    again = lambda: ann.auth.oidc.oidc_callback(back["state"], asked["nonce"][0], back["code"], path="sso")
    refused(again, "Expired or missing OAuth state")
    evil = ann.auth.oidc.oidc_authorization_url_request("staff", "https://evil.test/", path="sso")["data"]["auth_url"]
    assert evil == ""


def main():
    address, provider = sys.argv[1:]
    client = hvac.Client(url=address, token=os.environ["SUITE_ROOT_TOKEN"])
    machines(client, address, provider)
    people(client, address, provider)
    print("all is well")


if __name__ == "__main__":
    main()
