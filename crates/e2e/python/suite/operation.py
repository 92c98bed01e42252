"""Namespaces, leases and audit devices."""

from hvac import exceptions
from server import behavior, refused, unique


def is_listed(client):
    try:
        return client.sys.list_namespaces()["data"]["keys"]
    except exceptions.InvalidPath:
        return []


@behavior
def namespaces(server):
    root, name = server.root(), unique("team")
    root.sys.create_namespace(name)
    assert f"{name}/" in root.sys.list_namespaces()["data"]["keys"]
    inside = server.root(namespace=name)
    inside.sys.enable_secrets_engine("kv", path="own", options={"version": "2"})
    assert "own/" not in root.sys.list_mounted_secrets_engines()["data"]
    inside.secrets.kv.v2.create_or_update_secret("deep", secret={"a": "b"}, mount_point="own")
    seen = root.secrets.kv.v2.read_secret("deep", mount_point=f"{name}/own")
    assert seen["data"]["data"] == {"a": "b"}
    inside.sys.create_or_update_policy("reader", policy='path "own/*" { capabilities = ["read"] }')
    made = inside.auth.token.create(policies=["reader"], ttl="10m", no_parent=True)["auth"]
    assert made["client_token"].count(".") == 2 and made["accessor"].count(".") == 1
    reader = server.client(made["client_token"], namespace=name)
    assert reader.secrets.kv.v2.read_secret("deep", mount_point="own")["data"]["data"] == {"a": "b"}
    outside = server.client(made["client_token"])
    refused(exceptions.Forbidden, outside.auth.token.lookup_self, contains="permission denied")
    inner = unique("inner")
    inside.sys.create_namespace(inner)
    refused(exceptions.InvalidRequest, root.sys.delete_namespace, name, contains="namespaces below it")
    inside.sys.delete_namespace(inner)
    while is_listed(inside):
        pass  # What it held is cleared away behind the reply.
    root.sys.delete_namespace(name)
    refused(exceptions.Forbidden, reader.auth.token.lookup_self)
    refused(exceptions.InvalidPath, inside.sys.list_mounted_secrets_engines, contains="namespace not found")


@behavior
def token_leases(server):
    root, role = server.root(), unique("role")
    root.auth.token.create_or_update_role(role, allowed_policies=["default"])
    made = [root.auth.token.create(role_name=role, ttl="10m")["auth"]["client_token"] for _ in range(3)]
    prefix = f"auth/token/create/{role}"
    tails = root.sys.list_leases(prefix)["data"]["keys"]
    assert len(tails) == 3, tails
    lease = f"{prefix}/{tails[0]}"
    seen = root.sys.read_lease(lease)["data"]
    assert seen["id"] == lease and seen["renewable"] is True and 0 < seen["ttl"] <= 600, seen
    assert seen["last_renewal"] is None and seen["expire_time"] > seen["issue_time"]
    refused(exceptions.InvalidRequest, root.sys.renew_lease, lease, contains="through this endpoint")
    refused(exceptions.InvalidRequest, root.sys.read_lease, f"{prefix}/none", contains="invalid lease")
    refused(exceptions.Forbidden, server.stranger().sys.revoke_prefix, prefix)
    root.sys.revoke_lease(lease)
    assert len(root.sys.list_leases(prefix)["data"]["keys"]) == 2
    root.sys.revoke_prefix(prefix)
    refused(exceptions.InvalidPath, root.sys.list_leases, prefix)
    for token in made:
        refused(exceptions.Forbidden, server.client(token).auth.token.lookup_self)


@behavior
def audit_devices(server):
    root, path = server.root(), unique("trail")
    root.sys.enable_audit_device("file", description="to nowhere", path=path, options={"file_path": "discard"})
    seen = root.sys.list_enabled_audit_devices()["data"][f"{path}/"]
    assert (seen["type"], seen["description"], seen["path"]) == ("file", "to nowhere", f"{path}/")
    assert seen["options"] == {"file_path": "discard"} and seen["local"] is False
    hashed = root.sys.calculate_hash(path, "some text")["data"]["hash"]
    assert hashed.startswith("hmac-sha256:") and len(hashed) == len("hmac-sha256:") + 64
    assert hashed == root.sys.calculate_hash(path, "some text")["data"]["hash"]
    taken = {"device_type": "file", "path": path, "options": {"file_path": "discard"}}
    refused(exceptions.InvalidRequest, root.sys.enable_audit_device, contains="path already in use", **taken)
    refused(exceptions.InvalidRequest, root.sys.enable_audit_device, "file", path=unique("trail"), options={})
    root.sys.disable_audit_device(path)
    assert f"{path}/" not in root.sys.list_enabled_audit_devices()["data"]
