"""Response wrapping, the cubbyhole it rests on, and the tools beside it."""

import base64

from hvac import exceptions
from server import behavior, refused, unique

INVALID = "wrapping token is not valid or does not exist"


def wrapped(server):
    """A secret, read by a wrapped request; gives the client, the path, and what came."""
    client, mount = server.mount(1)
    client.secrets.kv.v1.create_or_update_secret("one", secret={"a": "b"}, mount_point=mount)
    return client, f"{mount}/one", client.read(f"{mount}/one", wrap_ttl="5m")


@behavior
def wrap_and_unwrap(server):
    client, path, reply = wrapped(server)
    info = reply["wrap_info"]
    assert reply["data"] is None and reply["auth"] is None and reply["request_id"] == ""
    assert info["ttl"] == 300 and info["creation_path"] == path and info["creation_time"] and info["accessor"]
    # The wrapping token as the caller's own, then as a field beside the caller's.
    plain = server.client(info["token"]).sys.unwrap()
    assert plain["data"] == {"a": "b"} and plain["wrap_info"] is None and plain["request_id"]
    second = client.read(path, wrap_ttl=60)["wrap_info"]
    assert second["ttl"] == 60
    assert client.sys.unwrap(token=second["token"])["data"] == {"a": "b"}


@behavior
def wrap_token(server):
    tokens = server.root().auth.token
    info = tokens.create(policies=["default"], ttl="10m", wrap_ttl="2m")["wrap_info"]
    assert info["creation_path"] == "auth/token/create" and info["wrapped_accessor"]
    auth = server.client(info["token"]).sys.unwrap()["auth"]
    assert auth["accessor"] == info["wrapped_accessor"] and auth["policies"] == ["default"]
    assert server.client(auth["client_token"]).is_authenticated()


@behavior
def wrap_lookup(server):
    _, path, reply = wrapped(server)
    token = reply["wrap_info"]["token"]
    # Nobody in particular may ask.
    seen = server.client().write_data("sys/wrapping/lookup", data={"token": token})["data"]
    assert seen["creation_path"] == path and seen["creation_time"] == reply["wrap_info"]["creation_time"]
    assert seen["creation_ttl"] == 300 and isinstance(seen["creation_ttl"], int)
    assert server.client(token).sys.unwrap()["data"] == {"a": "b"}, "a lookup must not use it up"


@behavior
def rewrap(server):
    client, path, reply = wrapped(server)
    token = reply["wrap_info"]["token"]
    fresh = client.write_data("sys/wrapping/rewrap", data={"token": token})["wrap_info"]
    assert fresh["token"] != token and fresh["creation_path"] == path and fresh["ttl"] == 300
    refused(exceptions.InvalidRequest, server.client(token).sys.unwrap, contains=INVALID)
    assert server.client(fresh["token"]).sys.unwrap()["data"] == {"a": "b"}


@behavior
def unwrap_once(server):
    client, _, reply = wrapped(server)
    token = reply["wrap_info"]["token"]
    assert client.sys.unwrap(token=token)["data"] == {"a": "b"}
    refused(exceptions.InvalidRequest, client.sys.unwrap, token=token, contains=INVALID)
    refused(exceptions.InvalidRequest, server.client(token).sys.unwrap, contains=INVALID)
    lookup = {"token": token}
    refused(exceptions.InvalidRequest, client.write_data, "sys/wrapping/lookup", data=lookup, contains=INVALID)
    refused(exceptions.InvalidRequest, client.sys.unwrap, token="hvs.nobody", contains=INVALID)


@behavior
def wrap_data(server):
    client = server.root()
    info = client.sys.wrap({"any": "thing"}, ttl=90)["wrap_info"]
    assert info["ttl"] == 90 and info["creation_path"] == "sys/wrapping/wrap"
    assert client.sys.unwrap(token=info["token"])["data"] == {"any": "thing"}
    refused(exceptions.InvalidRequest, client.write_data, "sys/wrapping/wrap", data={"any": "thing"})


@behavior
def cubbyhole(server):
    own = server.stranger()
    own.write_data("cubbyhole/note", data={"text": "mine"})
    assert own.read("cubbyhole/note")["data"] == {"text": "mine"}
    assert own.list("cubbyhole")["data"]["keys"] == ["note"]
    assert server.root().read("cubbyhole/note") is None, "another token's cubbyhole, even to root"
    own.delete("cubbyhole/note")
    assert own.read("cubbyhole/note") is None and own.list("cubbyhole") is None


@behavior
def tools_random(server):
    client = server.root()
    drawn = [client.write_data("sys/tools/random/16", data={})["data"]["random_bytes"] for _ in range(2)]
    assert drawn[0] != drawn[1] and all(len(base64.b64decode(text)) == 16 for text in drawn)
    hexadecimal = client.write_data("sys/tools/random", data={"bytes": 8, "format": "hex"})["data"]["random_bytes"]
    assert len(bytes.fromhex(hexadecimal)) == 8


@behavior
def tools_hash(server):
    # FIPS 180-2, appendix B.1.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    body = {"input": base64.b64encode(b"abc").decode()}
    client = server.stranger()
    assert client.write_data("sys/tools/hash/sha2-256", data=body)["data"]["sum"] == abc
    assert base64.b64decode(
        client.write_data("sys/tools/hash", data=body | {"format": "base64"})["data"]["sum"]
    ) == bytes.fromhex(abc)
    body = {"input": "not base64"}
    refused(exceptions.InvalidRequest, client.write_data, "sys/tools/hash", data=body)
