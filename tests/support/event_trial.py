"""Events as foreign clients see them: short helpers, and servers that share the work."""

import json

import grpc

import event_tables
import observe
import programs

# Of PostgreSQL: what is not waited for (leases) stays in memory for long, and so goes with a crash.
FORGETFUL = "wal_writer_delay = 10000ms\nwal_writer_flush_after = 0\n"
QUICK = ("--event-member-ms", "200", "--event-poll-ms", "20")
PUSHED = {"timeout_ms": 2000, "schedule_ms": [100] * 100}


class Events:
    """The service Event of one server, beside its database."""

    def __init__(self, stubs, channel, database):
        self.m, self.database = stubs.event, database
        self.stub = stubs.event_grpc.EventStub(channel)

    def publish(self, event, data=None, timeout=programs.WAIT, **fields):
        return self.stub.Publish(self.m.PublishRequest(event=event, data=json.dumps(data), **fields),
                                 timeout=timeout)

    def publish_all(self, events):
        """[(event, data, fields)] in batches; gives their ids."""
        ids = []
        requests = [self.m.PublishRequest(event=event, data=json.dumps(data), **fields)
                    for event, data, fields in events]
        for i in range(0, len(requests), 1000):
            outcomes = self.stub.PublishBatch(
                self.m.PublishBatchRequest(events=requests[i:i + 1000]), timeout=programs.WAIT).outcomes
            assert not [o for o in outcomes if not o.HasField("published")]
            ids += [o.published.event_id for o in outcomes]
        return ids

    def register(self, group, *patterns, name=None, confirm=None, **fields):
        modes = {None: 0, "auto": self.m.CONFIRM_MODE_AUTO, "explicit": self.m.CONFIRM_MODE_EXPLICIT}
        return self.stub.RegisterSubscription(self.m.RegisterSubscriptionRequest(
            name=name or group, group=group, patterns=patterns, confirm=modes[confirm], **fields),
            timeout=programs.WAIT)

    def push(self, group, url, *patterns, **fields):
        return self.register(group, *patterns, url=url, **{**PUSHED, **fields})

    def confirm(self, event, event_id, group="", success=None, timeout=programs.WAIT):
        return self.stub.Confirm(self.m.ConfirmRequest(event=event, event_id=event_id, group=group,
                                                       success=success), timeout=timeout)

    def pull(self, group, timeout=programs.WAIT, **fields):
        return self.stub.Pull(self.m.PullRequest(group=group, **fields), timeout=timeout)

    def subscribe(self, group="", *patterns, **fields):
        return self.stub.Subscribe(self.m.SubscribeRequest(group=group, patterns=patterns, **fields))

    def steps(self, event_id, group, columns="state, attempt"):
        return event_tables.steps(self.database, event_id, group, columns)

    def wait_state(self, event_id, group, *states):
        """Until that delivery stands so."""
        def stands():
            steps = self.steps(event_id, group, "state")
            return (steps[-1][0] if steps else "waiting") in states
        observe.wait_until(stands)

    def wait_done(self, *groups):
        """Until nothing is open: in these groups, or in any."""
        observe.wait_until(lambda: not any(
            event_tables.open_deliveries(self.database, group) for group in groups or (None,)))


class Fleet:
    """Servers on one database, each of which may be killed, stopped and started again."""

    def __init__(self, stubs, database, count, *arguments):
        self.stubs, self.database, self.arguments = stubs, database, (*QUICK, *arguments)
        self.servers, self.channels, self.events, self.names = {}, {}, {}, {}
        for i in range(count):
            self.start(i)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for i in range(len(self.servers)):
            self.stop(i)

    def members(self):
        return {row[0] for row in self.database.rows("SELECT name FROM event.member")}

    def start(self, i, wait=True):
        before = self.members() if wait else None
        server = programs.Server(self.database.url, *self.arguments, wait=wait)
        self.servers[i], self.channels[i] = server, server.channel()
        self.events[i] = Events(self.stubs, self.channels[i], self.database)
        if wait:
            observe.wait_until(lambda: self.members() - before)
            self.names[i] = (self.members() - before).pop()
            self.wait_known()

    def wait_known(self):
        """Until all have renewed since the last one came, and so know who is in charge of what."""
        now, = self.database.rows("SELECT clock_timestamp()")[0]
        observe.wait_until(lambda: not self.database.rows(
            f"SELECT 1 FROM event.member WHERE renewed_at < '{now}'"
            " AND renewed_at > clock_timestamp() - interval '1 second'"))

    def kill(self, i):
        self.servers[i].kill()
        self.channels[i].close()

    def stop(self, i):
        self.channels[i].close()
        return self.servers[i].stop()

    def in_charge(self, event_id, group):
        """Which of them has the delivery, once one has."""
        def holder():
            steps = self.steps(event_id, group, "state, holder")
            return steps and steps[-1][0] == "leased" and steps[-1][1]
        observe.wait_until(holder)
        name = holder()
        return next(i for i, n in self.names.items() if n == name)

    def steps(self, event_id, group, columns="state, attempt"):
        return event_tables.steps(self.database, event_id, group, columns)


def until_answered(call, *codes):
    """Repeats a call as long as its server, or PostgreSQL, is away. None: it ended with one of codes."""
    answer = []

    def answered():
        try:
            answer.append(call())
            return True
        except grpc.RpcError as error:
            if error.code() in codes:
                answer.append(None)
                return True
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                    grpc.StatusCode.DEADLINE_EXCEEDED), error
            return False
        except ValueError:  # its channel has been closed
            return False
    observe.wait_until(answered)
    return answer[0]
