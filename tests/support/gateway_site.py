"""A server that wants credentials, the services that files bring it, and who calls them."""

import contextlib
import itertools
import threading

import gateways
import logins
import observe
import programs
import subjects
from configurations import Folder, at, text
from raw_upstream import RawUpstream

NAMES = itertools.count()
OPERATOR = subjects.basic("ak-operator000000000000")


class Node(RawUpstream):
    """Answers each request with its number, and these headers; while `open` is not set it waits."""

    def __init__(self, *headers):
        super().__init__(self.answer)
        self.headers = headers
        self.open = threading.Event()
        self.open.set()

    def answer(self, connection, request):
        with self.lock:  # others may have come since
            number = 1 + next(i for i, one in enumerate(self.requests) if one is request)
        self.open.wait(programs.WAIT)
        body = b"%04d" % number
        lines = ["HTTP/1.1 200 OK", *self.headers, "Content-Length: 4", "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)

    def last(self):
        """The headers of the last request."""
        return gateways.head_of(self.requests[-1])[1]


class Site:
    def __init__(self, database, stubs, *arguments):
        self.database, self.stubs = database, stubs
        self.made = contextlib.ExitStack()
        self.folder = self.made.enter_context(Folder())
        self.server = self.folder.serve(database, "--auth", "required", "--auth-poll-ms", "50",
                                        "--registry-poll-ms", "50", *arguments)
        self.made.callback(self.server.stop)
        self.admin = self.made.enter_context(logins.Administrator(database, self.server, stubs))
        self.bridge = self.start_bridge()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.made.close()

    def start_bridge(self, *arguments, server=None):
        bridge = programs.Bridge(server or self.server, *arguments)
        self.made.callback(bridge.stop)
        return bridge

    def node(self, *headers):
        return self.made.enter_context(Node(*headers))

    def serve(self, *nodes, **settings):
        """A new service with these settings on these nodes: its name, known to the bridge."""
        name = f"service-{next(NAMES)}"
        self.serve_at(name, at(*(node.port for node in nodes)), **settings)
        return name

    def serve_at(self, name, addresses, **settings):
        self.folder.put(f"{name}.config.json", text(name, restAPIs=addresses, **settings))
        observe.wait_until(lambda: self.explain(f"/api/{name}/")["code"] != "404")

    def register(self, name, node, **more):
        """A node that registers itself."""
        registry = self.stubs.registry_grpc.RegistryStub(self.admin.channel)
        registry.RegisterNode(self.stubs.registry.RegisterNodeRequest(
            service=name, node=f"own-{node.port}", host="127.0.0.1", port=node.port, **more),
            timeout=programs.WAIT, metadata=[("authorization", OPERATOR)])

    def explain(self, target, authorization=OPERATOR, more=""):
        headers = {"Authorization": authorization} if authorization else {}
        return self.bridge.get(f"/mw/explain?path={target}{more}", headers).json()

    def application(self, name, *rules):
        """A new application with a role of its name: its header."""
        self.admin.put_subject("application", name)
        self.allow("application", name, *rules)
        key = self.admin.call("CreateAccessKey", application=name)
        return "Authorization: Bearer " + self.admin.call(
            "IssueToken", access_key_id=key.key.id, secret=key.secret).access_token

    def user(self, name, *rules):
        """The same of a user."""
        self.admin.add_user(name)
        self.allow("user", name, *rules)
        return "Authorization: Bearer " + self.admin.login(name).access_token

    def allow(self, kind, name, *rules):
        if rules:
            self.admin.put_role(name, *rules)
            self.admin.put_grant(kind, name, name)


def at_once(count, ask):
    """What `count` calls of ask(index) bring that run at the same time."""
    answers = [None] * count
    together = threading.Barrier(count)

    def run(index):
        together.wait()
        answers[index] = ask(index)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in answers
    return answers
