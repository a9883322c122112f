"""Random publishers, receivers, streams, pullers and faults against two servers, and a journal of what
each of them did and saw: check() says whether that is what the rules of Event allow."""

import collections
import itertools
import json
import queue
import random
import threading
import time
import traceback

import grpc

import event_receivers as receivers
import event_tables
from event_trial import Fleet, until_answered
from observe import wait_until

NAMES = ("m.a", "m.ab", "m.b.c", "m.b.d")
# Group: its patterns, and the names that these match.
PATTERNS = {
    "auto": (["m.**"], set(NAMES)),
    "explicit": (["m.a*", "m.b.c"], {"m.a", "m.ab", "m.b.c"}),
    "streams": (["m.*", "m.?.d"], {"m.a", "m.ab", "m.b.d"}),
    "pulled": (["m.b.*"], {"m.b.c", "m.b.d"}),
    "late1": (["**"], set(NAMES)),
    "late2": (["m.a?"], {"m.ab"}),
}
PUSHED = ("auto", "explicit", "late1", "late2")
LATE = ("late1", "late2")
AUTO = ("auto", "late1", "late2")
STEP = 12  # events that are published between two acts

Sent = collections.namedtuple("Sent", "event event_id data key group sent answered position")
Seen = collections.namedtuple("Seen", "group event_id data attempt at taken_at")
Told = collections.namedtuple("Told", "group event_id success sent answered took")


class Actor(threading.Thread):
    """Acts again and again until it is stopped; remembers what went wrong."""

    def __init__(self, world, name):
        super().__init__(daemon=True, name=name)
        self.world, self.random = world, random.Random(f"{world.seed} {name}")
        self.stopping, self.failure = threading.Event(), None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.act()
        except Exception:  # told by the test's own thread
            self.failure = traceback.format_exc()

    def act(self):
        raise NotImplementedError

    def idle(self, most):
        self.stopping.wait(self.random.uniform(0, most))


class Publisher(Actor):
    def request(self):
        r, number = self.random, next(self.world.numbers)
        return {"event": r.choice(NAMES), "data": number,
                "event_id": f"id-{number}" if r.random() < 0.6 else "",
                "key": r.choice(["", "", "k1", "k2", "k3"]),
                "group": r.choice(["auto", "explicit", "streams"]) if r.random() < 0.1 else ""}

    def act(self):
        chosen = self.random.random()
        if chosen < 0.1 and self.world.acknowledged():
            self.repeat()
        elif chosen < 0.2:
            self.publish_twice_at_once()
        else:
            self.publish(self.request())
        self.idle(0.02)

    def send(self, fields):
        """One attempt: the answer, or None if nobody knows."""
        try:
            return self.world.events(self.random).publish(timeout=10, **fields)
        except (grpc.RpcError, ValueError) as error:
            assert not isinstance(error, grpc.RpcError) or error.code() in (
                grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                grpc.StatusCode.DEADLINE_EXCEEDED), error
            return None

    def publish(self, fields, sent=None):
        """sent: when the same was first sent, if it was."""
        sent = sent or time.monotonic()
        answer = self.send(fields)
        if answer is None and fields["event_id"]:
            # The same again is one event, whatever had come of it.
            answer = until_answered(lambda: self.world.events(self.random).publish(timeout=10, **fields))
        self.world.published(fields, sent, answer)
        return answer

    def publish_twice_at_once(self):
        fields = self.request()
        fields["event_id"] = f"id-{fields['data']}"
        twins, sent = [], time.monotonic()
        twin = threading.Thread(target=lambda: twins.append(self.send(fields)))
        twin.start()
        answer = self.publish(fields, sent)
        twin.join()
        if twins[0]:
            assert twins[0].cursor == answer.cursor, (twins, answer)
            assert twins[0].repeated or answer.repeated

    def repeat(self):
        known = [p for p in self.world.acknowledged() if p.event_id == f"id-{p.data}"]
        if not known:
            return
        first = self.random.choice(known)
        fields = {"event": first.event, "data": first.data, "event_id": first.event_id,
                  "key": first.key, "group": first.group}
        answer = until_answered(lambda: self.world.events(self.random).publish(timeout=10, **fields))
        assert (answer.repeated, int(answer.cursor)) == (True, first.position)
        fields["data"] = "another"
        assert until_answered(lambda: self.world.events(self.random).publish(timeout=10, **fields),
                              grpc.StatusCode.ALREADY_EXISTS) is None


