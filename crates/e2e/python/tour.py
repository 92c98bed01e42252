"""A tour over the API with hvac, as a program that embeds it would use it.

usage: tour.py first|restarted URL STATE_FILE [CA_FILE]

`first` initializes a new server and leaves it unsealed with secrets in it; `restarted` finds it sealed and expects
everything back. Each check is an assertion: the script ends at the first surprise.
"""

import importlib.metadata
import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hvac
from hvac import exceptions

POLICY = """
path "team/data/app/*" { capabilities = ["create", "read", "update", "patch"] }
path "team/metadata/app/*" { capabilities = ["read", "list"] }
path "team/data/app/hidden" { capabilities = ["deny"] }
"""


def expect(error, call, *args, contains=None, **kwargs):
    """Calls, and expects exactly this class of exception; returns it."""
    try:
        answer = call(*args, **kwargs)
    except exceptions.VaultError as raised:
        assert type(raised) is error, f"{type(raised).__name__} instead of {error.__name__}: {raised}"
        if contains:
            assert contains in str(raised), f"{contains!r} is not in {raised}"
        return raised
    raise AssertionError(f"{error.__name__} was expected, and came {answer!r}")


def seal_and_unseal(client, keys):
    sys_api = client.sys
    assert not client.sys.is_initialized()
    assert client.sys.read_health_status(method="GET").status_code == 501
    # Refused before anything is written: the threshold is greater than the number of shares.
    expect(exceptions.InvalidRequest, sys_api.initialize, secret_shares=2, secret_threshold=3)
    made = sys_api.initialize(secret_shares=5, secret_threshold=3)
    assert len(made["keys"]) == len(made["keys_base64"]) == 5
    expect(exceptions.InvalidRequest, sys_api.initialize, secret_shares=1, secret_threshold=1)
    assert client.sys.is_sealed()
    expect(exceptions.VaultDown, client.secrets.kv.v1.read_secret, path="x", mount_point="secret")

    expect(exceptions.InvalidRequest, sys_api.submit_unseal_key, key="not a key")
    assert sys_api.submit_unseal_key(key=made["keys"][0])["progress"] == 1
    assert sys_api.submit_unseal_key(key=made["keys"][0])["progress"] == 1, "the same share counts once"
    assert sys_api.submit_unseal_key(reset=True)["progress"] == 0
    sys_api.submit_unseal_key(key=made["keys"][4])
    sys_api.submit_unseal_key(key=made["keys_base64"][1])
    status = sys_api.submit_unseal_key(key=made["keys"][2])
    assert status["sealed"] is False and status["t"] == 3 and status["n"] == 5
    keys.update(keys=made["keys"], root_token=made["root_token"])

    client.token = made["root_token"]
    assert client.is_authenticated()
    health = client.sys.read_health_status(method="GET")
    assert health["initialized"] and not health["sealed"] and health["standby"] is False
    assert client.sys.read_leader_status()["is_self"] is True


def mounts(client):
    client.sys.enable_secrets_engine("kv", path="team", options={"version": "2"}, description="for the team")
    client.sys.enable_secrets_engine("kv", path="plain", options={"version": "1"})
    listed = client.sys.list_mounted_secrets_engines()["data"]
    assert listed["team/"]["type"] == "kv" and listed["team/"]["options"]["version"] == "2"
    assert listed["team/"]["description"] == "for the team"
    assert {"sys/", "cubbyhole/", "plain/"} <= listed.keys()
    expect(
        exceptions.InvalidRequest,
        client.sys.enable_secrets_engine,
        "kv",
        path="team",
        contains="path is already in use at team/",
    )
    client.sys.enable_secrets_engine("kv", path="gone", options={"version": "1"})
    client.secrets.kv.v1.create_or_update_secret("left", secret={"a": "b"}, mount_point="gone")
    client.sys.disable_secrets_engine("gone")
    client.sys.disable_secrets_engine("gone")
    expect(exceptions.InvalidPath, client.secrets.kv.v1.read_secret, path="left", mount_point="gone")
    client.sys.enable_secrets_engine("kv", path="gone", options={"version": "1"})
    expect(exceptions.InvalidPath, client.secrets.kv.v1.read_secret, path="left", mount_point="gone")
    client.sys.disable_secrets_engine("gone")


