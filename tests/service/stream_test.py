"""Streams: how they begin and end, who may wait for how long, and that whoever leaves leaves
nothing behind."""

import queue
import threading
import time

import grpc
import pytest

import observe
import programs


def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def none_is_left(trial, m):
    observe.wait_until(lambda: trial.Streams(m.StreamsRequest()).in_progress == 0)


class Feed:
    """The messages of a client's stream, one by one; None ends it."""

    def __init__(self):
        self.queue = queue.Queue()
        self.messages = iter(self.queue.get, None)


@pytest.fixture
def m(trial, stubs):
    """The messages of Trial. After the test no stream may be left."""
    yield stubs.trial
    none_is_left(trial, stubs.trial)


# --- the beginning and the end --------------------------------------------------------------------


def test_a_stream_that_has_begun_says_so_before_its_first_message(trial, m):
    upload = Feed()
    upload.queue.put(m.TakeRequest(name="n", milliseconds_each=1))
    upload.queue.put(None)
    for call in (trial.Count(m.CountRequest(count=1)), trial.Count(m.CountRequest())):
        assert len(dict(call.initial_metadata())["x-request-id"]) > 0
        list(call)
    call = trial.Listen(m.ListenRequest(), metadata=(("x-request-id", "mine"),))
    assert dict(call.initial_metadata())["x-request-id"] == "mine"
    call.cancel()
    assert trial.Take(upload.messages).name == "n"


def test_a_failure_before_the_first_message_has_trailers_only(trial, m):
    call = trial.Count(m.CountRequest(count=-1))
    assert refusal(lambda: next(call)).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "x-request-id" not in dict(call.initial_metadata())
    assert "grpc-status-details-bin" in dict(call.trailing_metadata())
    call = trial.Count(m.CountRequest(fail_code=5))
    assert refusal(lambda: next(call)).code() == grpc.StatusCode.NOT_FOUND
    assert "x-request-id" not in dict(call.initial_metadata())


def test_every_listener_hears_the_bell(trial, m):
    calls = [trial.Listen(m.ListenRequest(limit=3)) for _ in range(100)]
    first = [next(call).rung for call in calls]
    assert len(set(first)) == 1
    for ring in (1, 2):
        assert trial.Ring(m.RingRequest()).rung == first[0] + ring
        assert {next(call).rung for call in calls} == {first[0] + ring}
    for call in calls:
        assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_a_client_stream_may_be_refused_before_its_end(trial, m):
    feed = Feed()
    call = trial.Take.future(feed.messages)
    for piece in (b"abc", b"defg"):
        feed.queue.put(m.TakeRequest(limit=6, piece=piece))
    error = refusal(call.result)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and error.details() == "more than 6 bytes"
    feed.queue.put(None)


def test_an_upload_is_read_whole_and_in_order(trial, m):
    pieces = [bytes([i % 256]) * i for i in range(0, 3000, 7)]
    messages = [m.TakeRequest(name="file")] + [m.TakeRequest(piece=p) for p in pieces]
    answer = trial.Take(iter(messages))
    digest = 0xcbf29ce484222325
    for byte in b"".join(pieces):
        digest = (digest ^ byte) * 0x100000001b3 % 2**64
    assert (answer.name, answer.size, answer.hash) == ("file", sum(map(len, pieces)), digest)


# --- limits ---------------------------------------------------------------------------------------


def test_a_stream_without_deadline_outlives_the_default_one(database, stubs):
    m = stubs.trial
    server = programs.Server(database.url, "--default-deadline-ms", "50", program="trial-server")
    try:
        with server.channel() as channel:
            trial = stubs.trial_grpc.TrialStub(channel)
            call = trial.Listen(m.ListenRequest())
            begun = time.monotonic()
            last = next(call).rung
            while time.monotonic() < begun + 0.2:
                trial.Ring(m.RingRequest())
                last = next(call).rung
            assert last > 0
            call.cancel()
            none_is_left(trial, m)
    finally:
        server.stop()


