"""What is written of transfers: from their beginning to their end, however they end."""

import threading

import grpc
import pytest

import observe
import postgres
import programs
import raw_upstream
import reading

Code = grpc.StatusCode
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def reader(stubs, channel, database):
    return reading.Reader(stubs, channel, database)


@pytest.fixture
def held():
    """A table that goes on when it is let go; uploads are taken."""
    go = threading.Event()

    def serve(connection, request):
        if request.startswith("POST /upload"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n"
                               b'{"code": 0, "data":{"jobId":"j1"}}')
            return False
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nid\n")
        go.wait(programs.WAIT)
        connection.sendall(b"1\n2\n")
        return False
    with raw_upstream.RawUpstream(serve) as upstream:
        upstream.go = go
        yield upstream
        go.set()


def begin(reader, third):
    """A download under way."""
    call = reader.open(third)
    assert [next(call).data, next(call).data] == [b"", b"id\n"]
    return call


def read(database, what, name):
    return database.rows(f"SELECT {what} FROM api_reader.transfer WHERE server_name = '{name}'")


def test_a_row_is_there_while_it_runs_and_complete_afterwards(reader, held, database):
    third = reader.third_party(held.port)
    call = begin(reader, third)
    assert read(database, "status, ended_at IS NULL, bytes, http_status", third) == [
        ["running", "t", "0", ""]]
    held.go.set()
    assert b"".join(message.data for message in call) == b"1\n2\n"
    assert reader.row(third) == ["download", "done", "j1", 7, 200, None, ""]
    assert read(database, "ended_at >= started_at AND ended_at <= clock_timestamp()"
                " AND started_at > clock_timestamp() - interval '1 minute'", third) == [["t"]]


