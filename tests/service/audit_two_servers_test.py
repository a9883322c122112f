"""Two servers write, a third transaction is held open: whoever reads on from what he has seen gets
every record, once, in the order of the log."""

import threading

import pytest

import observe
import programs
from audit_log import COLUMNS, Finder, append, expr, ids
from postgres import LOCKS, Session

HERE = expr("namespace", "Equal", "n")
RECORDS, WRITERS, EACH = 4, 2, 60  # in a batch, per server, batches of a writer


@pytest.fixture(scope="module")
def other_server(database, server):
    other = programs.Server(database.url)
    yield other
    other.stop()


@pytest.fixture(scope="module")
def clients(server, other_server, stubs):
    with server.channel() as one, other_server.channel() as other:
        yield [stubs.audit_grpc.AuditStub(channel) for channel in (one, other)]


def write(client, stubs, times):
    request = stubs.audit.WriteBatchRequest()
    for _ in range(RECORDS):
        request.records.add(opt_type=1, result_type=0, content="c", source_node="s", namespace="n",
                            severity="info")
    for _ in range(times):
        for outcome in client.WriteBatch(request).outcomes:
            assert outcome.record.id


class Reader:
    """Follows the log: asks for what there is from the last time it has seen on."""

    def __init__(self, clients, stubs):
        self.finders = [Finder(client, stubs) for client in clients]
        self.seen, self.time = [], 0

    def read(self):
        # A page's point is good on either server.
        self.finders.reverse()
        page, known = None, set(self.seen)
        while not page or page.has_next:
            page = self.finders[0].page(HERE, start=self.time, max_size=37, fields=["id", "time"],
                                        continuation_point=page.continuation_point if page else "")
            self.finders.reverse()
            self.seen += [i for i in ids(page) if i not in known]
            if page.records:
                last = page.records[-1].time
        self.time = last if self.seen else 0


def log(database):
    return [row[0] for row in database.rows(
        "SELECT id FROM audit.record WHERE namespace = 'n' ORDER BY time, position")]


def follow_writers(clients, stubs, reader):
    threads = [threading.Thread(target=write, args=(client, stubs, EACH))
               for client in clients for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        reader.read()
    for thread in threads:
        thread.join()
    reader.read()


def test_while_a_transaction_is_open_that_writes_elsewhere(database, clients, stubs):
    append(database, [{}])
    reader = Reader(clients, stubs)
    with Session(database.url) as session:
        session.run("CREATE TABLE elsewhere (n integer);")
        session.run("BEGIN; INSERT INTO elsewhere VALUES (1);")
        follow_writers(clients, stubs, reader)
        session.run("COMMIT; DROP TABLE elsewhere;")
    assert reader.seen == log(database)
    assert len(reader.seen) == 1 + 2 * WRITERS * EACH * RECORDS


def test_while_a_transaction_is_open_that_writes_here(database, clients, stubs):
    reader = Reader(clients, stubs)
    reader.read()
    before = len(reader.seen)
    arguments = ",".join(f"ARRAY[{value}]::{kind}[]" for value, kind in zip(
        ["gen_random_uuid()", "NULL", "1", "0", "'info'", "'n'", "'s'", "'c'", *["NULL"] * 5, "'n'",
         "NULL", "NULL"], COLUMNS.values(), strict=True))
    with Session(database.url) as session:
        session.run(f"BEGIN; SELECT audit.append({arguments},"
                    " ARRAY[NULL]::text[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[]);")
        threads = [threading.Thread(target=write, args=(client, stubs, 1)) for client in clients]
        for thread in threads:
            thread.start()
        observe.wait_until(lambda: database.rows(f"SELECT 1 FROM {LOCKS}"
                                                 " WHERE locktype = 'advisory' AND NOT granted"))
        assert len(log(database)) == before
        session.run("COMMIT;")
    for thread in threads:
        thread.join()
    reader.read()
    assert reader.seen == log(database)
    assert len(reader.seen) == before + 1 + 2 * RECORDS
