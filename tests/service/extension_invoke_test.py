"""InvokeFunction, and calls of the function's service: what extensions are told, and what becomes of it."""

import concurrent.futures
import contextlib
import itertools
import re
import threading
import time

import grpc
import pytest

import extensions
import observe
import programs
import raw_upstream
from extensions import Extension, answer

URN = 'sn:cn:yrk:default:function:0@"demo"@ü:latest'
TIMEOUT_MS = 4000


@pytest.fixture(scope="module")
def ports():
    with extensions.ports() as ports:
        yield ports


@pytest.fixture(scope="module")
def server(database, ports):
    server = programs.Server(database.url, *extensions.option(ports), "--function-urn", URN,
                             "--function-service", "Billing",
                             "--extension-timeout-ms", str(TIMEOUT_MS))
    yield server
    server.stop()


class Function:
    """Registers stand-ins, tells them, and knows their rows."""

    def __init__(self, registry, stubs, database, ports):
        self.stub = registry
        self.m = stubs.extension
        self.database = database
        self.ports = ports
        self.stack = contextlib.ExitStack()
        self.registered = []

    def add(self, name, serve=None):
        """A stand-in that listens and is registered."""
        extension = self.stack.enter_context(
            Extension(self.ports[len(self.registered)], serve))
        self.register(name, extension.port)
        return extension

    def register(self, name, port):
        self.stub.RegisterExtension(self.m.RegisterExtensionRequest(
            name=name, address=f"127.0.0.1:{port}"))
        self.registered.append(name)

    def invoke(self, trace_id=None, wait_ms=None, metadata=(), timeout=programs.WAIT):
        request = self.m.InvokeFunctionRequest(trace_id=trace_id, wait_ms=wait_ms)
        return self.stub.InvokeFunction(request, metadata=metadata, timeout=timeout)

    def outcomes(self, **fields):
        return {e.name: self.m.InvocationOutcome.Name(e.outcome)[len("INVOCATION_OUTCOME_"):]
                for e in self.invoke(**fields).extensions}

    def only(self, **fields):
        """What came of the only one."""
        [result] = self.invoke(**fields).extensions
        return (self.m.InvocationOutcome.Name(result.outcome)[len("INVOCATION_OUTCOME_"):],
                result.http_status, result.error)

    def rows(self, trace_id, count, columns="extension, outcome"):
        """The rows of that invocation, when there are so many."""
        def select():
            return self.database.rows(f"SELECT {columns} FROM registry.invocation"
                                      f" WHERE trace_id = '{trace_id}' ORDER BY extension, id")
        observe.wait_until(lambda: len(select()) >= count)
        rows = select()
        assert len(rows) == count
        return rows

    def clear(self):
        for name in self.registered:
            with contextlib.suppress(grpc.RpcError):
                self.stub.DeregisterExtension(self.m.DeregisterExtensionRequest(name=name))
        self.registered.clear()


@pytest.fixture
def function(registry, stubs, database, ports):
    function = Function(registry, stubs, database, ports)
    with function.stack:
        yield function
        function.clear()


fresh = itertools.count()


@pytest.fixture
def trace_id():
    return f"trace {next(fresh)}"


def refusal(function):
    with pytest.raises(grpc.RpcError) as caught:
        function()
    return caught.value.code().name, caught.value.details()


class Held:
    """Serves nobody until it is let go."""

    def __init__(self):
        self.event = threading.Event()

    def __call__(self, connection, request):
        assert self.event.wait(programs.WAIT)
        answer(connection)

    def let_go(self):
        self.event.set()


# --- what they are told ------------------------------------------------------------------------


