"""GraphQL servers of npm (clients/graphql), and what stands before them."""

import contextlib
import os
import subprocess

import npm

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients",
                      "graphql")


@contextlib.contextmanager
def running(*kinds):
    """A copy of the folder, and the port of each kind of server (server.js says which there are)."""
    with npm.installed(FOLDER) as copy, contextlib.ExitStack() as stack:
        started = {}
        for kind in kinds:
            node = stack.enter_context(subprocess.Popen(
                ["node", "server.js", kind], cwd=copy, stdout=subprocess.PIPE, text=True))
            stack.callback(node.kill)
            started[kind] = node
        yield copy, {kind: int(node.stdout.readline()) for kind, node in started.items()}


def url(port):
    return f"http://127.0.0.1:{port}/graphql"