def test_a_row_says_who_asked_where_and_in_which_trace(reader, held):
    third = reader.third_party(held.port)
    held.go.set()
    list(reader.stub.Download(reader.m.DownloadRequest(server_name=third.upper(), job_id="j9"),
                              metadata=(("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)))
    columns = ("namespace", "job_id", "trace", "caller_address", "caller_application",
               "caller_user", "server_node", "substr(id::text, 15, 1)")
    row = reader.row(third.upper(), columns)
    assert row[:3] == ["default", "j9", TRACE] and row[3].startswith("127.0.0.1:")
    assert row[4:6] == ["", ""] and row[7] == "7"
    observe.wait_until(lambda: [row[6]] in reader.database.rows(
        "SELECT server_node FROM api_reader.carrier"))


def test_many_at_once_are_all_completed(reader, held):
    third = reader.third_party(held.port)
    held.go.set()
    failures = []

    def run():
        try:
            for _ in range(20):
                assert reader.upload(third) == "j1"
                assert reader.download(third)[1] == b"id\n1\n2\n"
        except (grpc.RpcError, AssertionError) as error:
            failures.append(error)
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = reader.rows(third, ("direction", "status"))
    assert sorted(map(tuple, rows)) == [("download", "done")] * 160 + [("upload", "done")] * 160


def test_metrics_count_transfers_and_bytes(reader, server, held):
    def look():
        series = observe.Metrics(server).series
        return ({key: value for key, value in
                 series.get("junction_api_reader_transfers_total", {}).items()},
                dict(series.get("junction_api_reader_bytes_total", {})))
    third = reader.third_party(held.port)
    held.go.set()
    reader.upload(third)
    transfers, carried = look()
    reader.upload(third, b"12345")
    reader.download(third)
    reader.refusal(reader.download, reader.third_party(programs.free_port()))
    more, much = look()
    up, down = (("direction", "upload"),), (("direction", "download"),)
    done, failed = (("outcome", "done"),), (("outcome", "failed"),)
    assert more[up + done] == transfers[up + done] + 1
    assert more[down + done] == transfers.get(down + done, 0) + 1
    assert more[down + failed] == transfers.get(down + failed, 0) + 1
    assert (much[up], much[down]) == (carried[up] + 5, carried.get(down, 0) + 7)


# --- servers that go --------------------------------------------------------------------------


def test_transfers_of_a_killed_server_are_given_up(reader, database, held, stubs):
    own = programs.Server(database.url)
    with own.channel() as channel:
        mortal = reading.Reader(stubs, channel, database)
        third = mortal.third_party(held.port)
        lost = begin(mortal, third)
        # This server's own goes on.
        other = reader.third_party(held.port)
        call = begin(reader, other)
        own.kill()
    del lost  # it would have been cancelled before
    assert reader.row(third) == ["download", "abandoned", "j1", 0, None, None,
                                 "the server has gone"]
    assert read(database, "ended_at > started_at", third) == [["t"]]
    assert read(database, "status", other) == [["running"]]
    held.go.set()
    list(call)
    assert reader.row(other)[1] == "done"


def test_a_server_that_is_told_to_end_completes_its_rows(database, held, stubs):
    own = programs.Server(database.url)
    with own.channel() as channel:
        reader = reading.Reader(stubs, channel, database)
        third = reader.third_party(held.port)
        call = begin(reader, third)
        ending = threading.Thread(target=own.stop)
        ending.start()
        held.go.set()
        list(call)
        ending.join()
    assert read(database, "status, bytes", third) == [["done", "7"]]


def insert(database, server_node, age, name):
    database.rows("INSERT INTO api_reader.transfer (id, started_at, direction, namespace, server_name,"
                  " server_node, caller_address, caller_application, caller_user, trace) VALUES"
                  f" (gen_random_uuid(), now() - interval '{age}', 'upload', 'default', '{name}',"
                  f" '{server_node}', '', '', '', '')")


@pytest.fixture
def fresh(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


def test_which_rows_are_given_up(fresh):
    fresh.rows("INSERT INTO api_reader.carrier (server_node, seen_at) VALUES"
               " ('you', now() - interval '8 seconds'), ('gone', now() - interval '11 seconds'),"
               " ('old', now() - interval '2 hours')")
    for node, age, name in (("gone", "1 minute", "a"), ("never", "1 minute", "b"),
                            ("never", "8 seconds", "c"), ("you", "1 day", "d"),
                            ("me", "4 minutes", "e"), ("me", "6 minutes", "f"),
                            ("me", "1 hour", "g")):
        insert(fresh, node, age, name)
    known = fresh.rows("SELECT id FROM api_reader.transfer WHERE server_name = 'g'")[0][0]
    assert fresh.rows("SET ROLE junction_app; SELECT api_reader.keep_carrier('me', "
                      f"ARRAY['{known}']::uuid[])") == [["3"]]
    assert fresh.rows("SELECT server_name, error FROM api_reader.transfer WHERE status = 'abandoned'"
                      " ORDER BY 1") == [["a", "the server has gone"], ["b", "the server has gone"],
                                         ["f", "how it ended could not be written"]]
    assert fresh.rows("SELECT server_node FROM api_reader.carrier ORDER BY 1") == [
        ["gone"], ["me"], ["you"]]


# --- PostgreSQL that goes ---------------------------------------------------------------------


@pytest.fixture
def mortal(stubs):
    """A server whose PostgreSQL can be stopped."""
    with postgres.Cluster() as cluster, programs.Database(cluster.url()) as database:
        server = programs.Server(database.url)
        with server.channel() as channel:
            reader = reading.Reader(stubs, channel, database)
            reader.cluster = cluster
            yield reader
        server.stop()


def test_without_a_database_nothing_begins_and_what_has_begun_is_written_later(mortal, held):
    third = mortal.third_party(held.port)
    call = begin(mortal, third)
    mortal.cluster.stop("immediate")
    held.go.set()
    assert b"".join(message.data for message in call) == b"1\n2\n"
    before = len(held.requests)
    code, _, _ = mortal.refusal(mortal.download, third)
    assert code == Code.UNAVAILABLE
    assert mortal.refusal(mortal.upload, third)[0] == Code.UNAVAILABLE
    assert len(held.requests) == before
    mortal.cluster.start()
    observe.wait_until(lambda: read(mortal.database, "status", third) == [["done"]])
    assert mortal.row(third) == ["download", "done", "j1", 7, 200, None, ""]


# --- the schema -------------------------------------------------------------------------------


def test_everything_has_a_comment(fresh):
    assert fresh.rows("""
        SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'api_reader'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL SELECT relname, '' FROM pg_class WHERE relnamespace = 'api_reader'::regnamespace
            AND relkind IN ('r', 'p', 'v', 'S') AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL SELECT proname, '' FROM pg_proc WHERE pronamespace = 'api_reader'::regnamespace
            AND obj_description(oid, 'pg_proc') IS NULL""") == []


def test_roles(fresh):
    for sql in ("DELETE FROM api_reader.transfer", "TRUNCATE api_reader.transfer",
                "CREATE TABLE api_reader.t ()", "DROP TABLE api_reader.transfer"):
        with pytest.raises(RuntimeError, match="permission denied|must be owner"):
            fresh.rows("SET ROLE junction_app; " + sql)
    for view in ("transfer", "carrier", "failure", "daily"):
        assert fresh.rows(f"SET ROLE junction_reader; SELECT count(*) FROM api_reader.{view}") == [
            ["0"]]
    for sql in ("UPDATE api_reader.transfer SET error = ''", "SELECT api_reader.keep_history(1)",
                "SELECT api_reader.keep_carrier('me', '{}')"):
        with pytest.raises(RuntimeError, match="permission denied"):
            fresh.rows("SET ROLE junction_reader; " + sql)


def test_months_are_made_and_dropped(fresh):
    def months():
        return [name for [name] in fresh.rows(
            "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent = 'api_reader.transfer'::regclass ORDER BY 1")]
    assert len(months()) == 3
    fresh.rows("SELECT upkeep.make_month('api_reader.transfer', '2020-01-01')")
    assert months()[0] == "transfer_2020_01"
    assert fresh.rows("SET ROLE junction_app; SELECT api_reader.keep_history(30)") == [["1"]]
    assert len(months()) == 3 and months()[0] != "transfer_2020_01"


def test_what_a_dba_looks_at(fresh):
    for name in ("Up", "up", "down"):
        insert(fresh, "gone", "1 minute", name)
    fresh.rows("UPDATE api_reader.transfer SET status = 'done', ended_at = started_at + "
               "interval '2 seconds', bytes = 1000 WHERE server_name = 'Up'")
    fresh.rows("SELECT api_reader.keep_carrier('me', '{}')")
    assert fresh.rows("SELECT server_name, status, error FROM api_reader.failure"
                      " ORDER BY server_name") == [
        ["down", "abandoned", "the server has gone"], ["up", "abandoned", "the server has gone"]]
    # The minute may be of two days.
    daily = fresh.rows("SELECT lower(server_name), sum(transfers), sum(done), sum(failed),"
                       " sum(bytes), max(bytes_per_second) FROM api_reader.daily GROUP BY 1"
                       " ORDER BY 1")
    assert daily == [["down", "1", "0", "1", "0", ""], ["up", "2", "1", "1", "1000", "500"]]


def test_an_end_looks_into_one_partition_only(fresh):
    insert(fresh, "me", "0", "x")
    fresh.rows("SELECT upkeep.make_month('api_reader.transfer', '2020-01-01')")
    row = fresh.rows("SELECT id, started_at FROM api_reader.transfer")[0]
    plan = fresh.rows("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
                      " EXPLAIN (ANALYZE, COSTS off, TIMING off) UPDATE api_reader.transfer t"
                      " SET bytes = 1 FROM unnest("
                      f"ARRAY['{row[0]}']::uuid[], ARRAY['{row[1]}']::timestamptz[])"
                      " AS i (id, started_at) WHERE t.id = i.id AND t.started_at = i.started_at")
    scans = [line for [line] in plan if "Index Scan" in line]
    assert len(scans) == 4 and sum("never executed" in line for line in scans) == 3, plan
