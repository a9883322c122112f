"""Watch: the state, then every change in the order of the commits, from any cursor and server."""

import contextlib
import json
import threading
import time

import grpc
import pytest
from google.protobuf import text_format

import observe
import postgres
import programs
import watching

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def registry(server, stubs):
    with server.channel() as channel:
        yield stubs.registry_grpc.RegistryStub(channel)


def in_space(space):
    return [("x-namespace", space)]


class Stream:
    """One Watch, read on demand."""

    def __init__(self, registry, m, after="", service="", space="default"):
        self.follower = watching.Follower()
        self.call = registry.Watch(m.WatchRequest(after=after, service=service),
                                   metadata=in_space(space), timeout=programs.WAIT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call.cancel()

    def next(self):
        response = next(self.call)
        self.follower.take(response)
        return response

    def snapshot(self):
        while self.next().kind != 2:
            pass
        return self.follower

    def until(self, count):
        while len(self.follower.rows) < count:
            self.next()
        return self.follower


def put_server(registry, m, name, space="default", port=80):
    registry.RegisterServer(m.RegisterServerRequest(server_name=name, host="h", port=port),
                            metadata=in_space(space))


def put_action(registry, m, server, name, space="default", **more):
    registry.RegisterService(m.RegisterServiceRequest(server_name=server, service_name=name,
                                                      uri="/u", **more), metadata=in_space(space))


def bulk(registry, m, servers, actions, space):
    return registry.RegisterService(m.RegisterServiceRequest(servers={
        f"bulk{i}": m.BulkServer(host="h", port=1, api={
            f"a{j}": m.BulkService(uri="/u") for j in range(actions)})
        for i in range(servers)}), metadata=in_space(space))


def test_a_snapshot_then_changes_with_author_and_time(registry, stubs):
    m = stubs.registry
    put_server(registry, m, "One", "whole")
    put_action(registry, m, "One", "Act", "whole", params='{"a": [1, "}"]}', timeout_ms=77)
    registry.RegisterNode(m.RegisterNodeRequest(
        service="one", node="Host-1", host="::1", port=9, metadata='{"zone":"x"}', lease_ms=60000,
        weight=3), metadata=in_space("whole"))
    with Stream(registry, m, space="whole") as s:
        known = s.snapshot().state
        assert known.keys() == {("service", "one", "one"), ("action", "one", "act"),
                                ("node", "one", "host-1")}
        action = text_format.Parse(known.services["one"]["action"]["act"], m.ActionState())
        assert (action.name, action.method, action.uri, action.params, action.timeout_ms) == (
            "Act", "POST", "/u", '{"a": [1, "}"]}', 77)
        node = text_format.Parse(known.services["one"]["node"]["host-1"], m.NodeInfo())
        assert (node.service, node.name, node.host, node.port, node.weight, node.metadata,
                node.lease_ms, node.available) == (
            "one", "Host-1", "::1", 9, 3, '{"zone":"x"}', 60000, True)
        put_server(registry, m, "One", "whole", port=81)
        change = s.next().changes[0]
        assert (change.operation, change.service, change.service_key, change.service_state.name,
                change.service_state.settings, change.service_state.node.port) == (
            m.CHANGE_OPERATION_PUT, "one", "one", "One", "{}", 81)
        assert change.author.address and len(change.author.trace) == 32
        assert abs(change.time.ToMilliseconds() / 1000 - time.time()) < 3600
        registry.UpdateNode(m.UpdateNodeRequest(service="one", node="host-1", enabled=False),
                            metadata=in_space("whole"))
        node = s.next().changes[0]
        assert (node.node_key, node.node.enabled, node.node.available, node.node.metadata) == (
            "host-1", False, False, '{"zone":"x"}')
        put_action(registry, m, "One", "Act", "whole", params='{"b":2}',
                   server_info=m.ServerInfo(host="a", port=5))
        action = s.next().changes[0].action
        assert (action.address, action.params) == ("http://a:5", '{"b":2}')
        registry.DeregisterNode(m.DeregisterNodeRequest(service="one", node="host-1"),
                                metadata=in_space("whole"))
        gone = s.next().changes[0]
        assert (gone.operation, gone.node_key, gone.WhichOneof("state")) == (
            m.CHANGE_OPERATION_DELETE, "host-1", None)
        registry.DeleteServer(m.DeleteServerRequest(server_name="one"), metadata=in_space("whole"))
        s.next()
        assert s.follower.state.keys() == set()


def test_an_expired_node_is_told(registry, stubs):
    m = stubs.registry
    with Stream(registry, m, space="expiry") as s:
        s.snapshot()
        registry.RegisterNode(m.RegisterNodeRequest(service="e", node="n-1", host="h", port=1,
                                                    lease_ms=1000), metadata=in_space("expiry"))
        rows = s.until(3).rows
        assert [row[1:] for row in rows] == [("service", "e", "e", "put"),
                                             ("node", "e", "n-1", "put"),
                                             ("node", "e", "n-1", "expire")]


def test_only_one_service_and_one_namespace(registry, stubs):
    m = stubs.registry
    put_server(registry, m, "mine", "left")
    with (Stream(registry, m, service="MINE", space="left") as one,
          Stream(registry, m, space="left") as left, Stream(registry, m, space="right") as right):
        assert one.snapshot().state.keys() == {("service", "mine", "mine")}
        left.snapshot()
        assert right.snapshot().state.keys() == set()
        put_server(registry, m, "other", "left")
        put_server(registry, m, "mine", "right")
        put_action(registry, m, "mine", "act", "left")
        assert [row[1:4] for row in one.until(1).rows] == [("action", "mine", "act")]
        assert [row[1:4] for row in left.until(2).rows] == [("service", "other", "other"),
                                                            ("action", "mine", "act")]
        assert [row[1:4] for row in right.until(1).rows] == [("service", "mine", "mine")]
    with Stream(registry, m, service="absent", space="left") as none:
        assert none.snapshot().state.keys() == set()


def test_resuming_after_any_cursor_within_a_revision(server, registry, stubs, database):
    m = stubs.registry
    with Stream(registry, m, space="bulk") as s:
        start = s.snapshot().start
        bulk(registry, m, 3, 400, "bulk")
        responses = []
        while len(s.follower.rows) < 1203:
            responses.append(s.next())
    rows = watching.logged_rows(database, start, "bulk")
    assert s.follower.rows == rows and len({row[0] for row in rows}) == 1
    assert [len(r.changes) for r in responses] == [200] * 6 + [3]
    assert all("." in r.cursor for r in responses[:-1]) and "." not in responses[-1].cursor
    # From memory, and from the log by a server that has not been there.
    late = programs.Server(database.url)
    try:
        for place in (server, late):
            with place.channel() as channel:
                again = stubs.registry_grpc.RegistryStub(channel)
                for after in (str(start), f"{rows[0][0]}.0", f"{rows[0][0]}.1",
                              f"{rows[0][0]}.999999", *(r.cursor for r in responses[:3])):
                    sent = watching.logged_rows_behind(database, after, "bulk")
                    with Stream(again, m, after=after, space="bulk") as s:
                        put_server(registry, m, "last", "bulk")
                        got = s.until(len(sent) + 1).rows
                    assert got[:-1] == sent and got[-1][1:] == (
                        "service", "last", "last", "put"), after
                    assert s.follower.reasons == []
    finally:
        late.stop()


def test_large_changes_come_in_messages_that_clients_take(registry, stubs, database):
    """A message beyond 4 MiB is refused by every gRPC client, again and again."""
    m = stubs.registry
    put_server(registry, m, "large", "large")
    params = json.dumps({"x": "y" * 900_000})
    with Stream(registry, m, space="large") as s:
        start = s.snapshot().start
        for i in range(12):
            put_action(registry, m, "large", f"a{i}", "large", params=params)
        assert s.until(12).rows == watching.logged_rows(database, start, "large")
    with Stream(registry, m, space="large") as s:
        assert len(s.snapshot().state.keys()) == 13
    late = programs.Server(database.url)
    try:
        with late.channel() as channel:
            with Stream(stubs.registry_grpc.RegistryStub(channel), m, after=str(start),
                        space="large") as s:
                assert s.until(12).rows == watching.logged_rows(database, start, "large")
    finally:
        late.stop()


@pytest.mark.parametrize("after", ["x", "1.", ".1", "-1", "+1", " 1", "1 ", "1.x", "1.-1", "1.1.1",
                                   "9223372036854775808", "1.2147483648", "1,2"])
def test_a_malformed_cursor_is_refused(registry, stubs, after):
    with pytest.raises(grpc.RpcError) as caught:
        next(registry.Watch(stubs.registry.WatchRequest(after=after), timeout=programs.WAIT))
    assert caught.value.code() == INVALID
    assert caught.value.details() == "after: must be a cursor that Watch has sent"


def test_a_cursor_of_another_history_gets_a_snapshot(registry, stubs):
    m = stubs.registry
    put_server(registry, m, "there", "future")
    for after in ("9223372036854775807", "99999999.7"):
        with Stream(registry, m, after=after, space="future") as s:
            assert s.snapshot().state.keys() == {("service", "there", "there")}
            assert s.follower.reasons == ["the cursor is not known here"]


def test_a_forgotten_cursor_gets_a_snapshot(cluster_url, stubs):
    m = stubs.registry
    with programs.Database(cluster_url) as database:
        server = programs.Server(database.url)
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            with Stream(registry, m) as s:
                first = s.snapshot().cursor
            bulk(registry, m, 1, 300, "default")
            with Stream(registry, m, after=first) as s:
                inner = s.next().cursor
            put_server(registry, m, "kept")
        forgotten = int(inner.split(".")[0])
        server.stop()
        database.rows(f"DELETE FROM registry.change WHERE revision <= {forgotten};"
                      f"UPDATE registry.history SET forgotten = {forgotten}")
        server = programs.Server(database.url)
        try:
            with server.channel() as channel:
                registry = stubs.registry_grpc.RegistryStub(channel)
                for after in (first, inner):
                    with Stream(registry, m, after=after) as s:
                        assert len(s.snapshot().state.keys()) == 302
                        assert s.follower.reasons == ["what followed the cursor is no longer kept"]
                with Stream(registry, m, after=str(forgotten)) as s:
                    assert [row[3] for row in s.until(1).rows] == ["kept"]
                    assert s.follower.reasons == []
        finally:
            server.stop()


def test_a_row_that_is_none_holds_nobody_up(registry, stubs, database):
    """Somebody writes to the log by hand, more rows than one message takes."""
    m = stubs.registry
    put_server(registry, m, "rows", "hand")
    with Stream(registry, m, space="hand") as s:
        start = s.snapshot().cursor
    database.rows("""
        BEGIN;
        SELECT registry.next_revision();
        INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
            operation, value, caller_address, caller_application, caller_user, trace)
        SELECT currval('registry.revision'), i, now(), 'hand', 'node', 'rows', 'n-1', 'put',
            '{"metadata":{"a":1e999999},"a":1,"a":2}', '', '', '', ''
        FROM generate_series(1, 450) AS i;
        COMMIT""")
    put_server(registry, m, "after", "hand")
    late = programs.Server(database.url)
    try:
        with late.channel() as channel:
            with Stream(stubs.registry_grpc.RegistryStub(channel), m, after=start,
                        space="hand") as s:
                assert [row[3] for row in s.until(1).rows] == ["after"]
    finally:
        late.stop()


def test_a_writer_held_open_is_not_skipped(registry, stubs, database):
    m = stubs.registry
    held = postgres.Session(database.url)
    with Stream(registry, m, space="held") as s, held:
        s.snapshot()
        held.run("BEGIN; SELECT registry.begin_change(false); SELECT registry.next_revision();")
        others = [threading.Thread(target=put_server, args=(registry, m, f"o{i}", "held"))
                  for i in range(8)]
        for other in others:
            other.start()
        observe.wait_until(lambda: int(database.rows(
            f"SELECT count(*) FROM {postgres.LOCKS} WHERE locktype = 'advisory' AND NOT granted")[0][0]))
        held.run("INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, "
                 "name, operation, value, caller_address, caller_application, caller_user, trace) "
                 "VALUES (currval('registry.revision'), 1, now(), 'held', 'service', 'slow', "
                 "'slow', 'put', '{\"name\":\"slow\"}', '', '', '', ''); COMMIT;")
        for other in others:
            other.join()
        rows = s.until(9).rows
        assert rows == watching.logged_rows(database, s.follower.start, "held")
        assert rows[0][3] == "slow"


def test_shutting_down_ends_watches_at_once(database, stubs):
    m = stubs.registry
    server = programs.Server(database.url, "--shutdown-grace-ms", "600000")
    with server.channel() as channel:
        registry = stubs.registry_grpc.RegistryStub(channel)
        with Stream(registry, m, space="end") as s:
            s.snapshot()
            server.stop()
            with pytest.raises(grpc.RpcError) as caught:
                s.next()
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_one_that_does_not_read_is_dropped_and_no_other(database, stubs):
    m = stubs.registry
    params = json.dumps({"x": "y" * 500_000})
    server = programs.Server(database.url, "--watch-patience-ms", "3000")
    try:
        with server.channel() as slow, server.channel() as fast:
            registry = stubs.registry_grpc.RegistryStub(fast)
            put_server(registry, m, "s", "slow")
            with (Stream(stubs.registry_grpc.RegistryStub(slow), m, space="slow") as lazy,
                  Stream(registry, m, space="slow") as keen):
                lazy.snapshot()
                keen.snapshot()
                for i in range(40):
                    put_action(registry, m, "s", f"a{i}", "slow", params=params)
                    keen.until(i + 1)
                observe.wait_until(lambda: observe.value(
                    server, "junction_rpc_calls_total", method="junction.v1.Registry/Watch",
                    code="RESOURCE_EXHAUSTED"))
                with pytest.raises(grpc.RpcError) as caught:
                    lazy.until(40)
                assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "read too slowly" in caught.value.details()
                put_server(registry, m, "s", "slow")
                keen.until(41)
                with Stream(registry, m, after=lazy.follower.cursor, space="slow") as again:
                    again.until(41 - len(lazy.follower.rows))
                    assert again.follower.reasons == []
                    assert lazy.follower.rows + again.follower.rows == keen.follower.rows
    finally:
        server.stop()


def test_shutting_down_does_not_wait_for_one_that_does_not_read(database, stubs):
    m = stubs.registry
    params = json.dumps({"x": "y" * 500_000})
    server = programs.Server(database.url, "--shutdown-grace-ms", "600000")
    with server.channel() as channel:
        registry = stubs.registry_grpc.RegistryStub(channel)
        put_server(registry, m, "s", "stuck")
        with Stream(registry, m, space="stuck") as lazy:
            lazy.snapshot()
            for i in range(40):
                put_action(registry, m, "s", f"a{i}", "stuck", params=params)
            server.stop()
            with pytest.raises(grpc.RpcError) as caught:
                lazy.until(40)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_thousand_watchers_all_get_everything(registry, stubs, database):
    m = stubs.registry
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(registry, m, space="many")) for _ in range(1000)]
        start = streams[0].snapshot().start
        for stream in streams[1:]:
            assert stream.snapshot().start >= start  # leases of other tests may run out
        for i in range(20):
            put_server(registry, m, f"s{i}", "many")
        rows = watching.logged_rows(database, start, "many")
        assert len(rows) == 20
        for stream in streams:
            assert stream.until(20).rows == rows