def test_an_extension_gets_exactly_what_the_document_says(function, trace_id):
    extension = function.add("a")
    out = function.invoke(trace_id=trace_id)
    assert (out.trace_id, out.invoked_function_urn) == (trace_id, URN)
    [request] = extension.requests
    head, body = request.split("\r\n\r\n")
    assert head.startswith("POST /extension/invoke HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{extension.port}\r\n" in head
    assert body.encode("latin-1").decode() == (
        '{"traceId":"%s","invokedFunctionUrn":"%s"}' % (trace_id, URN.replace('"', '\\"')))
    assert extension.told()
    [result] = out.extensions
    assert (result.name, result.address) == ("a", extension.address)
    assert result.outcome == function.m.INVOCATION_OUTCOME_OK
    assert (result.http_status, result.error) == (200, "")
    assert 0 < result.duration_us < TIMEOUT_MS * 1000


def test_the_trace_is_the_request_unless_it_is_given(function):
    extension = function.add("a")
    out = function.invoke(metadata=(("x-request-id", "request-7"),))
    assert out.trace_id == "request-7"
    assert function.invoke().trace_id
    assert [told["traceId"] for told in extension.told()][0] == "request-7"


@pytest.mark.parametrize("trace_id, rule", [
    ("", "must have 1 to 128 bytes"), ("a" * 129, "must have 1 to 128 bytes"),
    ("a\n", "must be printable ASCII"), ("ü", "must be printable ASCII"),
    ("\x7f", "must be printable ASCII")])
def test_a_trace_that_is_none_is_refused(function, trace_id, rule):
    assert refusal(lambda: function.invoke(trace_id=trace_id)) == (
        "INVALID_ARGUMENT", f"traceId: {rule}")


@pytest.mark.parametrize("wait_ms", [-1, 60001])
def test_a_wait_that_is_none_is_refused(function, wait_ms):
    assert refusal(lambda: function.invoke(wait_ms=wait_ms))[0] == "INVALID_ARGUMENT"


def test_without_extensions_there_is_nobody_to_tell(function):
    out = function.invoke(trace_id='"quoted" \\ and ~')
    assert (list(out.extensions), out.trace_id) == ([], '"quoted" \\ and ~')


def test_they_are_shown_by_name(function):
    for name in ("b", "C", "a"):
        function.add(name)
    assert [e.name for e in function.invoke().extensions] == ["C", "a", "b"]


# --- all at once -------------------------------------------------------------------------------


def test_all_are_told_at_once(function):
    # Nobody answers before all have been told.
    all_told = threading.Barrier(10)

    def serve(connection, _):
        all_told.wait(programs.WAIT)
        answer(connection)
    for i in range(10):
        function.add(f"e{i}", serve)
    out = function.invoke()
    assert {e.outcome for e in out.extensions} == {function.m.INVOCATION_OUTCOME_OK}
    assert len(out.extensions) == 10


def test_a_dead_or_slow_one_does_not_matter_to_the_others(function, trace_id):
    held = Held()
    function.add("hangs", held)
    function.add("good")
    function.register("dead", function.ports[9])
    begun = time.monotonic()
    assert function.outcomes(trace_id=trace_id) == {
        "dead": "UNREACHED", "good": "OK", "hangs": "TIMED_OUT"}
    assert TIMEOUT_MS / 1000 <= time.monotonic() - begun < 20
    held.let_go()
    assert function.rows(trace_id, 3) == [
        ["dead", "unreached"], ["good", "ok"], ["hangs", "timed_out"]]


def test_who_does_not_want_to_wait_has_rows_that_tell_later(function, trace_id):
    held = Held()
    function.add("good")
    slow = function.add("slow", held)
    assert function.outcomes(trace_id=trace_id, wait_ms=0)["slow"] == "PENDING"
    observe.wait_until(slow.told)
    assert function.rows(trace_id, 1) == [["good", "ok"]]
    held.let_go()
    assert function.rows(trace_id, 2) == [["good", "ok"], ["slow", "ok"]]


def test_a_wait_is_as_long_as_it_says(function):
    held = Held()
    function.add("slow", held)
    function.add("good")
    begun = time.monotonic()
    out = {e.name: e for e in function.invoke(wait_ms=300).extensions}
    assert 0.3 <= time.monotonic() - begun < TIMEOUT_MS / 1000
    assert out["slow"].outcome == function.m.INVOCATION_OUTCOME_PENDING
    assert 290_000 <= out["slow"].duration_us < TIMEOUT_MS * 1000
    assert (out["slow"].http_status, out["slow"].error) == (0, "")
    assert out["good"].outcome == function.m.INVOCATION_OUTCOME_OK
    held.let_go()


def test_before_the_deadline_of_the_caller_there_is_an_answer(function):
    held = Held()
    function.add("slow", held)
    assert function.outcomes(timeout=0.8) == {"slow": "PENDING"}
    held.let_go()


def test_a_caller_that_goes_leaves_the_extensions_alone(function, trace_id):
    held = Held()
    slow = function.add("slow", held)
    future = function.stub.InvokeFunction.future(
        function.m.InvokeFunctionRequest(trace_id=trace_id))
    observe.wait_until(slow.told)
    future.cancel()
    held.let_go()
    assert function.rows(trace_id, 1) == [["slow", "ok"]]
    assert function.outcomes() == {"slow": "OK"}


# --- what they answer --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "302 Found", "307 Moved",
                                    "404 Not Found", "500 Oops", "503 Busy"])
