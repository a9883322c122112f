"""A long stream into the audit log: the server's memory stays where it is, and how fast it passes."""

import time

import auditing
import observe

RECORDS = 200_000
MOST = 64 << 20  # that the server may grow by: 16 MiB of records, and what they are sent with


def test_a_long_stream_takes_constant_memory(stubs, channel, database, server):
    log = auditing.Log(stubs, channel, database)
    record = log.request("long " * 40)
    log.stub.WriteStream(iter([record] * 5000))
    before, most, began = observe.rss(server), 0, time.monotonic()

    def records():
        nonlocal most
        for i in range(RECORDS):
            if i % 1000 == 0:
                most = max(most, observe.rss(server) - before)
            yield record
    assert log.stub.WriteStream(records()).written == RECORDS
    seconds = time.monotonic() - began
    print(f"stream: {RECORDS / seconds:.0f} records/s, grown by {most >> 10} KiB")
    assert database.rows("SELECT count(*) FROM audit.record"
                         " WHERE namespace <> 'junction.auth'") == [[str(RECORDS + 5000)]]
    if observe.is_plain(server):
        assert most < MOST
