"""Starting, sealing, and what a node says about itself."""

import base64

import requests
from hvac import exceptions
from server import Server, behavior, refused


def initialize(server: Server, shares, threshold):
    client = server.client()
    made = client.sys.initialize(secret_shares=shares, secret_threshold=threshold)
    return client, made


@behavior
def initialize_and_unseal(server):
    client = server.client()
    assert client.sys.is_initialized() is False
    assert client.sys.read_health_status(method="GET").status_code == 501
    refused(exceptions.InvalidRequest, client.sys.initialize, secret_shares=2, secret_threshold=3)
    client, made = initialize(server, 3, 2)
    assert client.sys.is_initialized() is True and client.sys.is_sealed() is True
    assert len(made["keys"]) == len(made["keys_base64"]) == 3
    refused(exceptions.InvalidRequest, client.sys.initialize, secret_shares=1, secret_threshold=1)
    refused(exceptions.InvalidRequest, client.sys.submit_unseal_key, key="not a key")
    assert client.sys.submit_unseal_key(key=made["keys"][0])["progress"] == 1
    assert client.sys.submit_unseal_key(key=made["keys"][0])["progress"] == 1
    assert client.sys.submit_unseal_key(reset=True)["progress"] == 0
    status = client.sys.submit_unseal_keys([made["keys"][2], made["keys_base64"][1]])
    assert status["sealed"] is False and (status["t"], status["n"]) == (2, 3)
    client.token = made["root_token"]
    assert client.is_authenticated()


@behavior
def sealed_is_down(server):
    client, made = initialize(server, 1, 1)
    refused(exceptions.VaultDown, client.read, "secret/anything", contains="Vault is sealed")
    client.sys.submit_unseal_key(key=made["keys"][0])
    client.token = made["root_token"]
    client.sys.enable_secrets_engine("kv", path="kept", options={"version": "1"})
    client.secrets.kv.v1.create_or_update_secret("one", secret={"a": "b"}, mount_point="kept")
    client.sys.seal()
    assert client.sys.is_sealed() is True
    assert client.sys.read_health_status(method="HEAD").status_code == 503
    refused(exceptions.VaultDown, client.secrets.kv.v1.read_secret, "one", mount_point="kept")
    client.sys.submit_unseal_key(key=made["keys_base64"][0])
    assert client.secrets.kv.v1.read_secret("one", mount_point="kept")["data"] == {"a": "b"}


def unsealed(server, shares, threshold):
    client, made = initialize(server, shares, threshold)
    client.sys.submit_unseal_keys(made["keys"][:threshold])
    return client, made["keys"]


@behavior
def generate_root(server):
    client, keys = unsealed(server, 3, 2)
    assert client.sys.read_root_generation_progress()["started"] is False
    begun = client.sys.start_root_token_generation()
    assert begun["started"] is True and len(begun["otp"]) == begun["otp_length"] == 28 and begun["required"] == 2
    refused(exceptions.InvalidRequest, client.sys.start_root_token_generation, contains="already in progress")
    refused(exceptions.InvalidRequest, client.sys.generate_root, keys[0], "other", contains="incorrect nonce")
    assert client.sys.generate_root(keys[0], begun["nonce"])["progress"] == 1
    done = client.sys.generate_root(keys[2], begun["nonce"])
    assert done["complete"] is True and done["encoded_root_token"] == done["encoded_token"]
    encoded = base64.b64decode(done["encoded_token"] + "=" * (-len(done["encoded_token"]) % 4))
    client.token = "".join(chr(a ^ b) for a, b in zip(encoded, begun["otp"].encode(), strict=True))
    assert client.lookup_token()["data"]["policies"] == ["root"]
    client.sys.start_root_token_generation()
    client.sys.cancel_root_generation()
    assert client.sys.read_root_generation_progress()["started"] is False


@behavior
def rekey(server):
    client, old = unsealed(server, 3, 2)
    begun = client.sys.start_rekey(secret_shares=3, secret_threshold=2, require_verification=True)
    assert (begun["n"], begun["t"], begun["required"], begun["verification_required"]) == (3, 2, 2, True)
    assert client.sys.rekey(old[0], begun["nonce"])["progress"] == 1
    assert client.sys.read_rekey_progress()["progress"] == 1
    made = client.sys.rekey(old[1], begun["nonce"])
    assert made["complete"] is True and len(made["keys"]) == len(made["keys_base64"]) == 3
    nonce = made["verification_nonce"]
    assert client.sys.read_rekey_verify_progress()["nonce"] == nonce
    refused(exceptions.InvalidRequest, client.sys.rekey_verify, old[0], "other", contains="incorrect nonce")
    assert client.sys.rekey_verify(made["keys"][0], nonce)["progress"] == 1
    assert client.sys.rekey_verify(made["keys"][2], nonce)["complete"] is True
    begun = client.sys.start_rekey(secret_shares=1, secret_threshold=1)
    last = client.sys.rekey_multi(made["keys"][:2], nonce=begun["nonce"])
    assert last["complete"] is True and len(last["keys"]) == 1
    root = client.sys.start_root_token_generation()["nonce"]
    refused(exceptions.InvalidRequest, client.sys.generate_root, made["keys"][0], root)
    assert client.sys.generate_root(last["keys_base64"][0], root)["complete"] is True


@behavior
def tls_with_own_authority(server):
    assert server.url.startswith("https:")
    assert server.client().sys.is_initialized() is False
    stranger = server.client()
    stranger.session.verify = stranger._adapter._kwargs["verify"] = True
    try:
        stranger.sys.is_initialized()
    except requests.exceptions.SSLError:
        return
    raise AssertionError("trusted without its authority")


@behavior
def health(server):
    client = server.client()
    seen = client.sys.read_health_status(method="GET")
    assert seen["initialized"] is True and seen["sealed"] is False
    assert seen["standby"] is False and seen["performance_standby"] is False
    assert isinstance(seen["server_time_utc"], int) and seen["version"]
    assert client.sys.read_health_status(method="HEAD").status_code == 200
    # hvac gives anything but a 200 as the bare response.
    assert client.sys.read_health_status(method="GET", active_code=299).status_code == 299


@behavior
def seal_status(server):
    seen = server.client().seal_status
    assert seen["type"] == "shamir" and seen["sealed"] is False and seen["initialized"] is True
    assert (seen["t"], seen["n"], seen["progress"], seen["nonce"]) == (1, 1, 0, "")
    major, minor, _ = seen["version"].split(".")
    assert int(major) >= 1 and int(minor) >= 0


@behavior
def leader(server):
    seen = server.client().sys.read_leader_status()
    assert seen["is_self"] is True and isinstance(seen["ha_enabled"], bool)