def test_only_200_is_good(function, trace_id, status):
    with Extension(function.ports[9]) as elsewhere:
        extension = function.add("a", lambda connection, _: answer(
            connection, status.encode(), b"" if status.startswith("204") else b"{}",
            f"Location: http://{elsewhere.address}/extension/invoke\r\n".encode()))
        code = int(status[:3])
        assert function.only(trace_id=trace_id) == ("REFUSED", code, f"HTTP {code}")
        assert len(extension.requests) == 1 and elsewhere.requests == []
    assert function.rows(trace_id, 1, "outcome, http_status, error") == [
        ["refused", str(code), f"HTTP {code}"]]


@pytest.mark.parametrize("body", [b"", b"not JSON", b"<html>", b"\xff\x00", b'{"code":1}',
                                  b"x" * (64 * 1024)],
                         ids=["none", "text", "html", "bytes", "refusal", "large"])
def test_the_body_of_an_answer_does_not_matter(function, body):
    function.add("a", lambda connection, _: answer(connection, body=body))
    assert function.only() == ("OK", 200, "")


def crash(connection, _):
    raw_upstream.reset(connection)
    return True


def closes(*_):
    return True


def half_a_line(connection, _):
    connection.sendall(b"HTTP/1.1")
    return True


def half_a_body(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    return True


def no_http(connection, _):
    connection.sendall(b"220 smtp.example.org ESMTP\r\n")
    return True


@pytest.mark.parametrize("serve", [crash, closes, half_a_line, half_a_body, no_http])
def test_one_that_crashes_was_not_reached(function, trace_id, serve):
    extension = function.add("a", serve)
    outcome, status, error = function.only(trace_id=trace_id)
    assert (outcome, status) == ("UNREACHED", 0) and extension.address in error
    assert function.rows(trace_id, 1, "outcome, http_status, error") == [["unreached", "", error]]
    assert len(extension.requests) == 1  # nothing is told twice


def trickle(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)
    return True


def until_gone(connection, _):
    raw_upstream.until_gone(connection)
    return True


@pytest.mark.parametrize("serve", [until_gone, trickle])
def test_one_that_takes_its_time_has_so_much(function, trace_id, serve):
    extension = function.add("a", serve)
    assert function.only(trace_id=trace_id) == (
        "TIMED_OUT", 0, f"no answer within {TIMEOUT_MS} ms")
    observe.wait_until(lambda: extension.closed == 1)  # it is told so by the connection
    [[duration]] = function.rows(trace_id, 1, "extract(epoch FROM duration) * 1000")
    assert TIMEOUT_MS <= float(duration) < TIMEOUT_MS + 10000


def memory_of(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) * 1024


def flood(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * 1024 * 1024))
    with contextlib.suppress(OSError):
        for _ in range(1024):
            connection.sendall(b"x" * 65536)
    return True


def test_a_flood_is_cut_off(function, server):
    extension = function.add("a", flood)
    function.add("b")
    before = memory_of(server)
    out = {e.name: e for e in function.invoke().extensions}
    assert out["b"].outcome == function.m.INVOCATION_OUTCOME_OK
    assert out["a"].outcome == function.m.INVOCATION_OUTCOME_UNREACHED
    assert "beyond 65536 bytes" in out["a"].error
    observe.wait_until(lambda: extension.closed == 1)
    assert memory_of(server) - before < 32 * 1024 * 1024


