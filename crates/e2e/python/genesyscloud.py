"""hvac uses the engine for Genesys Cloud: ADDRESS TOKEN CLOUD CLIENT-ID CLIENT-SECRET ROLE."""

import sys

import hvac
import requests
from hvac import exceptions

address, token, cloud, client_id, client_secret, role = sys.argv[1:]
root = hvac.Client(url=address, token=token)
root.sys.enable_secrets_engine("genesyscloud", path="genesys")
root.write("genesys/config", api_url=cloud, login_url=cloud, client_id=client_id, client_secret=client_secret)
shown = root.read("genesys/config")["data"]
assert client_secret not in str(shown) and shown["client_secret_set"] is True and shown["max_retries"] == 3, shown


def gets_token(creds):
    answer = requests.post(
        creds["token_url"],
        data={"grant_type": "client_credentials"},
        auth=(creds["client_id"], creds["client_secret"]),
        timeout=10,
    )
    return answer.status_code == 200


root.write("genesys/role/app", role_divisions=[{"role_id": role, "division_id": "*"}], ttl="10m", max_ttl="20m")
leased = root.read("genesys/creds/app")
assert leased["renewable"] is True and leased["lease_duration"] == 600, leased
assert gets_token(leased["data"])
renewed = root.sys.renew_lease(lease_id=leased["lease_id"], increment=3600)
assert 600 < renewed["lease_duration"] <= 1200, renewed
root.sys.revoke_lease(lease_id=leased["lease_id"])
assert not gets_token(leased["data"])

root.write("genesys/static-role/kept", role_divisions=f"{role}:*", rotation_period="1h")
kept = root.read("genesys/static-creds/kept")["data"]
assert gets_token(kept) and 0 < kept["ttl"] <= 3636, kept
root.write("genesys/rotate-role/kept")
fresh = root.read("genesys/static-creds/kept")["data"]
assert gets_token(fresh) and not gets_token(kept) and fresh["last_vault_rotation"] > kept["last_vault_rotation"]
assert root.list("genesys/static-role")["data"]["keys"] == ["kept"]

gone = root.read("genesys/creds/app")
root.delete("genesys/role/app")
try:
    root.sys.renew_lease(lease_id=gone["lease_id"])
except exceptions.InvalidRequest as error:
    assert "the role of this lease was removed" in str(error), error
else:
    raise AssertionError("renewed without a role")
root.write("genesys/config", client_secret="wrong-secret-7f3a9c")
root.write("genesys/role/app", role_divisions=f"{role}:*")
root.write("genesys/config", client_secret=client_secret)
root.sys.revoke_prefix("genesys/creds")
root.delete("genesys/role/app")
root.delete("genesys/static-role/kept")
root.sys.disable_secrets_engine("genesys")
