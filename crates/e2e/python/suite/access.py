"""Mounts, policies, and what a token may do."""

from hvac import exceptions
from server import behavior, refused, unique

RULES = 'path "somewhere/*" { capabilities = ["read", "list"] }'


@behavior
def mounts(server):
    client, path = server.root(), unique("mount")
    client.sys.enable_secrets_engine("kv", path=path, options={"version": "2"}, description="for the team")
    seen = client.sys.list_mounted_secrets_engines()["data"]
    assert {"sys/", "cubbyhole/", f"{path}/"} <= seen.keys()
    assert seen[f"{path}/"]["type"] == "kv" and seen[f"{path}/"]["description"] == "for the team"
    assert seen[f"{path}/"]["options"] == {"version": "2"} and seen[f"{path}/"]["accessor"].startswith("kv_")
    assert client.sys.retrieve_mount_option(path, "version") == "2"
    taken = f"path is already in use at {path}/"
    refused(exceptions.InvalidRequest, client.sys.enable_secrets_engine, "kv", path=path, contains=taken)
    client.secrets.kv.v2.create_or_update_secret("left", secret={"a": "b"}, mount_point=path)
    client.sys.disable_secrets_engine(path)
    client.sys.disable_secrets_engine(path)
    assert f"{path}/" not in client.sys.list_mounted_secrets_engines()["data"]
    client.sys.enable_secrets_engine("kv", path=path, options={"version": "2"})
    refused(exceptions.InvalidPath, client.secrets.kv.v2.read_secret, "left", mount_point=path)


@behavior
def mount_tuning(server):
    client, path = server.mount(2)
    client.sys.tune_mount_configuration(path, default_lease_ttl="1h", max_lease_ttl=7200, description="tuned")
    seen = client.sys.read_mount_configuration(path)["data"]
    assert (seen["default_lease_ttl"], seen["max_lease_ttl"]) == (3600, 7200)
    assert seen["description"] == "tuned" and seen["options"] == {"version": "2"}


@behavior
def mount_move(server):
    client, path = server.mount(2)
    client.secrets.kv.v2.create_or_update_secret("along", secret={"a": "b"}, mount_point=path)
    to = unique("moved")
    started = client.sys.move_backend(path, to)
    if not isinstance(started, dict):
        started = started.json()
    migration = started["data"]["migration_id"]
    # It runs in the background; its status is what there is to wait for.
    for _ in range(1000):
        status = client.read(f"sys/remount/status/{migration}")["data"]["migration_info"]
        if status["status"] != "in-progress":
            break
    assert status["status"] == "success", status
    assert status["source_mount"].strip("/") == path and status["target_mount"].strip("/") == to
    assert client.secrets.kv.v2.read_secret("along", mount_point=to)["data"]["data"] == {"a": "b"}
    refused(exceptions.InvalidPath, client.secrets.kv.v2.read_secret, "along", mount_point=path)


@behavior
def mount_missing(server):
    wanted = "No secret engine mount at"
    refused(exceptions.InvalidRequest, server.root().read, f"sys/mounts/{unique('none')}", contains=wanted)


@behavior
def mount_preflight(server):
    client, path = server.mount(2)
    seen = client.read(f"sys/internal/ui/mounts/{path}/some/secret")["data"]
    assert seen["path"] == f"{path}/" and seen["type"] == "kv" and seen["options"]["version"] == "2"
    wanted = "preflight capability check returned 403"
    refused(exceptions.Forbidden, client.read, f"sys/internal/ui/mounts/{unique('none')}", contains=wanted)


@behavior
def auth_methods(server):
    seen = server.root().sys.list_auth_methods()["data"]
    assert seen["token/"]["type"] == "token" and seen["token/"]["accessor"].startswith("auth_token_")


