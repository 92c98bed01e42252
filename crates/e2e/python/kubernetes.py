"""hvac logs in as a pod: ADDRESS TOKEN FOLDER HOST."""

import sys
from pathlib import Path

import hvac
from hvac import exceptions

address, token, folder, host = sys.argv[1:]
root = hvac.Client(url=address, token=token)
root.sys.enable_auth_method("kubernetes", path="pods")
method, at = root.auth.kubernetes, {"mount_point": "pods"}


def text(name):
    return Path(folder, name).read_text()


def refused(kind, contains, **arguments):
    try:
        hvac.Client(url=address).auth.kubernetes.login(**arguments, **at)
    except kind as error:
        assert contains in str(error), error
    else:
        raise AssertionError(f"{contains}: got in")


web = text("web.jwt")
refused(exceptions.InvalidRequest, "invalid role name", role="web", jwt=web)
method.configure(
    kubernetes_host=host, kubernetes_ca_cert=text("cluster-ca.pem"), token_reviewer_jwt=text("reviewer.jwt"), **at
)
seen = method.read_config(**at)
assert seen["kubernetes_host"] == host and "token_reviewer_jwt" not in seen and seen["token_reviewer_jwt_set"] is True
method.create_role(
    "Web",
    bound_service_account_names=["web"],
    bound_service_account_namespaces=["shop"],
    policies=["default"],
    ttl="20m",
    **at,
)
seen = method.read_role("web", **at)
assert seen["bound_service_account_names"] == ["web"] and seen["token_ttl"] == 1200 and seen["ttl"] == 1200
assert method.list_roles(**at)["keys"] == ["web"]
own = hvac.Client(url=address)
auth = own.auth.kubernetes.login(role="web", jwt=web, **at)["auth"]
assert own.token == auth["client_token"] and auth["lease_duration"] == 1200 and auth["entity_id"]
assert auth["metadata"]["service_account_name"] == "web" and auth["metadata"]["service_account_namespace"] == "shop"
assert own.auth.token.lookup_self()["data"]["display_name"] == "pods-shop-web"
assert own.auth.token.renew_self()["auth"]["lease_duration"] == 1200
refused(exceptions.Forbidden, "service account name not authorized", role="web", jwt=text("reviewer.jwt"))
refused(exceptions.Forbidden, "permission denied", role="web", jwt=web[:-8] + "AAAAAAAA")
method.delete_role("web", **at)
refused(exceptions.InvalidRequest, "invalid role name", role="web", jwt=web)
