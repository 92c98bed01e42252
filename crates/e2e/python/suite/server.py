"""The server under test as the suite sees it, and how a behavior is marked."""

import itertools
import os
import secrets

import hvac
from hvac import exceptions

_NUMBERS = itertools.count(1)
_RUN = secrets.token_hex(4)


def behavior(test):
    """Marks a function as one of the behaviors of docs/clients.md, which has its name."""
    test.is_behavior = True
    return test


class Server:
    def __init__(self, url):
        self.url = url

    def client(self, token=None, **kwargs):
        """A client with this token. What the caller's environment says about tokens is not asked."""
        client = hvac.Client(url=self.url, verify=os.environ.get("SUITE_AUTHORITY", True), **kwargs)
        client.token = token
        return client

    def root(self, **kwargs):
        return self.client(os.environ["SUITE_ROOT_TOKEN"], **kwargs)

    def mount(self, version):
        """A new KV mount; gives root's client and the mount's path."""
        client, path = self.root(), unique("kv")
        client.sys.enable_secrets_engine("kv", path=path, options={"version": str(version)})
        return client, path

    def with_policy(self, rules):
        """A client whose token has this policy alone beside `default`."""
        root, name = self.root(), unique("policy")
        root.sys.create_or_update_policy(name, policy=rules)
        return self.client(root.auth.token.create(policies=[name], ttl="10m")["auth"]["client_token"])

    def stranger(self):
        """A client whose token may do what every token may, and nothing else."""
        return self.client(self.root().auth.token.create(policies=["default"], ttl="10m")["auth"]["client_token"])


def unique(start):
    """A name that nothing on the server has: the same behavior may run there twice."""
    return f"{start}-{_RUN}-{next(_NUMBERS)}"


def refused(error, call, *args, contains="", **kwargs):
    """Calls, and wants exactly this class of exception with this text in it; returns it."""
    try:
        answer = call(*args, **kwargs)
    except exceptions.VaultError as raised:
        assert type(raised) is error, f"{type(raised).__name__} instead of {error.__name__}: {raised}"
        assert contains in str(raised), f"{contains!r} is not in {str(raised)!r}"
        return raised
    raise AssertionError(f"{error.__name__} was expected, and came {answer!r}")
