"""Limits of a connection: its metadata and its age."""

import re
import threading

import grpc
import pytest

import observe
import programs


@pytest.mark.parametrize("arguments, limit, fits, refused", [
    ((), 16384, 16000, 17000), (("--metadata-limit", "1024"), 1024, 700, 3000)])
def test_metadata_beyond_the_limit_is_refused_and_nobody_else_notices(
        database, stubs, arguments, limit, fits, refused):
    m = stubs.trial
    server = programs.Server(database.url, *arguments, program="trial-server")
    try:
        with server.channel() as channel:
            trial = stubs.trial_grpc.TrialStub(channel)
            listener = trial.Listen(m.ListenRequest())
            next(listener)
            trial.Echo(m.Everything(), metadata=(("x-much", "a" * fits),))
            for call in (lambda much: trial.Echo(m.Everything(), metadata=much),
                         lambda much: list(trial.Count(m.CountRequest(), metadata=much))):
                with pytest.raises(grpc.RpcError) as caught:
                    call((("x-much", "a" * refused),))
                assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                assert caught.value.details() == f"the metadata has more than {limit} bytes"
            # The same connection goes on.
            assert next_rung(trial, m, listener) == 1
            listener.cancel()
    finally:
        server.stop()


def next_rung(trial, m, listener):
    rung = trial.Ring(m.RingRequest()).rung
    assert next(listener).rung == rung
    return rung


def connections(server):
    """How many have been called over: each has a port of its own."""
    return len(set(re.findall(r"Trial/Echo .*caller=127\.0\.0\.1:(\d+)", server.log_text())))


def test_connections_of_age_are_left_and_no_call_fails(database, stubs):
    m = stubs.trial
    server = programs.Server(database.url, "--connection-age-ms", "100", "--access-log", "all",
                             program="trial-server")
    stopping = threading.Event()
    failures = []

    def ask(trial):
        while not stopping.is_set():
            try:
                trial.Echo(m.Everything(int32_value=1))
            except grpc.RpcError as error:
                failures.append(error)
    try:
        with server.channel() as channel:
            trial = stubs.trial_grpc.TrialStub(channel)
            listener = trial.Listen(m.ListenRequest())
            next(listener)
            threads = [threading.Thread(target=ask, args=(trial,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            try:
                observe.wait_until(lambda: connections(server) >= 4)
            finally:
                stopping.set()
                for thread in threads:
                    thread.join()
            assert not failures
            # A stream goes on where it began.
            assert next_rung(trial, m, listener) == 1
            listener.cancel()
    finally:
        server.stop()
