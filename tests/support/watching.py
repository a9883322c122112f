"""Watchers as foreign clients write them: what is known is built from messages alone."""

import random
import threading

import grpc
from google.protobuf import text_format

import programs

KINDS = {"service_key": "service", "node_key": "node", "action_key": "action"}
OPERATIONS = {1: "put", 2: "delete", 3: "expire"}


class State:
    """What a watcher knows: services by key, each with its parts as text."""

    def __init__(self):
        self.services = {}

    def apply(self, change):
        kind = KINDS[change.WhichOneof("subject")]
        key = getattr(change, kind + "_key")
        if kind == "service":
            assert key == change.service
            self.apply_service(change, key)
        elif change.service in self.services:
            parts = self.services[change.service][kind]
            if change.operation == 1:
                parts[key] = text_format.MessageToString(getattr(change, kind), as_one_line=True)
            else:
                parts.pop(key, None)

    def apply_service(self, change, key):
        if change.operation != 1:
            self.services.pop(key, None)
            return
        state = change.service_state
        service = self.services.setdefault(key, {"node": {}, "action": {}})
        service["is"] = (state.name, state.version, state.settings)
        service["node"].pop("", None)
        if state.HasField("node"):
            service["node"][""] = text_format.MessageToString(state.node, as_one_line=True)

    def keys(self):
        """{(kind, service, key)}, as the view registry.state has them."""
        found = {("service", key, key) for key in self.services}
        for service, parts in self.services.items():
            for kind in ("node", "action"):
                found |= {(kind, service, key) for key in parts[kind] if key}
        return found


    def different(self, other):
        """What is not the same, for people."""
        mine, others = self.flat(), other.flat()
        return {key: (mine.get(key), others.get(key)) for key in mine.keys() | others.keys()
                if mine.get(key) != others.get(key)}

    def flat(self):
        found = {(key,): parts["is"] for key, parts in self.services.items()}
        for service, parts in self.services.items():
            for kind in ("node", "action"):
                found |= {(service, kind, key): text for key, text in parts[kind].items()}
        return found


def row_of(change):
    """A change as a row of registry.change: revision, kind, service, key, operation."""
    kind = KINDS[change.WhichOneof("subject")]
    return (change.revision, kind, change.service, getattr(change, kind + "_key"),
            OPERATIONS[change.operation])


class Follower:
    """Takes responses one by one, and asserts what each of them promises."""

    def __init__(self):
        self.state, self.cursor, self.rows = State(), "", []
        self.reasons, self.in_snapshot, self.start = [], False, None

    def take(self, response):
        if response.kind == 3:
            assert response.changes and response.cursor and not self.in_snapshot
            for change in response.changes:
                assert change.revision > 0 and change.HasField("time") and change.HasField("author")
                self.rows.append(row_of(change))
        else:
            if not self.in_snapshot:
                self.state, self.rows = State(), []
                self.reasons.append(response.snapshot_reason)
            else:
                assert not response.snapshot_reason
            self.in_snapshot = response.kind == 1
            assert bool(response.cursor) == (response.kind == 2)
            assert all(c.operation == 1 and c.revision == 0 and not c.HasField("time")
                       and not c.HasField("author") for c in response.changes)
            if response.kind == 2:
                self.start = int(response.cursor)
        for change in response.changes:
            self.state.apply(change)
        if response.cursor:
            self.cursor = response.cursor

    def left(self):
        """The stream has ended: half a snapshot is worth nothing."""
        self.in_snapshot = False


class Watcher(threading.Thread):
    """Follows by itself, now on this server, now on that one, always after its last cursor."""

    def __init__(self, stubs, servers, seed, service="", space="default", restless=True):
        super().__init__(daemon=True)
        self.stubs, self.servers, self.random = stubs, servers, random.Random(seed)
        self.service, self.space, self.restless = service, space, restless
        self.follower = Follower()
        self.stopping, self.failure, self.codes, self.call = threading.Event(), None, [], None
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.follow()
        except Exception as error:  # noqa: BLE001, told by stop()
            self.failure = error
            raise

    def follow(self):
        m = self.stubs.registry
        server = self.random.choice(self.servers)
        until = self.random.randint(1, 40) if self.restless else 0
        with server.channel() as channel:
            registry = self.stubs.registry_grpc.RegistryStub(channel)
            self.call = registry.Watch(
                m.WatchRequest(service=self.service, after=self.follower.cursor),
                metadata=[("x-namespace", self.space)])
            if self.stopping.is_set():
                return
            try:
                for response in self.call:
                    self.follower.take(response)
                    until -= 1
                    if until == 0:
                        break
            except grpc.RpcError as error:
                self.codes.append(error.code())
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                        grpc.StatusCode.RESOURCE_EXHAUSTED):
                    raise
            finally:
                self.call.cancel()
                self.follower.left()
        self.stopping.wait(0.01)

    def stop(self):
        self.stopping.set()
        if self.call:
            self.call.cancel()
        self.join(programs.WAIT)
        assert not self.is_alive()
        if self.failure:
            raise self.failure


def logged_rows(database, start, space="default", service=None):
    """What a watcher from that revision on has to see, in order."""
    only = f"AND service_key = '{service}'" if service else ""
    return [(int(row[0]), *row[1:]) for row in database.rows(
        "SELECT revision, kind, service_key, name, operation FROM registry.change "
        f"WHERE namespace = '{space}' AND revision > {start} {only} ORDER BY revision, part")]


def stored_keys(database, space="default"):
    return {tuple(row) for row in database.rows(
        f"SELECT kind, service_key, name FROM registry.state WHERE namespace = '{space}'")}


def fresh(stubs, server, service="", space="default"):
    """A snapshot, whole."""
    follower = Follower()
    with server.channel() as channel:
        call = stubs.registry_grpc.RegistryStub(channel).Watch(
            stubs.registry.WatchRequest(service=service), metadata=[("x-namespace", space)])
        for response in call:
            follower.take(response)
            if response.kind == 2:
                break
        call.cancel()
    return follower


def logged_rows_behind(database, cursor, space):
    revision, _, part = cursor.partition(".")
    return [(int(row[0]), *row[1:]) for row in database.rows(
        "SELECT revision, kind, service_key, name, operation FROM registry.change "
        f"WHERE namespace = '{space}' AND (revision, part) > ({revision}, {part or 2 ** 31 - 1}) "
        "ORDER BY revision, part")]
