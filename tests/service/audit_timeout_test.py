"""A Find that takes too long ends with a sentence, and nobody else waits for it."""

import concurrent.futures

import grpc
import pytest

import observe
import postgres
import programs
from audit_log import Finder, append, expr

# Nothing but looking through every record, several seconds long, tells that there is none.
IMPOSSIBLE = {"op": "or", "subFilter": [{"expr": [one]} for i in range(80) for one in (
    expr("content", "Like", f"%b%{i}"), expr(f"ext.deep.n{i}", "Equal", "c"),
    expr("content", "Match", f"nowhere{i} " + " ".join(f"w{j}" for j in range(100))))]}


@pytest.fixture(scope="module")
def server(database):
    for _ in range(20):
        append(database, [{"content": "a " * 1000, "ext": '{"x":"' + "a" * 1000 + '"}'}] * 500)
    server = programs.Server(database.url, "--search-timeout-ms", "300")
    yield server
    server.stop()


@pytest.fixture
def audit(channel, stubs):
    return stubs.audit_grpc.AuditStub(channel)


def test_what_takes_too_long_is_refused_while_others_go_on(audit, stubs):
    finder = Finder(audit, stubs)
    record = stubs.audit.WriteRequest(opt_type=1, result_type=0, content="c", source_node="s",
                                      namespace="mine", severity="info")

    def fails():
        with pytest.raises(grpc.RpcError) as error:
            finder.page(IMPOSSIBLE)
        return error.value.code(), error.value.details()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(fails) for _ in range(16)]
        written = []
        while not all(one.done() for one in slow):
            written.append(audit.Write(record).results[0].id)
    assert {one.result() for one in slow} == {(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "the search took longer than 300 ms: narrow the time range or the filter")}
    assert written and finder.ids(expr("namespace", "Equal", "mine")) == written


def test_what_is_narrow_is_found(audit, stubs, database):
    append(database, [{"content": "b 0"}])
    last = int(database.rows("SELECT audit.milliseconds(max(time)) FROM audit.record")[0][0])
    few = {**IMPOSSIBLE, "subFilter": IMPOSSIBLE["subFilter"][:3]}
    assert len(Finder(audit, stubs).ids(few, start=last)) == 1


def test_a_search_whose_client_has_gone_leaves_the_database(database, stubs):
    sql = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
           "AND query LIKE '%FROM audit.record r %' AND datname = current_database()")
    patient = ("--search-timeout-ms", "600000", "--lock-timeout-ms", "600000",
               "--default-deadline-ms", "600000")
    server = programs.Server(database.url, *patient)
    with server.channel() as channel, postgres.Session(database.url) as session:
        session.run("BEGIN; LOCK TABLE audit.record;")
        request = stubs.audit.FindRequest(start_time=0, end_time=2**62)
        calls = [stubs.audit_grpc.AuditStub(channel).Find.future(request) for _ in range(2)]
        observe.wait_until(lambda: database.rows(sql) == [["2"]])
        for call in calls:
            call.cancel()
        observe.wait_until(lambda: database.rows(sql) == [["0"]])
        session.run("COMMIT;")
    server.stop()
