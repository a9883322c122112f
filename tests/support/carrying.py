"""What carries notices out: parties that take them by HTTP, well or badly, and a channel to them."""

import contextlib
import json
import threading
import time
import urllib.parse

import observe
import programs
import raw_upstream


class Request:
    """One request, as it came."""

    def __init__(self, text):
        head, body = text.encode("latin-1").split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.path, _, self.query = self.target.partition("?")
        self.headers = {name.lower(): value.strip()
                        for name, value in (line.split(":", 1) for line in lines)}
        self.body = body
        self.at = time.time()

    def parameters(self):
        """Of the query, decoded once."""
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    def json(self):
        return json.loads(self.body)


# --- behaviours: (party, connection, request) -> True if the connection is to be closed ----------

def answer(status, body=b"", **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    data = f"HTTP/1.1 {status} x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def behave(_party, connection, _request):
        connection.sendall(data)
    return behave


def say(status=200, **value):
    return answer(status, json.dumps(value).encode(), Content_Type="application/json")


page = answer(200, b"<html>ok</html>", Content_Type="text/html")
huge = answer(200, b'{"errcode":0,"code":0,"x":"' + b"x" * 1000000 + b'"}')


def close(_party, _connection, _request):
    return True


def hang(party, connection, _request):
    """Takes the request, and says nothing until the other side goes."""
    raw_upstream.until_gone(connection)
    return True


def once(first, then):
    """The first request is answered so, all others otherwise."""
    todo = [first]

    def behave(party, connection, request):
        with party.lock:
            now = todo.pop() if todo else then
        return now(party, connection, request)
    return behave


class Party:
    """behave(party, connection, request) answers each request; it may be replaced at any time."""

    def __init__(self, behave, port=0):
        self.behave = behave
        self.lock = threading.Lock()
        self.requests = []
        self.upstream = raw_upstream.RawUpstream(self._serve, port)
        self.port = self.upstream.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.upstream.__exit__()

    def _serve(self, connection, text):
        request = Request(text)
        with self.lock:
            self.requests.append(request)
        return self.behave(self, connection, request)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def got(self):
        with self.lock:
            return list(self.requests)


class Carrier:
    """A channel, and what goes out by it."""

    def __init__(self, stubs, grpc_channel, name):
        self.stub, self.m, self.name = stubs.notice_grpc.NoticeStub(grpc_channel), stubs.notice, name

    def _call(self, method, request, **more):
        return getattr(self.stub, method)(request, timeout=programs.WAIT, **more)

    def put(self, settings=None, secrets=None, **more):
        return self._call("PutChannel", self.m.PutChannelRequest(
            channel=self.name, settings=json.dumps(settings or {}), secrets=secrets or {},
            **more)).channel

    def delete(self):
        self._call("DeleteChannel", self.m.DeleteChannelRequest(channel=self.name))

    def recipients(self, **addresses):
        for user, address in addresses.items():
            self._call("PutRecipient", self.m.PutRecipientRequest(
                user=user, addresses={self.name: address}))

    def send(self, *users, metadata=(), **fields):
        """The notice's id."""
        given = {"sender": "ops", "title": "Alarm", "message": "Pump 3 leaks.", **fields}
        return self._call("Send", self.m.SendRequest(
            channel=self.name, users=",".join(users), **given), metadata=metadata).notice_id

    def deliveries(self, notice_id):
        """{user: delivery}"""
        found = self._call("ListNoticeDeliveries", self.m.ListNoticeDeliveriesRequest(
            notice_id=notice_id, page_size=1000)).deliveries
        return {d.user: d for d in found}

    def state(self, delivery):
        return self.m.NoticeState.Name(delivery.state).removeprefix("NOTICE_STATE_")

    def wait(self, notice_id, **states):
        """Until each of these users' deliveries stands so; gives all of the notice."""
        found = {}

        def stands():
            found.clear()
            found.update(self.deliveries(notice_id))
            return all(user in found and self.state(found[user]) == state
                       for user, state in states.items())
        with contextlib.suppress(AssertionError):
            observe.wait_until(stands)
        assert {user: self.state(d) for user, d in found.items() if user in states} == states
        return found

    def attempts(self, delivery):
        return self._call("ListAttempts", self.m.ListAttemptsRequest(
            delivery_id=delivery.delivery_id)).attempts