@behavior
def policies(server):
    client, name = server.root(), unique("policy")
    client.sys.create_or_update_policy(name, policy=RULES)
    assert client.sys.read_policy(name)["data"]["rules"] == RULES
    assert {name, "default", "root"} <= set(client.sys.list_policies()["data"]["policies"])
    acl = client.sys.read_acl_policy(name)["data"]
    assert (acl["name"], acl["policy"]) == (name, RULES)
    assert name in client.sys.list_acl_policies()["data"]["keys"]
    refused(exceptions.InvalidRequest, client.sys.create_or_update_policy, name, policy='path "x" { nonsense = 1 }')
    client.sys.delete_policy(name)
    client.sys.delete_policy(name)
    refused(exceptions.InvalidPath, client.sys.read_policy, name)
    refused(exceptions.InvalidRequest, client.sys.delete_policy, "default")


@behavior
def capabilities(server):
    client = server.with_policy(RULES)
    paths = ["somewhere/below", "elsewhere"]
    seen = client.sys.get_capabilities(paths=paths)["data"]
    assert sorted(seen["somewhere/below"]) == ["list", "read"] and seen["elsewhere"] == ["deny"]
    one = server.root().sys.get_capabilities(paths=["somewhere/below"], token=client.token)
    assert sorted(one["data"]["capabilities"]) == sorted(one["capabilities"]) == ["list", "read"]
    accessor = client.auth.token.lookup_self()["data"]["accessor"]
    seen = server.root().sys.get_capabilities(paths=paths, accessor=accessor)["data"]
    assert sorted(seen["somewhere/below"]) == ["list", "read"]
    assert server.root().sys.get_capabilities(paths=["elsewhere"])["data"]["elsewhere"] == ["root"]


@behavior
def rate_limits(server):
    client, mount = server.mount(1)
    name = unique("quota")
    # hvac looks before it writes, so a write and a read are three requests.
    client.sys.create_or_update_quota(name, rate=3, path=mount, interval="1h", block_interval="2m")
    assert name in client.sys.list_quotas()["data"]["keys"]
    seen = client.sys.read_quota(name)["data"]
    assert seen["path"] == f"{mount}/" and seen["type"] == "rate-limit" and seen["name"] == name
    assert (seen["rate"], seen["interval"], seen["block_interval"]) == (3, 3600, 120)
    assert type(seen["rate"]) is int and seen["role"] == "" and seen["inheritable"] is False
    kv = client.secrets.kv.v1
    kv.create_or_update_secret("one", secret={"a": "b"}, mount_point=mount)
    assert kv.read_secret("one", mount_point=mount)["data"] == {"a": "b"}
    wanted = "rate limit quota exceeded"
    refused(exceptions.RateLimitExceeded, kv.read_secret, "one", mount_point=mount, contains=wanted)
    client.sys.create_or_update_quota(name, rate=1000.5, path=mount)
    assert client.sys.read_quota(name)["data"]["rate"] == 1000.5
    assert kv.read_secret("one", mount_point=mount)["data"] == {"a": "b"}
    client.sys.delete_quota(name)
    refused(exceptions.InvalidPath, client.sys.read_quota, name)


@behavior
def user_lockout(server):
    client, path = server.root(), unique("users")
    client.sys.enable_auth_method("userpass", path=path)
    client.auth.userpass.create_or_update_user("ann", password="right", policies="default", mount_point=path)

    def login(user, password):
        return server.client().auth.userpass.login(user, password, mount_point=path)

    assert login("ann", "right")["auth"]["client_token"]
    # Nobody has the second name; what is told is the same.
    for user in ("ann", "nobody"):
        for _ in range(5):
            refused(exceptions.InvalidRequest, login, user, "wrong", contains="invalid username or password")
        locked = refused(exceptions.Forbidden, login, user, "right")
        assert locked.errors == ["permission denied"]
    accessor = client.sys.list_auth_methods()["data"][f"{path}/"]["accessor"]
    seen = client.read(f"sys/locked-users?mount_accessor={accessor}")["data"]
    wanted = {"mount_accessor": accessor, "counts": 2, "alias_identifiers": ["ann", "nobody"]}
    assert seen["total"] == 2 and seen["by_namespace"][0]["mount_accessors"] == [wanted]
    client.write_data(f"sys/locked-users/{accessor}/unlock/ann", data={})
    assert login("ann", "right")["auth"]["metadata"] == {"username": "ann"}
    refused(exceptions.Forbidden, login, "nobody", "right")
