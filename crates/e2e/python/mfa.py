"""hvac logs in with second factors whose codes pyotp computes: ADDRESS TOKEN FOLDER."""

import base64
import json
import sys
import time
from pathlib import Path

import hvac
import pyotp
from hvac import exceptions

address, token, folder = sys.argv[1:]
root = hvac.Client(url=address, token=token)
said = Path(folder, "audit.log")
root.sys.enable_audit_device("file", options={"file_path": str(said)})
root.sys.enable_auth_method("userpass", path="people")
root.auth.userpass.create_or_update_user("bob", "wonder", mount_point="people", token_policies="default")
root.sys.enable_auth_method("approle")
root.auth.approle.create_or_update_approle("job", token_policies="default")
hidden = []


def refused(contains, call, kind=exceptions.Forbidden):
    try:
        call()
    except kind as error:
        assert contains in str(error), error
    else:
        raise AssertionError(f"{contains}: got in")


def login(**headers):
    """One step of a login; the whole reply."""
    client = hvac.Client(url=address)
    client.session.headers.update(headers)
    return client.auth.userpass.login("bob", "wonder", mount_point="people", use_token=False)["auth"]


def validate(request, payload):
    hidden.extend(code for codes in payload.values() for code in codes)
    client = hvac.Client(url=address)
    return client.write_data("sys/mfa/validate", data={"mfa_request_id": request, "mfa_payload": payload})["auth"]


def method(**about):
    return root.write_data("identity/mfa/method/totp", data={"issuer": "hvac", **about})["data"]["method_id"]


def enroll(method, entity):
    about = {"method_id": method, "entity_id": entity}
    made = root.write_data("identity/mfa/method/totp/admin-generate", data=about)["data"]
    assert base64.b64decode(made["barcode"]).startswith(b"\x89PNG\r\n"), made
    phone = pyotp.parse_uri(made["url"])
    assert (phone.issuer, phone.name) == ("hvac", entity), made
    again = root.write_data("identity/mfa/method/totp/admin-generate", data=about)
    assert again["data"] is None and "already has a secret" in again["warnings"][0], again
    hidden.append(phone.secret)
    return phone


bob = login()
assert bob["mfa_requirement"] is None and bob["client_token"], "nobody asks for a second factor yet"
for algorithm, digits, size in [("SHA1", 6, 20), ("SHA256", 8, 32), ("SHA512", 8, 64)]:
    made = method(algorithm=algorithm, digits=digits, key_size=size, method_name=algorithm.lower())
    phone = enroll(made, bob["entity_id"])
    accessor = root.sys.list_auth_methods()["data"]["people/"]["accessor"]
    root.write_data(
        "identity/mfa/login-enforcement/people",
        data={"mfa_method_ids": [made], "auth_method_accessors": [accessor]},
    )
    # Two steps.
    first = login()
    assert not first["client_token"] and first["token_policies"] == [], first
    needed = first["mfa_requirement"]
    choice = {"type": "totp", "id": made, "uses_passcode": True, "name": algorithm.lower()}
    assert needed["mfa_constraints"] == {"people": {"any": [choice]}}, needed
    request = needed["mfa_request_id"]
    refused("failed to validate TOTP passcode", lambda: validate(request, {made: ["0" * (digits - 1) + "x"]}))
    code = phone.now()
    done = validate(request, {made: [code]})
    client = hvac.Client(url=address, token=done["client_token"])
    assert client.lookup_token()["data"]["path"] == "auth/people/login/bob"
    refused("invalid request ID", lambda: validate(request, {made: [code]}), exceptions.InvalidRequest)
    # One step, with the code of the next period: the clocks may differ by one.
    refused("code already used", lambda: login(**{"X-Vault-MFA": f"{made}:{code}"}))
    following = phone.at(int(time.time()) + phone.interval)
    hidden.append(following)
    by_name = login(**{"X-Vault-MFA": f"{algorithm.lower()}:{following}"})
    assert by_name["client_token"] and by_name["entity_id"] == bob["entity_id"], by_name
    refused("MFA credentials not supplied", lambda: login(**{"X-Vault-MFA": made}))

# Whoever guesses is stopped.
request = login()["mfa_requirement"]["mfa_request_id"]
for _ in range(8):
    try:
        validate(request, {made: ["00000000"]})
    except exceptions.Forbidden as error:
        last = str(error)
assert "maximum TOTP validation attempts 6 exceeded the allowed attempts 5" in last, last
refused("maximum TOTP validation attempts", lambda: validate(request, {made: [phone.at(int(time.time()))]}))

# The one path of all methods: an application, too.
role_id = root.auth.approle.read_role_id("job")["data"]["role_id"]
secret_id = root.auth.approle.generate_secret_id("job")["data"]["secret_id"]
job = hvac.Client(url=address).auth.approle.login(role_id, secret_id, use_token=False)["auth"]
phone = enroll(made, job["entity_id"])
root.write_data(
    "identity/mfa/login-enforcement/jobs", data={"mfa_method_ids": [made], "auth_method_types": ["approle"]}
)
needed = hvac.Client(url=address).auth.approle.login(role_id, secret_id, use_token=False)["auth"]["mfa_requirement"]
assert validate(needed["mfa_request_id"], {made: [phone.now()]})["client_token"]
refused(
    "methodID is still used by an enforcement configuration",
    lambda: root.delete(f"identity/mfa/method/totp/{made}"),
    exceptions.InvalidRequest,
)
listed = root.list("identity/mfa/login-enforcement")["data"]
assert listed["keys"] == ["jobs", "people"] and listed["key_info"]["jobs"]["auth_method_types"] == ["approle"], listed

text = said.read_text()
assert sum(json.loads(line)["request"]["path"] == "sys/mfa/validate" for line in text.splitlines()) > 20
for secret in hidden:
    assert f'"{secret}"' not in text and f"secret={secret}" not in text, "a code or secret stands in the audit log"
print("all of it")
