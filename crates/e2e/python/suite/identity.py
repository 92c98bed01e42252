"""Who is behind a token: users with passwords, entities, aliases and groups."""

from hvac import exceptions
from server import behavior, refused, unique

WRONG = "invalid username or password"


def users(server):
    """A new mount of users; gives root's client, the mount's path, and its accessor."""
    client, path = server.root(), unique("users")
    client.sys.enable_auth_method("userpass", path=path)
    return client, path, client.sys.list_auth_methods()["data"][f"{path}/"]["accessor"]


def login(server, path, name, password="right"):
    """The `auth` of a login."""
    return server.client().auth.userpass.login(name, password, mount_point=path)["auth"]


@behavior
def userpass(server):
    client, path, _ = users(server)
    method = client.auth.userpass
    method.create_or_update_user("ann", "right", policies=["default"], token_ttl="20m", mount_point=path)
    method.create_or_update_user("bob", "other", mount_point=path)
    seen = method.read_user("ann", mount_point=path)["data"]
    assert seen["token_policies"] == seen["policies"] == ["default"] and seen["token_ttl"] == 1200
    assert "password" not in seen and "password_hash" not in seen and seen["token_type"] == "default"
    assert method.list_user(mount_point=path)["data"]["keys"] == ["ann", "bob"]
    own = server.client()
    auth = own.auth.userpass.login("ann", "right", mount_point=path)["auth"]
    assert auth["metadata"] == {"username": "ann"} and auth["lease_duration"] == 1200 and auth["renewable"] is True
    assert auth["policies"] == auth["token_policies"] == ["default"] and auth["token_type"] == "service"
    assert own.token == auth["client_token"] and auth["orphan"] is True and auth["entity_id"]
    seen = own.auth.token.lookup_self()["data"]
    assert seen["display_name"] == f"{path}-ann" and seen["path"] == f"auth/{path}/login/ann"
    assert own.auth.token.renew_self()["auth"]["lease_duration"] == 1200
    for name, password in (("ann", "wrong"), ("nobody", "right")):
        refused(exceptions.InvalidRequest, login, server, path, name, password, contains=WRONG)
    method.update_password_on_user("ann", "newer", mount_point=path)
    refused(exceptions.InvalidRequest, login, server, path, "ann", contains=WRONG)
    assert login(server, path, "ann", "newer")["entity_id"] == auth["entity_id"]
    method.delete_user("ann", mount_point=path)
    refused(exceptions.InvalidRequest, login, server, path, "ann", "newer", contains=WRONG)
    refused(exceptions.InvalidPath, method.read_user, "ann", mount_point=path)


@behavior
def identity_entities(server):
    client, path, accessor = users(server)
    identity, name = client.secrets.identity, unique("somebody")
    client.auth.userpass.create_or_update_user("ann", "right", mount_point=path)
    made = identity.create_or_update_entity_by_name(name, metadata={"team": "a"}, policies=["reader"])["data"]
    assert made["name"] == name and made["id"]
    seen = identity.read_entity(made["id"])["data"]
    assert seen["metadata"] == {"team": "a"} and seen["policies"] == ["reader"] and seen["disabled"] is False
    assert seen["aliases"] == [] and seen["direct_group_ids"] == [] and seen["namespace_id"] == "root"
    assert identity.read_entity_by_name(name)["data"]["id"] == made["id"]
    assert made["id"] in identity.list_entities()["data"]["keys"]
    assert name in identity.list_entities_by_name()["data"]["keys"]
    alias = identity.create_or_update_entity_alias("ann", canonical_id=made["id"], mount_accessor=accessor)["data"]
    assert alias["canonical_id"] == made["id"]
    seen = identity.read_entity_alias(alias["id"])["data"]
    assert (seen["name"], seen["mount_accessor"], seen["mount_type"]) == ("ann", accessor, "userpass")
    assert alias["id"] in identity.list_entity_aliases()["data"]["keys"]
    found = identity.lookup_entity(alias_name="ann", alias_mount_accessor=accessor)["data"]
    assert found["id"] == made["id"] and found["aliases"][0]["id"] == alias["id"]
    auth = login(server, path, "ann")
    assert auth["entity_id"] == made["id"] and auth["identity_policies"] == ["reader"]
    identity.create_or_update_entity_by_name(name, disabled=True)
    assert identity.read_entity(made["id"])["data"]["policies"] == ["reader"], "what is not named stays"
    refused(exceptions.Forbidden, server.client(auth["client_token"]).auth.token.lookup_self)
    identity.create_or_update_entity_by_name(name, disabled=False)
    assert server.client(auth["client_token"]).auth.token.lookup_self()["data"]["entity_id"] == made["id"]
    identity.delete_entity(made["id"])
    refused(exceptions.InvalidPath, identity.read_entity, made["id"])
    refused(exceptions.Forbidden, server.client(auth["client_token"]).auth.token.lookup_self)