def kv_one(client):
    kv = client.secrets.kv.v1
    value = {"text": "ä<&>", "number": 12345678901234567890, "nested": {"list": [1, None, True]}}
    kv.create_or_update_secret("app/db", secret=value, mount_point="plain")
    read = kv.read_secret("app/db", mount_point="plain")
    assert read["data"] == value and read["lease_duration"] == 2764800 and read["renewable"] is False
    kv.create_or_update_secret("app/db", secret={"only": "this"}, mount_point="plain")
    assert kv.read_secret("app/db", mount_point="plain")["data"] == {"only": "this"}
    kv.create_or_update_secret("app", secret={"beside": "the folder"}, mount_point="plain")
    assert kv.list_secrets("", mount_point="plain")["data"]["keys"] == ["app", "app/"]
    assert kv.list_secrets("app", mount_point="plain")["data"]["keys"] == ["db"]
    kv.delete_secret("app/db", mount_point="plain")
    kv.delete_secret("app/db", mount_point="plain")
    expect(exceptions.InvalidPath, kv.read_secret, "app/db", mount_point="plain")
    expect(exceptions.InvalidPath, kv.list_secrets, "app", mount_point="plain")


def kv_two(client):
    kv = client.secrets.kv.v2

    def read(path, **kwargs):
        return kv.read_secret_version(path, mount_point="team", raise_on_deleted_version=True, **kwargs)["data"]

    def write(path, secret, **kwargs):
        return kv.create_or_update_secret(path, secret=secret, mount_point="team", **kwargs)["data"]

    assert write("app/one", {"pass": "first"}, cas=0)["version"] == 1
    refused = expect(exceptions.InvalidRequest, write, "app/one", {"pass": "lost"}, cas=0)
    assert "check-and-set parameter did not match the current version" in str(refused)
    second = write("app/one", {"pass": "second"}, cas=1)
    assert second["version"] == 2 and second["destroyed"] is False and second["deletion_time"] == ""
    assert read("app/one")["data"] == {"pass": "second"}
    assert read("app/one", version=1)["data"] == {"pass": "first"}
    expect(exceptions.InvalidPath, read, "app/one", version=9)
    kv.patch("app/one", secret={"extra": "field"}, mount_point="team")
    assert read("app/one")["data"] == {"pass": "second", "extra": "field"}

    kv.delete_latest_version_of_secret("app/one", mount_point="team")
    deleted = expect(exceptions.InvalidPath, read, "app/one")
    assert deleted.json["data"]["data"] is None and deleted.json["data"]["metadata"]["deletion_time"] != ""
    kv.undelete_secret_versions("app/one", versions=[3], mount_point="team")
    assert read("app/one")["metadata"]["version"] == 3
    kv.delete_secret_versions("app/one", versions=[1], mount_point="team")
    expect(exceptions.InvalidPath, read, "app/one", version=1)
    kv.destroy_secret_versions("app/one", versions=[1, 2], mount_point="team")
    kv.undelete_secret_versions("app/one", versions=[1, 2], mount_point="team")
    destroyed = expect(exceptions.InvalidPath, read, "app/one", version=2)
    assert destroyed.json["data"]["metadata"]["destroyed"] is True

    kv.update_metadata(
        "app/one", max_versions=4, delete_version_after="3h25m19s", custom_metadata={"owner": "ann"}, mount_point="team"
    )
    metadata = kv.read_secret_metadata("app/one", mount_point="team")["data"]
    assert metadata["current_version"] == 3 and metadata["max_versions"] == 4
    assert metadata["delete_version_after"] == "3h25m19s" and metadata["custom_metadata"] == {"owner": "ann"}
    assert set(metadata["versions"]) == {"1", "2", "3"}
    client.write_data("team/metadata/app/one", data={"custom_metadata": {"owner": "eve"}})
    metadata = kv.read_secret_metadata("app/one", mount_point="team")["data"]
    assert metadata["custom_metadata"] == {"owner": "eve"} and metadata["max_versions"] == 4, "the rest stays"
    for number in range(4, 9):
        assert write("app/one", {"n": number})["version"] == number
    versions = kv.read_secret_metadata("app/one", mount_point="team")["data"]["versions"]
    assert set(versions) == {"5", "6", "7", "8"}

    write("app/two/deep", {"a": "b"})
    assert kv.list_secrets("app", mount_point="team")["data"]["keys"] == ["one", "two/"]
    kv.delete_metadata_and_all_versions("app/two/deep", mount_point="team")
    expect(exceptions.InvalidPath, kv.list_secrets, "app/two", mount_point="team")
    expect(exceptions.InvalidPath, kv.read_secret_metadata, "app/two/deep", mount_point="team")

    kv.configure(max_versions=7, cas_required=True, mount_point="team")
    configuration = kv.read_configuration(mount_point="team")["data"]
    assert configuration["max_versions"] == 7 and configuration["cas_required"] is True
    expect(exceptions.InvalidRequest, write, "app/three", {"a": "b"}, contains="check-and-set parameter required")
    kv.configure(max_versions=10, cas_required=False, mount_point="team")


