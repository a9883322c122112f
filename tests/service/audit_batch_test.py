"""Writing many records with one call: each is written or refused on its own, in order."""

import threading

import grpc
import pytest

import auditing
import observe
import postgres
import programs


@pytest.fixture(scope="module")
def log(stubs, channel, database):
    return auditing.Log(stubs, channel, database)


def received(server):
    return observe.value(server, "junction_rpc_messages_total", direction="received")


@pytest.fixture
def held(log):
    """The log is held: what is written waits until commit()."""
    with postgres.Session(log.database.url) as session:
        session.run("BEGIN; SELECT pg_advisory_xact_lock(6024018);")
        yield lambda: session.run("COMMIT;")


def contents(log, outcomes):
    ids = "','".join(o.record.id for o in outcomes if o.HasField("record"))
    return [row["content"] for row in log.rows(f"id IN ('{ids}')")]


# --- lists ----------------------------------------------------------------------------------------


def test_a_thousand_stand_in_the_order_of_the_list(log):
    names = [f"thousand {i}" for i in range(1000)]
    outcomes = log.write_batch([log.request(name) for name in names])
    assert not any(o.HasField("error") or o.record.repeated for o in outcomes)
    assert len({o.record.id for o in outcomes}) == 1000
    assert contents(log, outcomes) == names
    by_outcome = {row["id"]: row for row in log.rows("content LIKE 'thousand %'")}
    for name, outcome in zip(names, outcomes):
        row = by_outcome[outcome.record.id]
        assert (row["content"], row["time"]) == (name, outcome.record.time)


def test_keys_do_not_change_the_order(log):
    names = [f"keyed {i}" for i in range(300)]
    outcomes = log.write_batch([
        log.request(name, idempotency_key=f"k{997 * i % 300}" if i % 3 else "")
        for i, name in enumerate(names)])
    assert contents(log, outcomes) == names


@pytest.mark.parametrize("count", [0, 1001])
def test_none_and_more_are_refused(log, count):
    with pytest.raises(grpc.RpcError) as caught:
        log.write_batch([log.request("too many")] * count)
    assert log.field_refused(log.status(caught.value)) == (
        "records", "records: must have 1 to 1000 records")
    assert not log.rows("content = 'too many'")


def test_bad_ones_take_no_other_with_them(log):
    bad = {0: {"severity": "fatal"}, 3: {"content": ""}, 4: {"ext": "{"}, 9: {"namespace": ""}}
    outcomes = log.write_batch(
        [log.request(f"among {i}", **({} if i not in bad else bad[i])) if i not in bad or
         "content" not in bad[i] else log.request(**bad[i]) for i in range(10)])
    assert [i for i, o in enumerate(outcomes) if o.HasField("error")] == sorted(bad)
    assert [i for i, o in enumerate(outcomes) if not o.HasField("record")] == sorted(bad)
    assert [log.field_refused(outcomes[i].error)[0] for i in sorted(bad)] == [
        "severity", "content", "ext", "namespace"]
    assert contents(log, outcomes) == [f"among {i}" for i in range(10) if i not in bad]


def test_only_bad_ones_are_answered_too(log):
    outcomes = log.write_batch([log.request("")] * 3)
    assert [log.field_refused(o.error) for o in outcomes] == [
        ("content", "content: is required")] * 3


def test_a_row_that_the_database_refuses_falls_alone(log, database):
    database.rows("ALTER TABLE audit.record ADD CONSTRAINT no_evil CHECK (target <> 'evil')")
    try:
        outcomes = log.write_batch([log.request(f"row {i}", target="evil" if i == 37 else "good")
                                    for i in range(100)])
    finally:
        database.rows("ALTER TABLE audit.record DROP CONSTRAINT no_evil")
    assert [i for i, o in enumerate(outcomes) if o.HasField("error")] == [37]
    assert outcomes[37].error.message == "a value breaks a rule of the database"
    assert contents(log, outcomes) == [f"row {i}" for i in range(100) if i != 37]


def test_the_bridge_carries_outcomes(log, bridge):
    good = {"optType": 1, "resultType": 0, "content": "c", "sourceNode": "n", "namespace": "plant",
            "severity": "info"}
    answer = bridge.post("/v1/audit/write-batch", {"records": [good, {**good, "severity": "x"}]})
    assert answer.status == 200, answer
    first, second = answer.json()["outcomes"]
    assert set(first) == {"record"}
    assert second["error"]["details"][0]["fieldViolations"][0]["field"] == "severity"


def test_more_than_may_wait_are_refused_one_by_one(log, database):
    server = programs.Server(database.url, "--queue-limit", "100")
    try:
        with server.channel() as channel, postgres.Session(database.url) as session:
            session.run("BEGIN; SELECT pg_advisory_xact_lock(6024018);")
            narrow = auditing.Log(log.stubs, channel, database)
            future = narrow.stub.WriteBatch.future(log.m.WriteBatchRequest(
                records=[log.request(f"narrow {i}") for i in range(1000)]))
            observe.wait_until(lambda: database.rows(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' "
                "AND datname = current_database()"))
            session.run("COMMIT;")
            outcomes = future.result().outcomes
    finally:
        server.stop()
    full = [o for o in outcomes if o.HasField("error")]
    assert 0 < len(full) < 1000
    assert {(o.error.code, o.error.message) for o in full} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], "too many writes are waiting")}
    assert len(contents(log, outcomes)) == 1000 - len(full)


