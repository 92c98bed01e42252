"""The key-value engine, both versions."""

from hvac import exceptions
from server import behavior, refused, unique

VALUES = {
    "text": "ä<&>\u2028\"",
    "huge": 12345678901234567890123,
    "exact": 0.1,
    "nested": {"list": [1, None, True, {"deep": []}]},
}


@behavior
def kv1(server):
    client, mount = server.mount(1)
    kv = client.secrets.kv.v1
    kv.create_or_update_secret("app/db", secret={"user": "ann", "ttl": "1h"}, mount_point=mount)
    read = kv.read_secret("app/db", mount_point=mount)
    assert read["data"] == {"user": "ann", "ttl": "1h"} and read["lease_duration"] == 3600
    assert read["lease_id"] == "" and read["renewable"] is False
    kv.create_or_update_secret("app/db", secret={"only": "this"}, mount_point=mount)
    read = kv.read_secret("app/db", mount_point=mount)
    assert read["data"] == {"only": "this"} and read["lease_duration"] == 2764800
    kv.create_or_update_secret("app", secret={"beside": "the folder"}, mount_point=mount)
    assert kv.list_secrets("", mount_point=mount)["data"]["keys"] == ["app", "app/"]
    assert kv.list_secrets("app", mount_point=mount)["data"]["keys"] == ["db"]
    kv.delete_secret("app/db", mount_point=mount)
    kv.delete_secret("app/db", mount_point=mount)
    refused(exceptions.InvalidPath, kv.read_secret, "app/db", mount_point=mount)
    refused(exceptions.InvalidPath, kv.list_secrets, "app", mount_point=mount)


@behavior
def kv2_versions(server):
    client, mount = server.mount(2)
    kv = client.secrets.kv.v2
    first = kv.create_or_update_secret("one", secret={"pass": "first"}, mount_point=mount)["data"]
    assert first["version"] == 1 and first["destroyed"] is False and first["deletion_time"] == ""
    assert first["custom_metadata"] is None and first["created_time"].endswith("Z")
    assert kv.create_or_update_secret("one", secret={"pass": "second"}, mount_point=mount)["data"]["version"] == 2
    latest = kv.read_secret("one", mount_point=mount)["data"]
    assert latest["data"] == {"pass": "second"} and latest["metadata"]["version"] == 2
    older = kv.read_secret_version("one", version=1, mount_point=mount)["data"]
    assert older["data"] == {"pass": "first"} and older["metadata"]["version"] == 1
    refused(exceptions.InvalidPath, kv.read_secret_version, "one", version=3, mount_point=mount)


@behavior
def kv2_check_and_set(server):
    client, mount = server.mount(2)

    def write(cas=None):
        return client.secrets.kv.v2.create_or_update_secret("one", secret={"a": "b"}, cas=cas, mount_point=mount)

    assert write(cas=0)["data"]["version"] == 1
    wanted = "check-and-set parameter did not match the current version"
    refused(exceptions.InvalidRequest, write, cas=0, contains=wanted)
    assert write(cas=1)["data"]["version"] == 2
    client.secrets.kv.v2.configure(cas_required=True, mount_point=mount)
    refused(exceptions.InvalidRequest, write, contains="check-and-set parameter required for this call")