# --- calls of the function ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(registry, stubs):
    """billing.charge and other.charge, in two namespaces."""
    m = stubs.registry
    with programs.Upstream(lambda request: (200, {}, b'"charged"')) as upstream:
        for space in ("default", "test"):
            for name in ("billing", "other"):
                registry.RegisterServer(m.RegisterServerRequest(
                    server_name=name, host="127.0.0.1", port=upstream.port),
                    metadata=(("x-namespace", space),))
                registry.RegisterService(m.RegisterServiceRequest(
                    server_name=name, service_name="charge", uri="/charge"),
                    metadata=(("x-namespace", space),))
        yield upstream


def test_a_call_of_the_function_is_an_invocation_that_nobody_waits_for(
        function, services, stubs, registry):
    held = Held()
    extension = function.add("slow", held)
    out = registry.Call(stubs.registry.CallRequest(service="BILLING", action="charge"),
                        metadata=(("x-request-id", "call-1"),), timeout=programs.WAIT)
    assert out.result == '"charged"'
    observe.wait_until(lambda: len(extension.told()) == 1)
    list(registry.CallStream(stubs.registry.CallStreamRequest(service="billing", action="charge"),
                             metadata=(("x-request-id", "call-2"),), timeout=programs.WAIT))
    observe.wait_until(lambda: len(extension.told()) == 2)
    assert extension.told() == [{"traceId": f"call-{i}", "invokedFunctionUrn": URN.encode().decode(
        "latin-1")} for i in (1, 2)]
    held.let_go()
    for i in (1, 2):
        assert function.rows(f"call-{i}", 1) == [["slow", "ok"]]


def test_a_call_of_another_service_is_none(function, services, stubs, registry):
    extension = function.add("a")
    call = stubs.registry.CallRequest
    registry.Call(call(service="other", action="charge"))
    registry.Call(call(service="billing", action="charge"), metadata=(("x-namespace", "test"),))
    registry.Call(call(service="$node", action="list"))
    with pytest.raises(grpc.RpcError):
        registry.Call(call(service="billing", action="unknown"))
    # Told in the order of the calls: what comes first is the last call's.
    registry.Call(call(service="billing", action="charge"), metadata=(("x-request-id", "last"),))
    observe.wait_until(extension.told)
    assert [told["traceId"] for told in extension.told()] == ["last"]


# --- rows and counts ---------------------------------------------------------------------------


def test_a_row_says_who_was_told_of_what_by_whom_for_whom(function, trace_id, database):
    extension = function.add("a")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    function.invoke(trace_id=trace_id,
                    metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),))
    assert function.rows(trace_id, 1, (
        "function_urn, host || ':' || extension, address, outcome, http_status, error = '',"
        " duration > interval '0' AND duration < interval '1 minute',"
        " now() - invoked_at BETWEEN interval '-1 second' AND interval '1 minute',"
        " server_node LIKE host || '-%', caller_address LIKE '127.0.0.1:%', trace")) == [[
            URN, f"{database.rows('SELECT host FROM registry.extension')[0][0]}:a",
            extension.address, "ok", "200", "t", "t", "t", "t", "t", trace]]


def test_extensions_are_compared_by_day(function, trace_id, database):
    function.add("good-day")
    function.register("dead-day", function.ports[9])
    function.invoke(trace_id=trace_id)
    function.rows(trace_id, 2)
    assert database.rows(
        "SELECT extension, invocations, ok, unreached, refused + timed_out + overloaded,"
        " median <= percentile_99 AND percentile_99 <= longest, last_error LIKE '%not reached%',"
        " last_error_at IS NULL FROM registry.extension_day"
        " WHERE extension LIKE '%-day' AND day = (now() AT TIME ZONE 'UTC')::date") == [
        ["dead-day", "1", "0", "1", "0", "t", "t", "f"],
        ["good-day", "1", "1", "0", "0", "t", "", "t"]]