# --- batches in the database ----------------------------------------------------------------------


def test_rows_of_a_batch_have_one_writer_and_begin_at_its_number(log, database):
    servers = [programs.Server(database.url) for _ in range(2)]
    try:
        channels = [server.channel() for server in servers]
        writers = [auditing.Log(log.stubs, channel, database) for channel in channels]
        threads = [threading.Thread(target=lambda w=writer: [
            w.write_batch([w.request("both")] * 200) for _ in range(5)])
            for writer in writers for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for channel in channels:
            channel.close()
    finally:
        for server in servers:
            server.stop()
    batches = {}
    for row in log.rows("content = 'both'"):
        batches.setdefault(row["batch"], []).append(row)
    assert sum(len(rows) for rows in batches.values()) == 2 * 3 * 5 * 200
    assert len({rows[0]["node"] for rows in batches.values()}) == 2
    assert len(batches) < 2 * 3 * 5 * 200
    for number, rows in batches.items():
        assert {(row["node"], row["time"]) for row in rows} == {(rows[0]["node"], rows[0]["time"])}
        assert [row["position"] for row in rows] == list(range(number, number + len(rows)))


def test_a_key_twice_in_one_batch_writes_once(log, database, held):
    """The records wait together behind another one, so that they are written together."""
    server = programs.Server(database.url, "--lane-threads", "1")
    try:
        with server.channel() as channel:
            one = auditing.Log(log.stubs, channel, database)
            ahead = one.stub.Write.future(one.request("ahead"))
            observe.wait_until(lambda: database.rows(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' "
                "AND datname = current_database()"))
            future = one.stub.WriteBatch.future(log.m.WriteBatchRequest(records=[
                log.request("a", idempotency_key="twice"), log.request("b"),
                log.request("a", idempotency_key="twice"), log.request("c", idempotency_key="twice"),
                log.request("d", idempotency_key="once")]))
            observe.wait_until(
                lambda: observe.value(server, "junction_lane_depth", lane="append") == 5)
            held()
            ahead.result()
            outcomes = future.result().outcomes
    finally:
        server.stop()
    first = outcomes[0].record
    assert (outcomes[2].record.id, outcomes[2].record.time) == (first.id, first.time)
    assert [o.record.repeated for o in outcomes] == [False, False, True, False, False]
    assert outcomes[3].error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert contents(log, outcomes) == ["a", "b", "d"]
    assert len({row["batch"] for row in log.rows("content IN ('a', 'b', 'd')")}) == 1


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_tells_of_all_and_names_the_first_refused(log):
    def records():
        for i in range(5000):
            yield log.request(f"stream {i}", severity="none" if i % 7 == 3 else "info",
                              idempotency_key="stream" if i % 1000 == 1 else "")
    answer = log.stub.WriteStream(records())
    bad = [i for i in range(5000) if i % 7 == 3]
    conflicts = [i for i in range(5000) if i % 1000 == 1 and i % 7 != 3][1:]
    there = [int(row["content"].split()[1]) for row in log.rows("content LIKE 'stream %'")]
    assert there == [i for i in range(5000) if i not in set(bad + conflicts)]
    assert (answer.written, answer.repeated, answer.refused) == (
        len(there), 0, len(bad) + len(conflicts))
    assert [r.index for r in answer.refusals] == sorted(bad + conflicts)[:100]
    for refusal in answer.refusals:
        if refusal.index in bad:
            assert log.field_refused(refusal.error)[0] == "severity"
        else:
            assert refusal.error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]


def test_repeated_ones_are_counted_apart(log):
    def records():
        for i in range(30):
            yield log.request("again", idempotency_key=f"again {i % 10}")
    answer = log.stub.WriteStream(records())
    assert (answer.written, answer.repeated, answer.refused) == (10, 20, 0)
    assert len(log.rows("content = 'again'")) == 10


def test_an_empty_stream_writes_nothing(log):
    answer = log.stub.WriteStream(iter([]))
    assert answer == log.m.WriteStreamResponse()


def test_what_a_broken_stream_has_handed_over_is_written(log, server, held):
    """The call has ended before its records are written."""
    def records():
        for i in range(50):
            yield log.request(f"broken {i}")
        going.wait()
    going, before = threading.Event(), received(server)
    call = log.stub.WriteStream.future(records())
    observe.wait_until(lambda: received(server) == before + 50)
    call.cancel()
    going.set()
    observe.wait_until(lambda: observe.value(server, "junction_rpc_in_progress") <= 2)  # the bridge's own watches
    assert not log.rows("content LIKE 'broken %'")
    held()
    observe.wait_until(lambda: len(log.rows("content LIKE 'broken %'")) == 50)
    assert all(row["address"].startswith("127.0.0.1:") and len(row["trace_id"]) == 32
               for row in log.rows("content LIKE 'broken %'"))


@pytest.mark.parametrize("count, size, least, most", [(5000, 10, 1000, 1000),
                                                      (1200, 60000, 120, 280)])
def test_a_stream_that_the_log_cannot_follow_is_not_read(log, server, held, count, size, least, most):
    """1000 records are under way at most, or those that came in 16 MiB of memory."""
    before = received(server)
    call = log.stub.WriteStream.future(iter([log.request("x" * size, target="held")] * count))
    observe.wait_until(lambda: received(server) >= before + least)
    while (seen := received(server)) != [received(server) for _ in range(50)][-1]:
        pass
    assert seen <= before + most
    held()
    assert call.result().written == count
