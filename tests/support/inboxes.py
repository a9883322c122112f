"""Inboxes as foreign clients see them: lists, changes and streams of one user's."""

import grpc

import programs
import sending
from event_streams import Reading


class Watch(Reading):
    """Of WatchInbox."""

    def items(self):
        return [m.item for m in self.messages if m.HasField("item")]

    def titles(self):
        return [item.title for item in self.items()]

    def wait_titles(self, *titles):
        """Exactly these have come, in order."""
        self.until(lambda: len(self.items()) >= len(titles))
        assert self.titles() == list(titles)
        return self

    def wait_unread(self, count):
        self.until(lambda: self.messages and self.messages[-1].unread == count)
        return self

    def cursor(self):
        return self.messages[-1].cursor


class Inbox:
    """A user's, by one server; as himself, if metadata says so."""

    def __init__(self, stubs, channel, user, metadata=()):
        self.m, self.user, self.metadata = stubs.notice, user, metadata
        self.stub = stubs.notice_grpc.NoticeStub(channel)

    def call(self, method, **fields):
        request = getattr(self.m, method + "Request")(user=self.user, **fields)
        return getattr(self.stub, method)(request, timeout=programs.WAIT, metadata=self.metadata)

    def refusal(self, method, **fields):
        """Code and message."""
        try:
            answer = self.call(method, **fields)
            if method == "WatchInbox":
                answer = next(answer)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"not refused: {answer}")

    def list(self, **fields):
        return self.call("ListInbox", **fields)

    def titles(self, **fields):
        return [item.title for item in self.list(**fields).items]

    def pages(self, size, **fields):
        """All items, page by page of that size."""
        token, items = "", []
        while True:
            page = self.list(page_size=size, page_token=token, **fields)
            assert len(page.items) <= size
            items += page.items
            token = page.next_page_token
            if not token:
                return items

    def read(self, *ids, **fields):
        """How many were marked, how many are unread."""
        answer = self.call("ReadInbox", delivery_ids=ids, **fields)
        return answer.read, answer.unread

    def delete(self, *ids, **fields):
        answer = self.call("DeleteFromInbox", delivery_ids=ids, **fields)
        return answer.deleted, answer.unread

    def watch(self, lazy=False, **fields):
        return Watch(self.call("WatchInbox", **fields), lazy)


class Post(sending.Sender):
    """Sends to inboxes."""

    def to(self, *users, title="Hello", **fields):
        """Gives the notice's id."""
        return self.send(users=",".join(users), title=title, channel="site", **fields).notice_id

    def put_variants(self, template, *variants):
        self.stub.PutTemplate(self.m.PutTemplateRequest(template=template, variants=[
            self.m.TemplateVariant(**variant) for variant in variants]), timeout=programs.WAIT)

    def fill(self, user, count, **fields):
        """So many unread ones, at once, behind all that is there; without telling anybody."""
        self.to(user, title="first", **fields)
        self.database.rows(f"""BEGIN; SELECT pg_advisory_xact_lock(6024033);
            WITH one AS (SELECT * FROM notice.delivery WHERE user_name = '{user}' ORDER BY position DESC LIMIT 1)
            INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel, state, at)
            SELECT p.last_value + i, one.notice_position, one.namespace, one.user_name, 'site', 'delivered', now()
            FROM one, notice.last_position p, generate_series(1, {count - 1}) AS i;
            SELECT setval('notice.last_position', last_value + {count}) FROM notice.last_position; COMMIT""")
