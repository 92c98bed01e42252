"""Starting, sealing, and what a node says about itself."""

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
