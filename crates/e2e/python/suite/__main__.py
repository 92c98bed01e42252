"""The behaviors of docs/clients.md through hvac, each a function of its own.

usage: python suite list
       python suite NAME=URL ...

`list` prints the names. Otherwise each NAME runs against the server at its URL, and prints one line: `ok NAME`, or
`FAILED NAME: why`. The environment says how to get in: SUITE_ROOT_TOKEN, and SUITE_AUTHORITY for HTTPS.
"""

import sys
import traceback

import access
import approle
import errors
import identity
import kv
import node
import operation
import tokens
import wrapping
from server import Server

PARTS = (node, access, identity, approle, tokens, kv, wrapping, operation, errors)
BEHAVIORS = {name: test for part in PARTS for name, test in vars(part).items() if getattr(test, "is_behavior", False)}


def run(name, url):
    """Nothing when the behavior is there, else why not, on one line."""
    test = BEHAVIORS.get(name)
    if test is None:
        return "there is no such behavior"
    try:
        test(Server(url))
    except Exception as error:  # Whatever it is, it is this behavior's failure and not the end of the suite.
        frames = traceback.extract_tb(error.__traceback__)
        frame = [frame for frame in frames if "/suite/" in frame.filename][-1]
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return " ".join(f"{what} (line {frame.lineno}: {frame.line})".split())
    return None


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(BEHAVIORS))
        return
    for argument in sys.argv[1:]:
        name, _, url = argument.partition("=")
        why = run(name, url)
        print(f"FAILED {name}: {why}" if why else f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