def policies_and_tokens(client, connect):
    client.sys.create_or_update_policy("App", policy=POLICY)
    assert client.sys.read_policy("app")["data"]["rules"] == POLICY
    assert {"app", "default", "root"} <= set(client.sys.list_policies()["data"]["policies"])
    expect(exceptions.InvalidRequest, client.sys.create_or_update_policy, "bad", policy='path "x" { nonsense = 1 }')

    made = client.auth.token.create(policies=["app"], ttl="1h", meta={"for": "tour"}, display_name="tour")["auth"]
    assert made["policies"] == ["app", "default"] and made["lease_duration"] == 3600
    app = connect(made["client_token"])
    app.secrets.kv.v2.create_or_update_secret("app/four", secret={"a": "b"}, mount_point="team")
    assert app.secrets.kv.v2.list_secrets("app", mount_point="team")["data"]["keys"] == ["four", "one"]
    denied = expect(
        exceptions.Forbidden, app.secrets.kv.v1.read_secret, path="app", mount_point="plain", contains="permission denied"
    )
    assert denied.errors, "hvac lost the list of errors"
    expect(exceptions.Forbidden, app.secrets.kv.v2.read_secret_version, "app/hidden", mount_point="team")
    expect(exceptions.Forbidden, app.sys.seal)

    own = app.auth.token.lookup_self()["data"]
    assert own["type"] == "service" and own["meta"] == {"for": "tour"} and own["display_name"] == "token-tour"
    assert 0 < own["ttl"] <= 3600 and own["expire_time"]
    assert client.auth.token.lookup_accessor(made["accessor"])["data"]["id"] == ""
    assert app.auth.token.renew_self(increment="30m")["auth"]["lease_duration"] == 1800
    expect(exceptions.Forbidden, connect("hvs.nobody").auth.token.lookup_self)
    root = client.auth.token.lookup_self()["data"]
    assert root["expire_time"] is None and root["ttl"] == 0 and root["policies"] == ["root"]

    # A parent takes its children with it; an orphan stays.
    parent = client.auth.token.create(policies=["default", "maker"], ttl="1h")["auth"]["client_token"]
    client.sys.create_or_update_policy("maker", policy='path "auth/token/create*" { capabilities = ["update", "sudo"] }')
    child = connect(parent).auth.token.create(ttl="10m")["auth"]["client_token"]
    orphan = connect(parent).auth.token.create(ttl="10m", no_parent=True)["auth"]["client_token"]
    client.auth.token.revoke(parent)
    for gone in (parent, child):
        expect(exceptions.Forbidden, connect(gone).auth.token.lookup_self)
    connect(orphan).auth.token.lookup_self()
    by_accessor(client, connect)
    once = client.auth.token.create(policies=["default"], num_uses=1, ttl="1h")["auth"]["client_token"]
    connect(once).auth.token.lookup_self()
    expect(exceptions.Forbidden, connect(once).auth.token.lookup_self)
    return app


def by_accessor(client, connect):
    """What an operator does with a token that somebody else holds."""
    tokens = client.auth.token
    made = tokens.create(policies=["default"], ttl="10m", explicit_max_ttl="1h", no_parent=True)["auth"]
    token, accessor = made["client_token"], made["accessor"]
    seen = tokens.lookup(token)["data"]
    assert seen["accessor"] == accessor and seen["orphan"] is True and seen["explicit_max_ttl"] == 3600
    assert accessor in tokens.list_accessors()["data"]["keys"]
    assert tokens.renew(token, increment="20m")["auth"]["lease_duration"] == 1200
    longest = tokens.renew_accessor(accessor, increment="5h")
    assert 3590 <= longest["auth"]["lease_duration"] <= 3600 and longest["warnings"], "more than the explicit maximum"
    tokens.revoke_accessor(accessor)
    expect(exceptions.Forbidden, connect(token).auth.token.lookup_self)
    expect(exceptions.Forbidden, tokens.lookup, token, contains="bad token")
    expect(exceptions.Forbidden, tokens.lookup_accessor, accessor, contains="invalid accessor")
    assert accessor not in tokens.list_accessors()["data"]["keys"]

    # Revoked alone, a parent leaves its children behind as orphans.
    parent = tokens.create(policies=["default", "maker"], ttl="1h")["auth"]["client_token"]
    child = connect(parent).auth.token.create(ttl="10m")["auth"]["client_token"]
    tokens.revoke_and_orphan_children(parent)
    expect(exceptions.Forbidden, connect(parent).auth.token.lookup_self)
    assert connect(child).auth.token.lookup_self()["data"]["orphan"] is True
    unrenewable = tokens.create(policies=["default"], ttl="10m", renewable=False)["auth"]
    assert unrenewable["renewable"] is False
    expect(exceptions.InvalidRequest, connect(unrenewable["client_token"]).auth.token.renew_self)
    periodic = tokens.create(policies=["default"], period="2h")["auth"]
    assert periodic["lease_duration"] == 7200
    assert connect(periodic["client_token"]).auth.token.renew_self(increment="1s")["auth"]["lease_duration"] == 7200
    # A policy that goes takes its rights along at once.
    client.sys.create_or_update_policy("passing", policy='path "plain/app" { capabilities = ["read"] }')
    holder = connect(tokens.create(policies=["passing"], ttl="10m")["auth"]["client_token"])
    assert holder.secrets.kv.v1.read_secret("app", mount_point="plain")["data"] == {"beside": "the folder"}
    client.sys.delete_policy("passing")
    expect(exceptions.Forbidden, holder.secrets.kv.v1.read_secret, "app", mount_point="plain")


