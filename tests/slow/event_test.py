"""A backlog of 100,000 events while others flow, a hundred groups, and long runs of the model."""

import collections
import time

import pytest

import event_model
import event_receivers as receivers
import event_tables
import observe
import postgres
import programs
from event_trial import FORGETFUL, QUICK, Events

WAITING = 100_000
KEYS = 100
FLOWING = 20_000
MOST = 64 << 20  # that the server may grow by while they wait


@pytest.fixture
def events(stubs, database):
    server = programs.Server(database.url, *QUICK)
    with server.channel() as channel:
        events = Events(stubs, channel, database)
        events.server = server
        yield events
    server.stop()
    event_tables.check(database)


def wait_probed(receiver):
    """A target that was dead for long is tried once in a minute, give or take a fifth."""
    end = time.monotonic() + 2 * programs.WAIT
    while not receiver.lines():
        assert time.monotonic() < end, "it was never tried again"
        time.sleep(0.1)


def wait_lines(receiver, count):
    """Until so many have come to it, as long as they keep coming."""
    while (came := receiver.lines()) < count:
        observe.wait_until(lambda came=came: receiver.lines() > came)


def test_a_dead_target_holds_back_nobody(events, tmp_path):
    dead = receivers.ReceiverProcess(programs.free_port(), tmp_path)
    with receivers.ReceiverProcess(programs.free_port(), tmp_path) as live:
        events.push("dead", dead.url(), "dead", schedule_ms=[1000] * 100)
        events.push("live", live.url(), "live")

        def flow(count):
            began = time.monotonic()
            ids = events.publish_all([("live", i, {}) for i in range(count)])
            wait_lines(live, flow.sent + count)
            flow.sent += count
            print(f"{count / (time.monotonic() - began):.0f}/s", flush=True)
            return ids
        flow.sent = 0
        ids = flow(FLOWING)
        before = observe.rss(events.server)
        for first in range(0, WAITING, WAITING // 10):
            events.publish_all([("dead", n, {"key": f"k{n % KEYS}"})
                                for n in range(first, first + WAITING // 10)])
            ids += flow(FLOWING // 10)
        grown = observe.rss(events.server) - before
        print(f"grown by {grown >> 10} KiB")
        assert collections.Counter(line[3] for line in live.got()) == collections.Counter(ids)
        # Not one of them is done, and few were tried.
        assert events.database.rows(
            "SELECT count(*) FROM event.delivery d JOIN event.queue q ON q.id = d.queue_id"
            " WHERE q.group_name = 'dead'") == [[str(WAITING)]]
        assert not events.database.rows("SELECT 1 FROM event.transition t JOIN event.queue q"
                                        " ON q.id = t.queue_id WHERE q.group_name = 'dead'"
                                        " AND t.state NOT IN ('leased', 'failed', 'waiting') LIMIT 1")
        if observe.is_plain(events.server):
            assert grown < MOST

        with dead:
            wait_probed(dead)
            began = time.monotonic()
            wait_lines(dead, WAITING)
            print(f"returned: {WAITING / (time.monotonic() - began):.0f}/s", flush=True)
            events.wait_done()
            of_key = collections.defaultdict(list)
            for line in dead.got():
                of_key[line[4] % KEYS].append(line[4])
            for key in range(KEYS):
                assert of_key[key] == list(range(key, WAITING, KEYS))


def test_a_hundred_groups(events, tmp_path):
    groups, count = 100, 1000
    with receivers.ReceiverProcess(programs.free_port(), tmp_path) as receiver:
        for i in range(groups):
            events.push(f"group{i}", receiver.url(), "hundred", timeout_ms=60_000)
        began = time.monotonic()
        ids = events.publish_all([("hundred", n, {}) for n in range(count)])
        wait_lines(receiver, groups * count)
        events.wait_done()
        print(f"{groups * count / (time.monotonic() - began):.0f} deliveries/s")
        came = collections.Counter((line[1], line[3]) for line in receiver.got())
        assert came == {(f"group{i}", event_id): 1 for i in range(groups) for event_id in ids}


@pytest.fixture(scope="module")
def cluster():
    with postgres.Cluster(settings=FORGETFUL) as cluster:
        yield cluster


@pytest.mark.parametrize("seed", range(100, 112))
def test_the_model_for_long(cluster, stubs, seed):
    with programs.Database(cluster.url()) as database:
        event_model.run(stubs, cluster, database, seed, extra=8)
