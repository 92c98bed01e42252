"""Tokens: every way to make one, and what becomes of it."""

from hvac import exceptions
from server import behavior, refused, unique

MAKER = 'path "auth/token/create*" { capabilities = ["create", "update", "sudo"] }'


@behavior
def token_create(server):
    client = server.root()
    made = client.auth.token.create(
        policies=["default", "not-there"], ttl="1h", explicit_max_ttl="2h", meta={"for": "suite"}, display_name="suite"
    )
    auth = made["auth"]
    assert auth["policies"] == auth["token_policies"] == ["default", "not-there"]
    assert auth["lease_duration"] == 3600 and auth["renewable"] is True and auth["orphan"] is False
    assert auth["token_type"] == "service" and auth["metadata"] == {"for": "suite"} and auth["entity_id"] == ""
    assert auth["client_token"].startswith("hvs.") and auth["num_uses"] == 0
    assert any("not-there" in warning for warning in made["warnings"])
    seen = client.auth.token.lookup(auth["client_token"])["data"]
    assert seen["explicit_max_ttl"] == 7200 and seen["display_name"] == "token-suite"
    assert seen["meta"] == {"for": "suite"} and seen["path"] == "auth/token/create"
    chosen = unique("chosen-id")
    plain = client.auth.token.create(
        id=chosen, policies=["not-there"], no_default_policy=True, renewable=False, ttl=600
    )["auth"]
    assert plain["client_token"] == chosen and plain["policies"] == ["not-there"]
    assert plain["renewable"] is False and plain["lease_duration"] == 600
    inherited = server.client(auth["client_token"])
    refused(exceptions.Forbidden, inherited.auth.token.create)


@behavior
def token_orphan(server):
    client = server.root()
    for made in (
        client.auth.token.create_orphan(policies=["default"], ttl="10m"),
        client.auth.token.create(policies=["default"], ttl="10m", no_parent=True),
    ):
        assert made["auth"]["orphan"] is True
        assert client.auth.token.lookup(made["auth"]["client_token"])["data"]["orphan"] is True
    parent = server.with_policy(MAKER)
    child = parent.auth.token.create(ttl="10m")["auth"]["client_token"]
    orphan = parent.auth.token.create_orphan(ttl="10m")["auth"]["client_token"]
    client.auth.token.revoke(parent.token)
    refused(exceptions.Forbidden, server.client(child).auth.token.lookup_self)
    assert server.client(orphan).auth.token.lookup_self()["data"]["orphan"] is True


@behavior
def token_roles(server):
    client, role = server.root(), unique("role")
    tokens = client.auth.token
    tokens.create_or_update_role(
        role, allowed_policies=["default", "one"], orphan=True, renewable=False, path_suffix="suite",
        token_explicit_max_ttl="2h",
    )
    seen = tokens.read_role(role)["data"]
    assert seen["name"] == role and seen["allowed_policies"] == ["default", "one"]
    assert seen["orphan"] is True and seen["renewable"] is False and seen["path_suffix"] == "suite"
    assert seen["token_explicit_max_ttl"] == 7200 and seen["token_type"] == "default-service"
    assert role in tokens.list_roles()["data"]["keys"]
    made = tokens.create(role_name=role, policies=["one"], ttl="1h")["auth"]
    assert made["policies"] == ["default", "one"] and made["orphan"] is True and made["renewable"] is False
    own = server.client(made["client_token"]).auth.token.lookup_self()["data"]
    assert own["role"] == role and own["path"] == f"auth/token/create/{role}/suite"
    refused(exceptions.InvalidRequest, tokens.create, role_name=role, policies=["other"])
    tokens.delete_role(role)
    refused(exceptions.InvalidPath, tokens.read_role, role)
    refused(exceptions.InvalidRequest, tokens.create, role_name=role, contains="unknown role")


@behavior
def token_batch(server):
    client = server.root()
    made = client.auth.token.create(type="batch", policies=["default"], ttl="10m")["auth"]
    assert made["client_token"].startswith("hvb.") and made["token_type"] == "batch"
    assert made["accessor"] == "" and made["renewable"] is False and made["lease_duration"] == 600
    own = server.client(made["client_token"])
    seen = own.auth.token.lookup_self()["data"]
    assert seen["type"] == "batch" and seen["policies"] == ["default"] and 0 < seen["ttl"] <= 600
    refused(exceptions.InvalidRequest, own.auth.token.renew_self)
    refused(exceptions.InvalidRequest, client.auth.token.revoke, made["client_token"])
    refused(exceptions.InvalidRequest, client.auth.token.create, type="batch", ttl="10m", period="1h", contains="batch")