def cubbyhole(client, app):
    app.write("cubbyhole/note", text="mine")
    assert app.read("cubbyhole/note")["data"] == {"text": "mine"}
    assert app.list("cubbyhole")["data"]["keys"] == ["note"]
    assert client.read("cubbyhole/note") is None, "another token's cubbyhole, even to root"
    app.delete("cubbyhole/note")
    assert app.read("cubbyhole/note") is None


class Receiver(BaseHTTPRequestHandler):
    """Takes audit records."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.records.put((self.headers["Authorization"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def audit_at_a_web_server(client):
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        receiver.records = queue.Queue()
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{receiver.server_port}/in"
        options = {"uri": uri, "headers": '{"Authorization": ["Bearer abc"]}'}
        client.sys.enable_audit_device("http", path="siem", options=options)
        shown = client.sys.list_enabled_audit_devices()["data"]["siem/"]["options"]
        assert shown == {"uri": uri, "headers": '{"Authorization":["(hidden)"]}'}, shown
        hashed = client.sys.calculate_hash("siem", "a value")["data"]["hash"]
        client.sys.disable_audit_device("siem")
        seen = []
        while not seen or (seen[-1]["type"], seen[-1]["request"]["operation"]) != ("response", "delete"):
            key, record = receiver.records.get(timeout=60)
            assert key == "Bearer abc"
            seen.append(record)
        receiver.shutdown()
    inputs = [record["request"]["data"]["input"] for record in seen if "audit-hash" in record["request"]["path"]]
    assert inputs == [hashed, hashed] and "a value" not in json.dumps(seen)
    assert [record["chain"]["seq"] for record in seen] == list(range(1, len(seen) + 1))


def first(client, state, connect):
    seal_and_unseal(client, state)
    mounts(client)
    kv_one(client)
    kv_two(client)
    app = policies_and_tokens(client, connect)
    cubbyhole(client, app)
    audit_at_a_web_server(client)
    app.write("cubbyhole/kept", text="over a restart")
    state["app_token"] = app.token
    client.sys.seal()
    assert client.sys.is_sealed()
    expect(exceptions.VaultDown, client.secrets.kv.v2.read_secret_version, "app/one", mount_point="team")
    client.sys.submit_unseal_keys(state["keys"][:3])
    assert not client.sys.is_sealed()


def restarted(client, state, connect):
    assert client.sys.is_initialized() and client.sys.is_sealed()
    expect(exceptions.VaultDown, client.auth.token.lookup_self)
    client.sys.submit_unseal_keys(state["keys"][2:])
    assert not client.sys.is_sealed()
    client.token = state["root_token"]
    assert client.secrets.kv.v2.read_secret_version("app/one", mount_point="team")["data"]["data"] == {"n": 8}
    assert client.secrets.kv.v1.read_secret("app", mount_point="plain")["data"] == {"beside": "the folder"}
    app = connect(state["app_token"])
    assert app.auth.token.lookup_self()["data"]["policies"] == ["app", "default"]
    assert app.read("cubbyhole/kept")["data"] == {"text": "over a restart"}
    app.auth.token.revoke_self()
    expect(exceptions.Forbidden, app.auth.token.lookup_self)
    expect(exceptions.Forbidden, app.secrets.kv.v2.read_secret_version, "app/one", mount_point="team")


def main():
    part, url, state_file, *authority = sys.argv[1:]

    def connect(token=None):
        return hvac.Client(url=url, token=token, verify=authority[0] if authority else True)

    if part == "first":
        state = {}
        first(connect(), state, connect)
        with open(state_file, "w", encoding="utf-8") as file:
            json.dump(state, file)
    else:
        with open(state_file, encoding="utf-8") as file:
            restarted(connect(), json.load(file), connect)
    print(f"hvac {importlib.metadata.version('hvac')}: {part} passed")


if __name__ == "__main__":
    main()