@behavior
def kv2_patch(server):
    client, mount = server.mount(2)
    kv = client.secrets.kv.v2
    # hvac's own patch reads and writes; the server's is PATCH.
    kv.create_or_update_secret("one", secret={"stays": "here", "goes": "away"}, mount_point=mount)
    kv.patch("one", secret={"comes": "new"}, mount_point=mount)
    changed = client.adapter.request(
        "patch",
        f"/v1/{mount}/data/one",
        json={"data": {"goes": None, "number": 7}, "options": {"cas": 2}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert changed["data"]["version"] == 3
    assert kv.read_secret("one", mount_point=mount)["data"]["data"] == {"stays": "here", "comes": "new", "number": 7}
    refused(exceptions.InvalidPath, kv.patch, "none", secret={"a": "b"}, mount_point=mount)


@behavior
def kv2_deleted_versions(server):
    client, mount = server.mount(2)
    kv = client.secrets.kv.v2

    def read(version=None):
        return kv.read_secret_version("one", version=version, mount_point=mount, raise_on_deleted_version=True)["data"]

    for number in (1, 2, 3):
        kv.create_or_update_secret("one", secret={"n": number}, mount_point=mount)
    kv.delete_latest_version_of_secret("one", mount_point=mount)
    deleted = refused(exceptions.InvalidPath, read)
    assert deleted.json["data"]["data"] is None
    metadata = deleted.json["data"]["metadata"]
    assert metadata["version"] == 3 and metadata["deletion_time"] and metadata["destroyed"] is False
    # The same without the exception, as hvac reads it when it is told to.
    quiet = kv.read_secret_version("one", mount_point=mount, raise_on_deleted_version=False)
    assert quiet["data"]["metadata"]["version"] == 3
    kv.undelete_secret_versions("one", versions=[3], mount_point=mount)
    assert read()["data"] == {"n": 3}
    kv.delete_secret_versions("one", versions=[1, 2], mount_point=mount)
    refused(exceptions.InvalidPath, read, 1)
    kv.destroy_secret_versions("one", versions=[1], mount_point=mount)
    kv.undelete_secret_versions("one", versions=[1, 2], mount_point=mount)
    assert read(2)["data"] == {"n": 2}
    destroyed = refused(exceptions.InvalidPath, read, 1)
    assert destroyed.json["data"]["metadata"]["destroyed"] is True


@behavior
def kv2_metadata(server):
    client, mount = server.mount(2)
    kv = client.secrets.kv.v2

    def read():
        return kv.read_secret_metadata("one", mount_point=mount)["data"]

    kv.update_metadata(
        "one", max_versions=2, delete_version_after="3h25m19s", custom_metadata={"owner": "ann"}, mount_point=mount
    )
    metadata = read()
    assert metadata["current_version"] == 0 and metadata["versions"] == {} and metadata["max_versions"] == 2
    assert metadata["delete_version_after"] == "3h25m19s" and metadata["custom_metadata"] == {"owner": "ann"}
    refused(exceptions.InvalidPath, kv.read_secret, "one", mount_point=mount)
    for number in (1, 2, 3):
        kv.create_or_update_secret("one", secret={"n": number}, mount_point=mount)
    metadata = read()
    assert set(metadata["versions"]) == {"2", "3"} and metadata["oldest_version"] == 2
    assert metadata["current_version"] == 3 and metadata["cas_required"] is False
    assert metadata["versions"]["3"]["deletion_time"] > metadata["versions"]["3"]["created_time"]
    client.adapter.request(
        "patch",
        f"/v1/{mount}/metadata/one",
        json={"custom_metadata": {"team": "red"}, "max_versions": None},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    metadata = read()
    assert metadata["custom_metadata"] == {"owner": "ann", "team": "red"} and metadata["max_versions"] == 0
    kv.delete_metadata_and_all_versions("one", mount_point=mount)
    kv.delete_metadata_and_all_versions("one", mount_point=mount)
    refused(exceptions.InvalidPath, read)
    refused(exceptions.InvalidPath, kv.read_secret, "one", mount_point=mount)


@behavior
def kv2_list(server):
    client, mount = server.mount(2)
    for path in ("b", "a/one", "a/two/deep", "a"):
        client.secrets.kv.v2.create_or_update_secret(path, secret={"a": "b"}, mount_point=mount)
    # With the verb LIST, and as GET with a query where a proxy knows no such verb.
    for kv in (client.secrets.kv.v2, server.root(strict_http=True).secrets.kv.v2):
        assert kv.list_secrets("", mount_point=mount)["data"]["keys"] == ["a", "a/", "b"]
        assert kv.list_secrets("a", mount_point=mount)["data"]["keys"] == ["one", "two/"]
        refused(exceptions.InvalidPath, kv.list_secrets, "b", mount_point=mount)


@behavior
def kv2_scan(server):
    client, mount = server.mount(2)
    for path in ("b", "a/one", "a/two/deep"):
        client.secrets.kv.v2.create_or_update_secret(path, secret={"a": "b"}, mount_point=mount)
    seen = client.adapter.request("scan", f"/v1/{mount}/metadata/")
    assert seen["data"]["keys"] == ["a/one", "a/two/deep", "b"]
    assert client.adapter.get(f"/v1/{mount}/metadata/a", params={"scan": "true"})["data"]["keys"] == ["one", "two/deep"]


@behavior
def kv2_configuration(server):
    client, mount = server.mount(2)
    kv = client.secrets.kv.v2

    def read():
        seen = kv.read_configuration(mount_point=mount)["data"]
        return seen["max_versions"], seen["cas_required"], seen["delete_version_after"]

    assert read() == (0, False, "0s")
    kv.configure(max_versions=7, cas_required=True, delete_version_after="1h30m", mount_point=mount)
    assert read() == (7, True, "1h30m0s")


@behavior
def kv2_subkeys(server):
    client, mount = server.mount(2)
    secret = {"a": {"b": {"c": "value"}}, "d": ["x"]}
    client.secrets.kv.v2.create_or_update_secret("one", secret=secret, mount_point=mount)
    seen = client.read(f"{mount}/subkeys/one")["data"]
    assert seen["subkeys"] == {"a": {"b": {"c": None}}, "d": None} and seen["metadata"]["version"] == 1
    shallow = client.adapter.get(f"/v1/{mount}/subkeys/one", params={"depth": 1})["data"]
    assert shallow["subkeys"] == {"a": None, "d": None}


@behavior
def kv_missing(server):
    for version in (1, 2):
        client, mount = server.mount(version)
        kv = client.secrets.kv.v1 if version == 1 else client.secrets.kv.v2
        missing = refused(exceptions.InvalidPath, kv.read_secret, unique("none"), mount_point=mount)
        assert missing.errors == [] and missing.json == {"errors": []}
        refused(exceptions.InvalidPath, kv.list_secrets, "", mount_point=mount)
    assert client.read(f"{mount}/data/{unique('none')}") is None


@behavior
def kv_values_survive(server):
    for version in (1, 2):
        client, mount = server.mount(version)
        kv = client.secrets.kv.v1 if version == 1 else client.secrets.kv.v2
        kv.create_or_update_secret("values", secret=VALUES, mount_point=mount)
        read = kv.read_secret("values", mount_point=mount)["data"]
        read = read if version == 1 else read["data"]
        assert read == VALUES and isinstance(read["huge"], int)