@behavior
def token_periodic(server):
    made = server.root().auth.token.create(policies=["default"], period="2h")["auth"]
    assert made["lease_duration"] == 7200
    own = server.client(made["client_token"])
    assert own.auth.token.lookup_self()["data"]["period"] == 7200
    assert own.auth.token.renew_self(increment="1s")["auth"]["lease_duration"] == 7200


@behavior
def token_use_limit(server):
    made = server.root().auth.token.create(policies=["default"], num_uses=2, ttl="10m")["auth"]
    assert made["num_uses"] == 2
    own = server.client(made["client_token"])
    assert own.auth.token.lookup_self()["data"]["num_uses"] == 1
    own.auth.token.lookup_self()
    refused(exceptions.Forbidden, own.auth.token.lookup_self)


@behavior
def token_lookup(server):
    client = server.root()
    root = client.auth.token.lookup_self()["data"]
    assert root["expire_time"] is None and root["ttl"] == 0 and root["policies"] == ["root"]
    assert root["type"] == "service" and root["entity_id"] == ""
    made = client.auth.token.create(policies=["default"], ttl="10m")["auth"]
    token, accessor = made["client_token"], made["accessor"]
    seen = client.auth.token.lookup(token)["data"]
    own = server.client(token).auth.token.lookup_self()["data"]
    assert seen["id"] == own["id"] == token and seen["accessor"] == own["accessor"] == accessor
    assert own["creation_ttl"] == 600 and 0 < own["ttl"] <= 600 and isinstance(own["creation_time"], int)
    assert own["expire_time"] > own["issue_time"] and own["orphan"] is False
    held = client.auth.token.lookup_accessor(accessor)["data"]
    assert held["id"] == "" and held["accessor"] == accessor
    assert accessor in client.auth.token.list_accessors()["data"]["keys"]


@behavior
def token_renewal(server):
    tokens = server.root().auth.token
    made = tokens.create(policies=["default"], ttl="10m", explicit_max_ttl="1h")["auth"]
    own = server.client(made["client_token"]).auth.token
    renewed = own.renew_self(increment="30m")["auth"]
    assert renewed["lease_duration"] == 1800 and renewed["client_token"] == made["client_token"]
    assert renewed["accessor"] == made["accessor"] and renewed["policies"] == ["default"]
    assert tokens.renew(made["client_token"], increment=1200)["auth"]["lease_duration"] == 1200
    capped = tokens.renew_accessor(made["accessor"], increment="5h")
    assert 3000 < capped["auth"]["lease_duration"] <= 3600 and capped["warnings"]
    fixed = tokens.create(policies=["default"], ttl="10m", renewable=False)["auth"]["client_token"]
    refused(exceptions.InvalidRequest, server.client(fixed).auth.token.renew_self, contains="lease is not renewable")


@behavior
def token_revocation(server):
    tokens, parent = server.root().auth.token, server.with_policy(MAKER)
    child = parent.auth.token.create(ttl="10m")["auth"]["client_token"]
    tokens.revoke_and_orphan_children(parent.token)
    refused(exceptions.Forbidden, parent.auth.token.lookup_self)
    assert server.client(child).auth.token.lookup_self()["data"]["orphan"] is True
    made = tokens.create(policies=["default"], ttl="10m")["auth"]
    tokens.revoke_accessor(made["accessor"])
    refused(exceptions.Forbidden, server.client(made["client_token"]).auth.token.lookup_self)
    own = server.client(child)
    own.auth.token.revoke_self()
    refused(exceptions.Forbidden, own.auth.token.lookup_self)
    again = tokens.create(policies=["default"], ttl="10m")["auth"]["client_token"]
    tokens.revoke(again)
    tokens.revoke(again)
    refused(exceptions.Forbidden, server.client(again).auth.token.lookup_self)


@behavior
def token_unknown(server):
    client = server.root()
    nobody = server.client("hvs.nobody")
    assert not nobody.is_authenticated()
    refused(exceptions.Forbidden, nobody.auth.token.lookup_self, contains="permission denied")
    refused(exceptions.Forbidden, client.auth.token.lookup, "hvs.nobody", contains="bad token")
    refused(exceptions.Forbidden, client.auth.token.lookup_accessor, "nobody", contains="invalid accessor")
