"""What a client learns from a refusal."""

from hvac import exceptions
from server import behavior, refused, unique


@behavior
def permission_denied(server):
    client, mount = server.mount(1)
    client.secrets.kv.v1.create_or_update_secret("one", secret={"a": "b"}, mount_point=mount)
    stranger = server.stranger()
    seen = refused(exceptions.Forbidden, stranger.secrets.kv.v1.read_secret, "one", mount_point=mount)
    assert seen.errors == ["1 error occurred:\n\t* permission denied\n\n"]
    # What is not there is denied in the same words.
    missing = refused(exceptions.Forbidden, stranger.secrets.kv.v1.read_secret, "none", mount_point=mount)
    assert missing.errors == seen.errors
    nobody = refused(exceptions.Forbidden, server.client().secrets.kv.v1.read_secret, "one", mount_point=mount)
    assert nobody.errors == ["permission denied"]


@behavior
def unknown_route(server):
    wanted = "no handler for route"
    path = unique("none")
    seen = refused(exceptions.InvalidPath, server.root().write_data, f"{path}/x", data={"a": "b"}, contains=wanted)
    assert path in seen.errors[0]


@behavior
def unsupported_operation(server):
    # hvac knows no exception for 405.
    seen = refused(exceptions.UnexpectedError, server.root().delete, "sys/internal/ui/mounts")
    assert "unsupported operation" in seen.errors[0]