def test_outcomes_are_counted(function, server):
    def counted(outcome):
        return observe.value(server, "junction_extension_invocations_total", outcome=outcome)
    before = {outcome: counted(outcome) for outcome in ("ok", "unreached")}
    function.add("good")
    function.register("dead", function.ports[9])
    function.invoke()
    assert counted("ok") == before["ok"] + 1 and counted("unreached") == before["unreached"] + 1


def test_many_invocations_at_once_all_have_their_rows(function, trace_id):
    for i in range(10):
        function.add(f"e{i}")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for out in pool.map(lambda _: function.outcomes(trace_id=trace_id), range(160)):
            assert set(out.values()) == {"OK"} and len(out) == 10
    rows = function.rows(trace_id, 1600)
    assert all(outcome == "ok" for _, outcome in rows)


# --- other servers -----------------------------------------------------------------------------


@contextlib.contextmanager
def another(database, stubs, *options):
    with extensions.ports() as ports:
        server = programs.Server(database.url, *extensions.option(ports), *options)
        try:
            with server.channel() as channel:
                function = Function(stubs.registry_grpc.RegistryStub(channel), stubs, database,
                                    ports)
                with function.stack:
                    yield server, function
        finally:
            server.stop()
            database.rows("DELETE FROM registry.extension")


def test_extensions_are_reached_whatever_the_egress_policy_says_of_loopback(database, stubs):
    with another(database, stubs, "--egress-loopback", "refuse") as (_, function):
        extension = function.add("a")
        assert function.only() == ("OK", 200, "")
        m = stubs.registry
        function.stub.RegisterServer(m.RegisterServerRequest(
            server_name="loop", host="127.0.0.1", port=extension.port))
        function.stub.RegisterService(m.RegisterServiceRequest(
            server_name="loop", service_name="x", uri="/x"))
        # The policy holds for all others, even at the same address.
        assert refusal(lambda: function.stub.Call(m.CallRequest(
            service="loop", action="x")))[0] == "PERMISSION_DENIED"
        assert len(extension.requests) == 1


def test_an_extension_has_64_invocations_under_way_at_most(database, stubs, trace_id):
    with another(database, stubs, "--extension-timeout-ms", "60000") as (_, function):
        held = Held()
        slow = function.add("slow", held)
        good = function.add("good")
        for _ in range(64):
            function.invoke(trace_id=trace_id, wait_ms=0)
        observe.wait_until(lambda: len(good.told()) == 64)
        out = {e.name: e for e in function.invoke(trace_id=trace_id, wait_ms=0).extensions}
        assert out["slow"].outcome == function.m.INVOCATION_OUTCOME_OVERLOADED
        assert out["slow"].error == "64 invocations are waiting for its answer"
        held.let_go()
        rows = function.rows(trace_id, 130)
        assert rows.count(["slow", "ok"]) == 64 and rows.count(["slow", "overloaded"]) == 1
        assert rows.count(["good", "ok"]) == 65
        assert len(slow.told()) == 64
        assert function.outcomes()["slow"] == "OK"


def test_a_server_that_ends_does_not_wait_long_and_says_so(database, stubs, trace_id):
    with another(database, stubs, "--extension-timeout-ms", "60000") as (server, function):
        quick, slow = function.add("quick"), function.add("slow", until_gone)
        function.invoke(trace_id=trace_id, wait_ms=0)
        observe.wait_until(lambda: quick.told() and slow.told())
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 30
        assert function.rows(trace_id, 2, "extension, outcome, error") == [
            ["quick", "ok", ""],
            ["slow", "unreached", "the server ended before it answered"]]


def test_old_months_are_dropped_and_only_by_their_function(database):
    database.rows("SELECT upkeep.make_month('registry.invocation', '2020-01-01')")
    assert database.rows("SET ROLE junction_app; SELECT registry.keep_invocations(30)") == [["1"]]
    for sql in ("DELETE FROM registry.invocation", "UPDATE registry.invocation SET error = ''",
                "DROP TABLE registry.invocation", "TRUNCATE registry.invocation"):
        with pytest.raises(RuntimeError, match="permission denied|must be owner"):
            database.rows("SET ROLE junction_app; " + sql)
    assert database.rows("SET ROLE junction_reader; SELECT count(*) FROM registry.extension_day") \
        != []
