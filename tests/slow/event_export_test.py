"""A long export: the server's memory stays where it is, and how fast it passes."""

import time

import observe

EVENTS = 100_000
MOST = 32 << 20  # that the server may grow by: a page, and what it is sent with
# One batch after the other, as a server would; a kilobyte each.
FILL = """
SELECT count(*) FROM generate_series(1, {batches}) AS b, LATERAL event.append(
    (SELECT array_agg(b || '-' || i) FROM generate_series(1, 1000) AS i), array_fill(false, ARRAY[1000]),
    array_fill((SELECT value FROM event.revision), ARRAY[1000]), array_fill('default'::text, ARRAY[1000]),
    (SELECT array_agg('name.' || i % 10) FROM generate_series(1, 1000) AS i),
    array_fill('"' || repeat('x', 1000) || '"', ARRAY[1000]), array_fill(NULL::bytea, ARRAY[1000]),
    array_fill(NULL::text, ARRAY[1000]), array_fill(NULL::text, ARRAY[1000]),
    array_fill(NULL::text, ARRAY[1000]), array_fill('{{}}'::text, ARRAY[1000]),
    array_fill(NULL::bytea, ARRAY[1000]), array_fill(NULL::text, ARRAY[1000]),
    array_fill(NULL::text, ARRAY[1000]), array_fill(NULL::text, ARRAY[1000]),
    array_fill('n'::text, ARRAY[1000]), array_fill(NULL::text, ARRAY[1000]))
"""


def test_a_long_export_takes_constant_memory(stubs, channel, database, server):
    database.rows(FILL.format(batches=EVENTS // 1000))
    stub = stubs.event_grpc.EventStub(channel)
    list(stub.ExportEvents(stubs.event.ExportEventsRequest(end_time=0)))
    before, most, lines, bytes_, began = observe.rss(server), 0, 0, 0, time.monotonic()
    for message in stub.ExportEvents(stubs.event.ExportEventsRequest(patterns=["name.*"])):
        lines += message.data.count(b"\n")
        bytes_ += len(message.data)
        most = max(most, observe.rss(server) - before)
    seconds = time.monotonic() - began
    print(f"export: {lines / seconds:.0f} events/s, {bytes_ / seconds / 1e6:.0f} MB/s,"
          f" grown by {most >> 10} KiB")
    assert lines == EVENTS
    if observe.is_plain(server):
        assert most < MOST
