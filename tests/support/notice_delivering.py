"""Notices on their way out: services that receive them, servers that share the sending, and how their
deliveries stand."""

import itertools
import json

import event_receivers
import observe
import programs
import sending

# Behaviours of a receiver: see event_receivers.py for more.
taken = event_receivers.answer(200, b'{"code":"200","messageId":"m"}')
refused = event_receivers.answer(200, b'{"code":"550","message":"not you"}')
busy = event_receivers.answer(408)
broken = event_receivers.answer(500)


def throttle(seconds):
    return event_receivers.answer(429, headers=f"Retry-After: {seconds}\r\n")


def take(_receiver, connection, message):
    taken(None, connection, None)
    message.answered = True


def flood(_receiver, connection, _message):
    """An answer without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


class Message:
    """One request, as it came."""

    def __init__(self, text, at):
        head, body = text.encode("latin-1").split(b"\r\n\r\n", 1)
        self.at = at
        self.headers = {name.lower(): value.strip() for name, value in (
            line.split(":", 1) for line in head.decode("latin-1").split("\r\n")[1:])}
        self.body = json.loads(body)
        self.delivery, self.user = self.body["deliveryId"], self.body["user"]
        self.answered = False  # it was told that the message was taken

    def __repr__(self):
        return f"<{self.at:.3f} {self.user} {self.delivery}>"


class Receiver(event_receivers.Receiver):
    """A node of a service that takes notices; behaviours get a Message."""

    read = Message

    def __init__(self, behave=take, port=0):
        super().__init__(behave, port)

    def got(self, user=None):
        with self.lock:
            return [m for m in self.pushes if user in (None, m.user)]

    def wait_count(self, count):
        observe.wait_until(lambda: len({m.delivery for m in self.got()}) >= count)
        return self.got()


class Delivering:
    """Channels of kind service, what is sent by them, and what became of it; by one server."""

    numbers = itertools.count(1)

    def __init__(self, stubs, channel, database):
        self.database, self.stubs, self.m = database, stubs, stubs.notice
        self.registry = stubs.registry_grpc.RegistryStub(channel)
        self.sender = sending.Sender(stubs, channel, database)
        self.stub = self.sender.stub

    def join(self, service, port, node="one-1"):
        self.registry.RegisterNode(self.stubs.registry.RegisterNodeRequest(
            service=service, node=node, host="127.0.0.1", port=port), timeout=programs.WAIT)

    def put(self, name, settings=None, **fields):
        """Replaces the channel of that name; so these must be all that is said of it."""
        return self.stub.PutChannel(self.m.PutChannelRequest(
            channel=name, kind="service", settings=json.dumps({"service": name, **(settings or {})}),
            **{"timeout_ms": 30_000, "schedule_ms": [100] * 20, **fields}), timeout=programs.WAIT).channel

    def channel(self, receiver, **fields):
        """A new one whose service has the receiver as its node; its name."""
        name = f"s{next(self.numbers)}"
        if receiver:
            self.join(name, receiver.port)
        self.put(name, **fields)
        return name

    def reach(self, users, *channels):
        for user in users:
            self.sender.put_recipient(user, **{channel: f"{user}@{channel}" for channel in channels})

    def send(self, channel, users, **fields):
        """Its notice id."""
        return self.sender.send(channel=channel, users=",".join(users), **fields).notice_id

    def rows(self, channel, columns="user_name, state"):
        return self.database.rows(
            f"SELECT {columns} FROM notice.delivery WHERE channel = '{channel}' ORDER BY position")

    def states(self, channel):
        """{state: how many}"""
        return {state: int(count) for state, count in self.database.rows(
            f"SELECT state, count(*) FROM notice.delivery WHERE channel = '{channel}' GROUP BY 1")}

    def wait_states(self, channel, **wanted):
        def stand():
            return self.states(channel) == wanted
        try:
            observe.wait_until(stand)
        except AssertionError:
            raise AssertionError(f"{self.states(channel)}, not {wanted}") from None

    def attempts(self, channel, columns="number, asked, a.state, a.code"):
        return self.database.rows(
            f"SELECT {columns} FROM notice.attempt a JOIN notice.delivery d USING (position)"
            f" WHERE channel = '{channel}' ORDER BY position, number")


class Fleet:
    """Servers on one database, each of which may be killed, stopped and started again."""

    quick = ("--notice-member-ms", "200", "--notice-poll-ms", "20")

    def __init__(self, stubs, database, count, *arguments):
        self.stubs, self.database, self.arguments = stubs, database, (*self.quick, *arguments)
        self.servers, self.channels, self.delivering, self.names = {}, {}, {}, {}
        self.dead = set()  # names of those that were killed
        for i in range(count):
            self.start(i)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for i in range(len(self.servers)):
            self.stop(i)

    def members(self):
        return {row[0] for row in self.database.rows("SELECT name FROM notice.member")}

    def start(self, i):
        known = self.members() | set(self.names.values())
        server = programs.Server(self.database.url, *self.arguments)
        self.servers[i], self.channels[i] = server, server.channel()
        self.delivering[i] = Delivering(self.stubs, self.channels[i], self.database)
        observe.wait_until(lambda: self.members() - known)
        self.names[i] = (self.members() - known).pop()

    def kill(self, i):
        self.servers[i].kill()
        self.dead.add(self.names[i])
        self.channels[i].close()

    def stop(self, i):
        self.channels[i].close()
        return self.servers[i].stop()

    def in_charge(self, channel):
        """Which of them has claimed the channel, as soon as one has."""
        def claimed():
            return self.database.rows("SELECT h.node FROM notice.charge h JOIN notice.channel c"
                                      f" ON c.id = h.channel_id WHERE c.name = '{channel}'")
        observe.wait_until(claimed)
        node = claimed()[0][0]
        return next(i for i, name in self.names.items() if name == node)

    def end_leases(self):
        """As if the time had passed of what those that were killed died in."""
        self.database.rows(
            "UPDATE notice.delivery d SET due = now() FROM notice.attempt a WHERE d.state = 'sending'"
            " AND a.position = d.position AND a.number = d.attempts AND d.due > now()"
            f" AND a.node = ANY ('{{{','.join(self.dead)}}}')")

    def doubtful(self):
        """Deliveries that were under way when a server was killed, once their leases have ended."""
        return {row[0] for row in self.database.rows(
            "SELECT position FROM notice.attempt WHERE code = 'server_lost'"
            f" AND node = ANY ('{{{','.join(self.dead)}}}')")}
