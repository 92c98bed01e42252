"""Roles of machines: role ids and secret ids, plain and wrapped."""

from hvac import exceptions
from server import behavior, refused, unique

INVALID = "invalid role or secret ID"


def roles(server):
    """A new mount of roles; gives root's client, its calls for the method, and the mount's path."""
    client, path = server.root(), unique("approle")
    client.sys.enable_auth_method("approle", path=path)
    return client, client.auth.approle, path


def login(server, path, role_id, secret_id):
    return server.client().auth.approle.login(role_id, secret_id, mount_point=path)["auth"]


@behavior
def approle(server):
    _, method, path = roles(server)
    method.create_or_update_approle(
        "shop", token_policies=["default"], token_ttl="20m", secret_id_num_uses=40, secret_id_ttl="1h", mount_point=path
    )
    seen = method.read_role("shop", mount_point=path)["data"]
    assert seen["token_policies"] == ["default"] and seen["token_ttl"] == 1200 and seen["bind_secret_id"] is True
    assert (seen["secret_id_num_uses"], seen["secret_id_ttl"], seen["local_secret_ids"]) == (40, 3600, False)
    assert "role_id" not in seen and method.list_roles(mount_point=path)["data"]["keys"] == ["shop"]
    drawn = method.read_role_id("shop", mount_point=path)["data"]["role_id"]
    chosen = unique("shop")
    method.update_role_id("shop", chosen, mount_point=path)
    assert method.read_role_id("shop", mount_point=path)["data"]["role_id"] == chosen != drawn
    issued = method.generate_secret_id("shop", metadata={"host": "web-1"}, mount_point=path)["data"]
    own = server.client()
    auth = own.auth.approle.login(chosen, issued["secret_id"], mount_point=path)["auth"]
    assert auth["metadata"] == {"role_name": "shop", "host": "web-1"} and auth["lease_duration"] == 1200
    assert auth["token_policies"] == ["default"] and auth["renewable"] is True and auth["entity_id"]
    assert own.token == auth["client_token"] and own.auth.token.renew_self()["auth"]["lease_duration"] == 1200
    for role_id, secret_id in ((drawn, issued["secret_id"]), (chosen, drawn)):
        refused(exceptions.InvalidRequest, login, server, path, role_id, secret_id, contains=INVALID)
    refused(exceptions.InvalidRequest, login, server, path, chosen, "", contains="missing secret_id")
    method.create_or_update_approle("batch", token_type="batch", mount_point=path)
    role_id = method.read_role_id("batch", mount_point=path)["data"]["role_id"]
    secret_id = method.generate_secret_id("batch", mount_point=path)["data"]["secret_id"]
    auth = login(server, path, role_id, secret_id)
    assert auth["token_type"] == "batch" and auth["client_token"].startswith("hvb.") and auth["renewable"] is False
    method.delete_role("shop", mount_point=path)
    refused(exceptions.InvalidPath, method.read_role, "shop", mount_point=path)
    refused(exceptions.InvalidRequest, login, server, path, chosen, issued["secret_id"], contains=INVALID)
    refused(exceptions.InvalidRequest, own.auth.token.renew_self)


@behavior
def approle_secret_ids(server):
    _, method, path = roles(server)
    method.create_or_update_approle("shop", mount_point=path)
    role_id = method.read_role_id("shop", mount_point=path)["data"]["role_id"]
    first = method.generate_secret_id("shop", metadata={"host": "web-1"}, cidr_list=["127.0.0.0/8"], mount_point=path)
    first = first["data"]
    assert (first["secret_id_ttl"], first["secret_id_num_uses"]) == (0, 0)
    second = method.create_custom_secret_id("shop", "of-my-choice", mount_point=path)["data"]
    assert second["secret_id"] == "of-my-choice"
    accessors = sorted([first["secret_id_accessor"], second["secret_id_accessor"]])
    assert method.list_secret_id_accessors("shop", mount_point=path)["data"]["keys"] == accessors
    seen = method.read_secret_id("shop", first["secret_id"], mount_point=path)["data"]
    assert seen["metadata"] == {"host": "web-1"} and seen["cidr_list"] == ["127.0.0.0/8"]
    assert seen["expiration_time"] == "0001-01-01T00:00:00Z" and seen["creation_time"] == seen["last_updated_time"]
    assert method.read_secret_id_accessor("shop", first["secret_id_accessor"], mount_point=path)["data"] == seen
    assert login(server, path, role_id, first["secret_id"])["metadata"]["host"] == "web-1"
    assert login(server, path, role_id, "of-my-choice")
    method.destroy_secret_id("shop", "of-my-choice", mount_point=path)
    refused(exceptions.InvalidRequest, login, server, path, role_id, "of-my-choice", contains=INVALID)
    method.destroy_secret_id_accessor("shop", first["secret_id_accessor"], mount_point=path)
    refused(exceptions.InvalidRequest, login, server, path, role_id, first["secret_id"], contains=INVALID)
    missing = "failed to find accessor entry for secret_id_accessor"
    lookup, gone = method.read_secret_id_accessor, first["secret_id_accessor"]
    refused(exceptions.InvalidPath, lookup, "shop", gone, mount_point=path, contains=missing)
    method.create_or_update_approle("shop", secret_id_num_uses=2, mount_point=path)
    counted = method.generate_secret_id("shop", mount_point=path)["data"]["secret_id"]
    for left in (1, 0):
        assert login(server, path, role_id, counted)
        seen = method.read_secret_id("shop", counted, mount_point=path)
        assert left == 0 or seen["data"]["secret_id_num_uses"] == left
    refused(exceptions.InvalidRequest, login, server, path, role_id, counted, contains=INVALID)


@behavior
def approle_wrapped(server):
    client, method, path = roles(server)
    method.create_or_update_approle("kong", secret_id_num_uses=1, mount_point=path)
    role_id = method.read_role_id("kong", mount_point=path)["data"]["role_id"]
    reply = method.generate_secret_id("kong", wrap_ttl="60m", mount_point=path)
    info = reply["wrap_info"]
    assert reply["data"] is None and info["ttl"] == 3600
    assert info["creation_path"] == f"auth/{path}/role/kong/secret-id"
    assert method.list_secret_id_accessors("kong", mount_point=path)["data"]["keys"] == [info["wrapped_accessor"]]
    # As Kong does it: the wrapping token is the caller's own, the body is empty.
    opened = server.client(info["token"]).sys.unwrap()["data"]
    assert opened["secret_id_accessor"] == info["wrapped_accessor"] and opened["secret_id_num_uses"] == 1
    assert login(server, path, role_id, opened["secret_id"])["client_token"]
    refused(exceptions.InvalidRequest, login, server, path, role_id, opened["secret_id"], contains=INVALID)
    wanted = "wrapping token is not valid or does not exist"
    refused(exceptions.InvalidRequest, server.client(info["token"]).sys.unwrap, contains=wanted)
    # What is on its way can be ended unseen.
    info = method.generate_secret_id("kong", wrap_ttl="60m", mount_point=path)["wrap_info"]
    method.destroy_secret_id_accessor("kong", info["wrapped_accessor"], mount_point=path)
    lost = client.sys.unwrap(token=info["token"])["data"]["secret_id"]
    refused(exceptions.InvalidRequest, login, server, path, role_id, lost, contains=INVALID)