class Confirmer(Actor):
    """Answers for what the receivers of group explicit were given; now and then for another."""

    def __init__(self, world, name):
        super().__init__(world, name)
        self.todo = queue.Queue()

    def act(self):
        try:
            push = self.todo.get(timeout=0.02)
        except queue.Empty:
            self.meddle()
            return
        self.world.confirm(self.random, push.event, push.event_id, "explicit",
                           self.world.calm or self.random.random() < 0.8)

    def meddle(self):
        """Confirms or refuses an event of group auto before or after it came, or replays it."""
        known = self.world.acknowledged()
        if self.world.calm or not known or self.random.random() > 0.2:
            return
        p = self.random.choice(known)
        if p.group not in ("", "auto"):
            return
        act = self.random.choice(["confirm", "refuse", "replay"])
        if act == "replay":
            self.world.replay(self.random, "auto", p.event_id)
        else:
            self.world.confirm(self.random, p.event, p.event_id, "auto", act == "confirm")


class Member(Actor):
    """A subscriber that comes and goes."""

    def act(self):
        world, r = self.world, self.random
        try:
            stream = world.events(r).subscribe("streams", max_in_flight=r.randrange(1, 20))
            world.cancel[self.name] = stream.cancel
            if self.stopping.is_set():
                stream.cancel()
            for event in itertools.islice(stream, r.randrange(5, 40)):
                world.saw("streams", event.event_id, event.data, event.attempt, time.monotonic())
                chance = 0 if world.calm else r.random()
                if chance < 0.9:
                    world.confirm(r, event.event, event.event_id, "streams", chance < 0.8)
                if self.stopping.is_set():
                    break
            stream.cancel()
        except (grpc.RpcError, ValueError) as error:
            assert not isinstance(error, grpc.RpcError) or error.code() in (
                grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error
            self.idle(0.1)


class Puller(Actor):
    def act(self):
        world, r = self.world, self.random
        fields = {"limit": r.randrange(1, 10)}
        if r.random() < 0.3:
            fields["success"] = False
        answer = until_answered(lambda: world.events(r).pull("pulled", timeout=10, **fields))
        for event in answer.events:
            world.saw("pulled", event.event_id, event.data, event.attempt, time.monotonic())
            world.confirm(r, event.event, event.event_id, "pulled", world.calm or r.random() < 0.8)
        if not answer.events:
            self.idle(0.05)


class World:
    """The servers, who acts on them, and the journal."""

    def __init__(self, stubs, cluster, database, seed):
        self.stubs, self.cluster, self.database, self.seed = stubs, cluster, database, seed
        self.random = random.Random(seed)
        self.numbers, self.lock = itertools.count(1), threading.Lock()
        self.calm = self.crashed = False
        self.away = threading.Event()
        self.sent, self.seen, self.told, self.replays = [], [], [], []
        self.registered, self.cancel = {}, {}
        self.receiver = receivers.Receiver(self.behave)
        self.fleet = Fleet(stubs, database, 2)
        self.confirmer = Confirmer(self, "confirmer")
        self.publishers = [Publisher(self, f"publisher {i}") for i in range(3)]
        self.others = [self.confirmer, Puller(self, "puller"),
                       *(Member(self, f"member {i}") for i in range(2))]
        self.dice = random.Random(f"{seed} receiver")

    # --- what the actors use ---------------------------------------------------------------------

    def events(self, r):
        return self.fleet.events[r.randrange(2)]

    def acknowledged(self):
        with self.lock:
            return [p for p in self.sent if p.position]

    def published(self, fields, sent, answer):
        """Without an answer it may be there or not."""
        with self.lock:
            self.sent.append(Sent(**{**fields, "event_id": answer.event_id if answer else ""},
                                  sent=sent, answered=time.monotonic(),
                                  position=int(answer.cursor) if answer else 0))

    def saw(self, group, event_id, data, attempt, at, taken_at=None):
        with self.lock:
            self.seen.append(Seen(group, event_id, int(data), attempt, at, taken_at))

    def confirm(self, r, event, event_id, group, success):
        sent = time.monotonic()
        codes = () if success else (grpc.StatusCode.ALREADY_EXISTS,)
        answer = until_answered(lambda: self.events(r).confirm(event, event_id, group, success, 10),
                                *codes)
        with self.lock:
            self.told.append(Told(group, event_id, success, sent, time.monotonic(), answer is not None))

    def replay(self, r, group, event_id):
        sent = time.monotonic()
        m = self.stubs.event
        answer = until_answered(lambda: self.events(r).stub.Replay(
            m.ReplayRequest(group=group, event_id=event_id), timeout=10))
        with self.lock:
            self.replays.append((group, event_id, sent, time.monotonic(), answer.replayed))

    def behave(self, receiver, connection, push):
        """How a push fares: most are taken."""
        with self.lock:
            chance = 0 if self.calm else self.dice.random()
        how = receivers.reset if self.away.is_set() else next(h for limit, h in (
            (0.75, receivers.take), (0.90, receivers.lie), (0.93, receivers.fail),
            (0.95, receivers.close), (0.97, receivers.break_off), (1, receivers.page))
            if chance < limit)
        taken_at = time.monotonic() if how is receivers.take else None
        self.saw(push.group, push.event_id, push.data, push.attempt, push.at, taken_at)
        done = how(receiver, connection, push)
        if push.group == "explicit":
            self.confirmer.todo.put(push)
        return done

    # --- what happens ----------------------------------------------------------------------------

    def register(self, group):
        patterns, _ = PATTERNS[group]
        fields = {"schedule_ms": [40] * 100, "timeout_ms": 1000, "ack_window_ms": 600_000}
        if group in ("explicit", "streams"):
            fields.update(confirm="explicit", ack_window_ms=1000)
        if group in PUSHED:
            fields["url"] = self.receiver.url()
        if group == "streams":
            fields["target"] = self.stubs.event.SUBSCRIPTION_TARGET_STREAM
        sent = time.monotonic()
        until_answered(lambda: self.events(self.random).register(group, *patterns, **fields))
        self.registered.setdefault(group, (sent, time.monotonic()))

    def act_stop(self):
        i = self.random.randrange(2)
        self.fleet.stop(i)
        self.fleet.start(i)

    def act_kill(self):
        i = self.random.randrange(2)
        self.fleet.kill(i)
        self.fleet.start(i)

    def act_crash(self):
        self.crashed = True
        self.cluster.kill()
        self.cluster.start()

    def act_pause(self):
        m, group = self.stubs.event, self.random.choice(["auto", "explicit", "streams", "pulled"])
        until_answered(lambda: self.events(self.random).stub.Pause(m.PauseRequest(group=group)))
        self.wait_published()
        until_answered(lambda: self.events(self.random).stub.Resume(m.ResumeRequest(group=group)))

    def act_away(self):
        self.away.set()
        self.wait_published()
        self.away.clear()

    def act_late(self):
        missing = [group for group in LATE if group not in self.registered]
        self.register(missing[0] if missing else self.random.choice(LATE))

    def wait_published(self):
        before = len(self.acknowledged())
        wait_until(lambda: len(self.acknowledged()) > before + STEP or self.failures())
        self.assert_well()

    def failures(self):
        return "\n".join(f"{a.name}: {a.failure}" for a in self.publishers + self.others if a.failure)

    def assert_well(self):
        failures = self.failures()
        assert not failures, failures

    def run(self, crash, extra):
        """Everything at least once in random order, and so much more at random. crash: PostgreSQL's, too."""
        for group in ("auto", "explicit", "streams", "pulled"):
            self.register(group)
        for actor in self.publishers + self.others:
            actor.start()
        acts = [self.act_stop, self.act_kill, self.act_pause, self.act_away, self.act_late,
                self.act_late, *([self.act_crash] if crash else [])]
        acts += self.random.choices(acts, k=extra)
        self.random.shuffle(acts)
        for act in acts:
            self.wait_published()
            print(act.__name__, flush=True)
            act()
        self.wait_published()
        self.stop(self.publishers)
        self.calm = True
        wait_until(self.drained)
        self.stop(self.others)

    def drained(self):
        self.assert_well()
        left = event_tables.open_deliveries(self.database)
        for group, event, event_id, state, _ in left:
            # Leased for long: what was pulled by an answer that was lost, or by a stream whose server
            # was killed.
            if group in ("pulled", "streams") and state in ("leased", "failed"):
                self.confirm(self.random, event, event_id, group, True)
        return not left

    def stop(self, actors):
        for actor in actors:
            actor.stopping.set()
            self.cancel.get(actor.name, lambda: None)()
        for actor in actors:
            actor.join()
        self.assert_well()

    def close(self):
        for actor in self.publishers + self.others:
            actor.stopping.set()
        for cancel in list(self.cancel.values()):
            cancel()
        self.receiver.__exit__()
        self.fleet.__exit__()


class Journal:
    """What the world did and saw, beside the rows that it left."""

    def __init__(self, world):
        self.world = world
        rows = world.database.rows(
            "SELECT position, event_id, name, data, key, group_name FROM event.event ORDER BY position")
        self.rows = {int(row[3]): row for row in rows}
        assert len(self.rows) == len(rows), "something was published twice"
        self.position = {row[1]: int(row[0]) for row in rows}
        self.key = {row[1]: row[4] for row in rows}
        self.steps = collections.defaultdict(list)
        for group, event_id, state, attempt in world.database.rows(
                "SELECT q.group_name, e.event_id, coalesce(t.state::text, ''), coalesce(t.attempt, 0)"
                " FROM event.delivery d JOIN event.queue q ON q.id = d.queue_id"
                " JOIN event.event e ON e.position = d.position"
                " LEFT JOIN event.transition t ON t.queue_id = d.queue_id AND t.position = d.position"
                " ORDER BY d.position, t.number"):
            self.steps[group, event_id].append((state, int(attempt)))
        self.seen, self.told = collections.defaultdict(list), collections.defaultdict(list)
        for seen in world.seen:
            self.seen[seen.group, seen.event_id].append(seen)
        for told in world.told:
            self.told[told.group, told.event_id].append(told)

    def check(self):
        event_tables.check(self.world.database, lost_leases=self.world.crashed)
        self.check_log()
        self.check_groups()
        self.check_seen()
        self.check_confirmed()
        self.check_keys()

    def check_log(self):
        """What was acknowledged is there, as it was sent, in order; and nothing that was not sent."""
        unknown = {p.data for p in self.world.sent if not p.position}
        acknowledged = {p.data: p for p in self.world.sent if p.position}
        assert set(acknowledged) <= set(self.rows) <= set(acknowledged) | unknown
        for number, p in acknowledged.items():
            assert self.rows[number] == [str(p.position), p.event_id, p.event, json.dumps(p.data),
                                         p.key, p.group]
        in_order = sorted(acknowledged.values(), key=lambda p: p.sent)
        for p in in_order:
            assert all(q.position < p.position for q in in_order if q.answered < p.sent)

    def check_groups(self):
        """Each event has a delivery for each group that it must have one for, and for no other."""
        for p in self.world.acknowledged():
            for group, (sent, answered) in self.world.registered.items():
                there = (group, p.event_id) in self.steps
                wanted = p.group == group or not p.group and p.event in PATTERNS[group][1]
                if there:
                    assert wanted and (p.group or sent < p.answered), (p, group)
                elif wanted:
                    assert not p.group and answered > p.sent, (p, group)

    def check_seen(self):
        """Nobody saw what was not for him; each attempt that was seen was one; each delivery came."""
        for (group, event_id), seen in self.seen.items():
            attempts = {attempt for state, attempt in self.steps[group, event_id] if state == "leased"}
            for s in seen:
                assert self.rows[s.data][1] == event_id
                # A lease may have gone with the database, but its attempt was the next one.
                assert s.attempt in attempts or self.world.crashed \
                    and s.attempt <= max(attempts, default=0) + 1, (s, attempts)
            if not self.world.crashed and not any(r[:2] == (group, event_id) for r in self.world.replays):
                numbers = [s.attempt for s in seen]
                assert len(numbers) == len(set(numbers)), (group, event_id, numbers)
        for (group, event_id), steps in self.steps.items():
            if steps[-1][0] == "delivered":
                assert group in AUTO, (group, event_id, steps)
                assert any(s.taken_at for s in self.seen[group, event_id]), (group, event_id, steps)
            else:
                assert steps[-1][0] == "confirmed", (group, event_id, steps)
                assert any(t.success for t in self.told[group, event_id]), (group, event_id, steps)
        for group, event_id, sent, _, replayed in self.world.replays:
            if replayed:
                assert any(s.at > sent for s in self.seen[group, event_id]) or any(
                    t.success and t.sent > sent for t in self.told[group, event_id])

    def check_confirmed(self):
        """A confirmation that was answered is the end: no attempt begins after it."""
        for (group, event_id), told in self.told.items():
            replays = [r for r in self.world.replays if r[:2] == (group, event_id)]
            confirmed = [t.answered for t in told if t.success]
            for t in told:
                assert t.took or any(u.success and u.sent < t.answered for u in told), t
            if replays or not confirmed:
                continue
            steps = self.steps[group, event_id]
            states = [state for state, _ in steps]
            end = states.index("confirmed")
            assert not {"leased", "delivered", "failed"} & set(states[end:]), steps
            last = max((attempt for state, attempt in steps[:end] if state == "leased"), default=0)
            for s in self.seen[group, event_id]:
                if s.at > min(confirmed):
                    assert s.attempt <= last + self.world.crashed, (s, steps)

    def done_at(self, group, event_id):
        """When it may first have been done, as far as anybody outside knows."""
        times = [t.sent for t in self.told[group, event_id] if t.success]
        if group in AUTO:
            times += [s.taken_at for s in self.seen[group, event_id] if s.taken_at]
        return min(times)

    def check_keys(self):
        """The next of a key is not begun before the former is done."""
        chains = collections.defaultdict(list)
        for group, event_id in self.steps:
            if self.key[event_id]:
                chains[group, self.key[event_id]].append((self.position[event_id], event_id))
        for (group, _), chain in chains.items():
            chain.sort()
            for (_, former), (_, following) in zip(chain, chain[1:]):
                seen = self.seen[group, following]
                if seen:
                    assert self.done_at(group, former) < min(s.at for s in seen), (former, following)


def run(stubs, cluster, database, seed, crash=True, extra=0):
    """Runs a world, and checks all that came of it."""
    print("seed", seed, flush=True)
    world = World(stubs, cluster, database, seed)
    try:
        world.run(crash, extra)
        Journal(world).check()
        print(f"{len(world.sent)} published, {len(world.seen)} seen, {len(world.told)} confirmed")
    finally:
        world.close()