@behavior
def identity_groups(server):
    client, path, _ = users(server)
    identity, name = client.secrets.identity, unique("team")
    client.auth.userpass.create_or_update_user("ann", "right", mount_point=path)
    auth = login(server, path, "ann")
    team = identity.create_or_update_group_by_name(
        name, policies=["team"], metadata={"floor": "2"}, member_entity_ids=[auth["entity_id"]]
    )["data"]
    seen = identity.read_group(team["id"])["data"]
    assert seen["name"] == name and seen["type"] == "internal" and seen["policies"] == ["team"]
    assert seen["member_entity_ids"] == [auth["entity_id"]] and seen["metadata"] == {"floor": "2"}
    around = identity.create_or_update_group_by_name(f"{name}-all", policies=["all"], member_group_ids=[team["id"]])
    assert identity.read_group_by_name(name)["data"]["parent_group_ids"] == [around["data"]["id"]]
    assert {name, f"{name}-all"} <= set(identity.list_groups_by_name()["data"]["keys"])
    assert team["id"] in identity.list_groups()["data"]["keys"]
    # A token that is older than the groups has their policies, too.
    seen = server.client(auth["client_token"]).auth.token.lookup_self()["data"]
    assert seen["identity_policies"] == ["all", "team"] and seen["policies"] == ["default"]
    entity = identity.read_entity(auth["entity_id"])["data"]
    assert entity["direct_group_ids"] == [team["id"]]
    assert entity["inherited_group_ids"] == [around["data"]["id"]]
    assert identity.lookup_group(name=name)["data"]["id"] == team["id"]
    identity.delete_group_by_name(name)
    refused(exceptions.InvalidPath, identity.read_group, team["id"])
    assert identity.read_entity(auth["entity_id"])["data"]["group_ids"] == []


@behavior
def identity_merge(server):
    client, path, accessor = users(server)
    identity = client.secrets.identity
    for name in ("ann", "anna"):
        client.auth.userpass.create_or_update_user(name, "right", mount_point=path)
    other, other_path, _ = users(server)
    other.auth.userpass.create_or_update_user("ann", "right", mount_point=other_path)
    stays, goes = login(server, path, "ann"), login(server, other_path, "ann")
    conflicting = login(server, path, "anna")
    refused(exceptions.InvalidRequest, identity.merge_entities, [conflicting["entity_id"]], stays["entity_id"])
    identity.merge_entities([goes["entity_id"]], stays["entity_id"])
    seen = identity.read_entity(stays["entity_id"])["data"]
    assert seen["merged_entity_ids"] == [goes["entity_id"]]
    assert sorted(alias["mount_path"] for alias in seen["aliases"]) == sorted([f"auth/{path}/", f"auth/{other_path}/"])
    refused(exceptions.InvalidPath, identity.read_entity, goes["entity_id"])
    # Tokens and logins of the one that went are the other's.
    assert login(server, other_path, "ann")["entity_id"] == stays["entity_id"]
    identity.create_or_update_entity(seen["name"], entity_id=stays["entity_id"], policies=["of-both"])
    held = server.client(goes["client_token"]).auth.token.lookup_self()["data"]
    assert held["identity_policies"] == ["of-both"]
    assert identity.lookup_entity(alias_name="ann", alias_mount_accessor=accessor)["data"]["id"] == stays["entity_id"]