def test_a_stream_ends_at_its_clients_deadline(trial, m):
    call = trial.Listen(m.ListenRequest(), timeout=0.2)
    assert refusal(lambda: list(call)).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_message_limit_is_each_messages(trial, m):
    piece = b"x" * (3 << 20)
    assert trial.Take(m.TakeRequest(piece=piece) for _ in range(4)).size == 12 << 20
    error = refusal(lambda: trial.Take(
        m.TakeRequest(piece=p) for p in (piece, piece + piece)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_may_carry_more_than_one_call_may_hold(database, stubs):
    m = stubs.trial
    server = programs.Server(database.url, "--call-memory-limit", "65536", program="trial-server")
    try:
        with server.channel() as channel:
            trial = stubs.trial_grpc.TrialStub(channel)
            piece = b"x" * 20000
            assert trial.Take(m.TakeRequest(piece=piece) for _ in range(100)).size == 2000000
            assert sum(1 for _ in trial.Count(m.CountRequest(count=100, padding=20000))) == 100
            texts = [call.text for call in trial.Chat(
                m.ChatRequest(text="x" * 20000) for _ in range(100))]
            assert sum(map(len, texts)) == 2000000
            with pytest.raises(grpc.RpcError) as caught:
                trial.Take(m.TakeRequest(piece=p) for p in (piece, piece * 4))
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        server.stop()


def test_a_malformed_message_ends_the_stream(trial_server, trial, m):
    with trial_server.channel() as channel:
        chat = channel.stream_stream("/junction.v1.Trial/Chat")
        answers = chat(iter([b"\x0a\x01a", b"\x0a\xff"]))
        assert next(answers) == b"\x0a\x01a"
        assert refusal(lambda: next(answers)).code() == grpc.StatusCode.INVALID_ARGUMENT


# --- who leaves, and who does not read ------------------------------------------------------------


def test_a_client_that_leaves_while_the_server_waits(trial, m):
    calls = [trial.Listen(m.ListenRequest()) for _ in range(50)]
    for call in calls:
        next(call)
    assert trial.Streams(m.StreamsRequest()).in_progress == 50
    for call in calls:
        call.cancel()


def test_a_client_that_leaves_while_the_server_sends(trial, m):
    call = trial.Count(m.CountRequest(count=1 << 40, padding=1000))
    next(call)
    call.cancel()


@pytest.mark.parametrize("method", ["Sum", "Take", "Chat"])
def test_a_client_that_leaves_while_the_server_receives(trial_server, trial, m, method):
    def lines():
        return [line for line in trial_server.log_text().splitlines() if f"Trial/{method} " in line]
    before = len(lines())
    feed = Feed()
    call = getattr(trial, method)
    call = call(feed.messages) if method == "Chat" else call.future(feed.messages)
    observe.wait_until(lambda: trial.Streams(m.StreamsRequest()).in_progress == 1)
    call.cancel()
    none_is_left(trial, m)
    # It is not taken for the end of the messages.
    observe.wait_until(lambda: len(lines()) > before)
    assert "code=CANCELLED" in lines()[-1]
    feed.queue.put(None)


def test_a_client_whose_connection_breaks(trial_server, trial, stubs, m):
    with trial_server.channel() as channel:
        other = stubs.trial_grpc.TrialStub(channel)
        next(other.Listen(m.ListenRequest()))
        next(other.Count(m.CountRequest(count=1 << 40, padding=100000)))
        next(other.Chat(iter([m.ChatRequest(text="a")])))
    none_is_left(trial, m)


def resident(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_a_client_that_does_not_read_holds_up_only_itself(trial_server, trial, m):
    before = resident(trial_server)
    slow = [trial.Count(m.CountRequest(count=1 << 40, padding=1 << 20)) for _ in range(4)]
    try:
        for call in slow:
            next(call)
        assert sum(1 for _ in trial.Count(m.CountRequest(count=20000))) == 20000
        # Unread they would be gigabytes; AddressSanitizer alone keeps 256 MiB of what is freed.
        assert resident(trial_server) - before < 512 << 20
    finally:
        for call in slow:
            call.cancel()


def test_a_server_that_reads_slowly_holds_up_the_client(trial, m):
    taken = []

    def pieces():
        for i in range(100):
            taken.append(i)
            yield m.TakeRequest(milliseconds_each=1000, piece=b"x" * (1 << 20))
    call = trial.Take.future(pieces())
    observe.wait_until(lambda: len(taken) >= 2)
    trial.Ring(m.RingRequest())
    assert len(taken) < 50
    call.cancel()


# --- the end of the server ------------------------------------------------------------------------


def test_a_server_that_ends_sends_its_waiting_streams_elsewhere_at_once(database, stubs):
    m = stubs.trial
    server = programs.Server(database.url, "--shutdown-grace-ms", "3600000", program="trial-server")
    with server.channel() as channel:
        trial = stubs.trial_grpc.TrialStub(channel)
        health = stubs.health_grpc.HealthStub(channel)
        calls = [trial.Listen(m.ListenRequest()),
                 health.Watch(stubs.health.HealthCheckRequest(service="junction.v1.Trial"))]
        for call in calls:
            next(call)
        assert server.stop() == 0
        for call in calls:
            assert refusal(lambda: list(call)).code() == grpc.StatusCode.UNAVAILABLE


def test_a_server_that_ends_breaks_off_other_streams_after_the_grace(database, stubs):
    m = stubs.trial
    server = programs.Server(database.url, "--shutdown-grace-ms", "100", program="trial-server")
    with server.channel() as channel:
        trial = stubs.trial_grpc.TrialStub(channel)
        feed = Feed()
        calls = [trial.Count(m.CountRequest(count=1 << 40)), trial.Chat(feed.messages)]
        next(calls[0])
        feed.queue.put(m.ChatRequest(text="a"))
        next(calls[1])
        reader = threading.Thread(target=lambda: refusal(lambda: list(calls[0])))
        reader.start()
        assert server.stop() == 0
        reader.join()
        assert calls[0].code() == grpc.StatusCode.UNAVAILABLE
        assert refusal(lambda: list(calls[1])).code() == grpc.StatusCode.UNAVAILABLE
        feed.queue.put(None)
