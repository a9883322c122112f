"""Pages of Find: forward and backward, while rows are inserted, none is skipped or repeated."""

import contextlib
import random
import threading

import grpc
import pytest

import observe
from audit_log import Finder, append, begin_empty, expr, ids

# Found in the index as far as that has come, and behind it.
HERE = {"expr": [expr("namespace", "Equal", "n"), expr("content", "Match", "c")]}


@pytest.fixture(scope="module")
def finder(channel, stubs):
    return Finder(stubs.audit_grpc.AuditStub(channel), stubs)


@pytest.fixture(scope="module", autouse=True)
def first_start(database, server):
    begin_empty(database)


@pytest.fixture
def log(database):
    """The ids of the log's rows in order, read anew. It begins empty for each test."""
    database.rows("TRUNCATE audit.term, audit.record")
    return lambda: [row[0] for row in database.rows(
        "SELECT id FROM audit.record WHERE namespace = 'n' ORDER BY time, position")]


@pytest.fixture
def writing(stubs, channel):
    """Rows come in all the time, a batch after the other, until it is left."""
    client, request = stubs.audit_grpc.AuditStub(channel), stubs.audit.WriteBatchRequest()
    for _ in range(5):
        request.records.add(opt_type=1, result_type=0, content="c", source_node="s", namespace="n",
                            severity="info")

    @contextlib.contextmanager
    def writing():
        end, some = threading.Event(), threading.Event()

        def write():
            while not end.is_set():
                client.WriteBatch(request)
                some.set()
        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert some.wait(60)
            yield
        finally:
            end.set()
            thread.join()
    return writing


def rows(count):
    return [{"content": f"c {i}"} for i in range(count)]


@pytest.mark.parametrize("times", [{}, {"start": 2**62, "end": 0}])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_no_page_skips_or_repeats_while_rows_come_in(finder, database, log, writing, times, size):
    append(database, rows(30 if size == 1 else 300))
    with writing():
        before = log()
        pages = [finder.page(HERE, max_size=size, **times)]
        since = len(log())
        observe.wait_until(lambda: len(log()) > since)
        while pages[-1].has_next:
            assert len(pages) * size <= since + size
            pages.append(finder.page(HERE, max_size=size, **times,
                                     continuation_point=pages[-1].continuation_point))
        back = [pages[-1]]
        while back[0].has_prev:
            assert len(back) < len(pages)
            back.insert(0, finder.page(HERE, max_size=size, prev_query="true", **times,
                                       continuation_point=back[0].continuation_point))
    seen = ids(*pages)[::-1] if times else ids(*pages)
    assert seen == log()[:len(seen)] and len(seen) >= len(before)
    assert ids(*back) == ids(*pages)
    assert all(len(page.records) == size for page in pages[:-1])


@pytest.mark.parametrize("times", [{}, {"start": 2**62, "end": 0}])
def test_to_and_fro(finder, database, log, writing, times):
    append(database, rows(40))
    choice = random.Random(6).choice
    with writing():
        page = finder.page(HERE, max_size=3, **times)
        all_ = ids(page, *_following(finder, page, times))
        at, count = 0, len(page.records)
        for _ in range(300):
            prev, size = choice([True, False]), choice([1, 2, 3, 5, 50])
            page = finder.page(HERE, max_size=size, continuation_point=page.continuation_point,
                               prev_query=choice(["true", '"true"']) if prev else "false", **times)
            low, high = (max(0, at - size), at) if prev else (at + count, at + count + size)
            at, count = low, len(all_[low:high])
            assert ids(page) == all_[low:high]
            assert page.has_prev == (low > 0) and page.has_next == (low + count < len(all_))
    assert (all_[::-1] if times else all_) == log()[:len(all_)]


def _following(finder, page, times):
    while page.has_next:
        page = finder.page(HERE, max_size=1000, continuation_point=page.continuation_point, **times)
        yield page


@pytest.mark.parametrize("times", [{}, {"start": 2**62, "end": 0}])
def test_a_query_that_found_nothing_goes_on_to_find_nothing(finder, database, log, times):
    page = finder.page(HERE, **times)
    append(database, rows(2))
    for prev in ("false", "true", "true", "false"):
        assert not page.records and not page.has_next and not page.has_prev
        page = finder.page(HERE, continuation_point=page.continuation_point, prev_query=prev, **times)


def test_the_fields_and_the_size_may_change_from_page_to_page(finder, database, log):
    append(database, rows(10))
    first = finder.page(HERE, max_size=2, fields=["content"])
    assert [r.content for r in first.records] == ["c 0", "c 1"] and not first.records[0].id
    second = finder.page(HERE, max_size=3, fields=["id"], continuation_point=first.continuation_point)
    assert ids(second) == log()[2:5]


@pytest.mark.parametrize("times", [{}, {"start": 2**62, "end": 0}])
def test_a_page_of_long_records_has_fewer(finder, database, log, times):
    """A client takes no message beyond 4 MiB."""
    append(database, [{"content": "c " + "x" * 60_000}] * 120)
    pages = finder.pages(HERE, max_size=1000, **times)
    assert len(pages) == 3 and ids(*pages) == (log()[::-1] if times else log())
    back = [pages[-1]]
    while back[0].has_prev:
        assert len(back) < 4
        back.insert(0, finder.page(HERE, max_size=1000, prev_query="true", **times,
                                   continuation_point=back[0].continuation_point))
    assert ids(*back) == ids(*pages)


def refused(finder, *given, **more):
    with pytest.raises(grpc.RpcError) as error:
        finder.page(*given, **more)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return error.value.details()


def test_a_point_of_another_query_is_refused(finder, database, log):
    append(database, rows(2))
    point = finder.page(HERE, max_size=1, start=5, end=2**60).continuation_point
    assert len(finder.page(HERE, start=5, end=2**60, continuation_point=point).records) == 1
    for given, times in [(HERE, (6, 2**60)), (HERE, (5, 2**60 - 1)), (HERE, (2**60, 5)), (None, (5, 2**60)),
                         (expr("namespace", "Equal", "m"), (5, 2**60)),
                         ({**HERE, "op": "or"}, (5, 2**60))]:
        assert refused(finder, given, *times, continuation_point=point) == (
            "continuationPoint: belongs to another query")


def test_a_point_that_was_tampered_with_is_refused(finder, database, log):
    append(database, rows(2))
    point = finder.page(HERE, max_size=1).continuation_point
    # The last character has bits that stand for nothing.
    for i in range(len(point) - 1):
        other = point[:i] + ("A" if point[i] != "A" else "B") + point[i + 1:]
        assert refused(finder, HERE, continuation_point=other) == (
            "continuationPoint: is not one of this service's")
    for other in (point[:-4], point + "AAAA", "A" * len(point), "~" * len(point)):
        assert refused(finder, HERE, continuation_point=other) == (
            "continuationPoint: is not one of this service's")
