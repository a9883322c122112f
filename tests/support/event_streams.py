"""Streams, read in the background as a client's own thread would."""

import threading

import grpc

import observe
import programs


class Reading:
    """A server stream: all that comes is kept; lazy: nothing is read before read()."""

    def __init__(self, call, lazy=False):
        self.call, self.messages, self.code, self.details = call, [], None, None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        if not lazy:
            self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def read(self):
        self.thread.start()

    def run(self):
        try:
            for message in self.call:
                with self.changed:
                    self.messages.append(message)
                    self.changed.notify_all()
        except grpc.RpcError as error:
            self.details = error.details()
        with self.changed:
            self.code = self.call.code()
            self.changed.notify_all()

    def begun(self):
        """It counts from now on."""
        self.call.initial_metadata()
        return self

    def stop(self):
        self.call.cancel()
        if self.thread.ident:
            self.thread.join(programs.WAIT)

    def until(self, condition):
        with self.changed:
            assert self.changed.wait_for(lambda: condition() or self.code is not None, programs.WAIT)
            assert condition(), (self.code, self.details)
        return self

    def end(self):
        """How it ended, by itself."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.code is not None, programs.WAIT)
        return self.code


class Stream(Reading):
    """Of Subscribe."""

    def __init__(self, stubs, channel, *patterns, space="default", lazy=False, metadata=(), **fields):
        super().__init__(stubs.event_grpc.EventStub(channel).Subscribe(
            stubs.event.SubscribeRequest(patterns=patterns, **fields), timeout=programs.WAIT,
            metadata=[("x-namespace", space), *metadata]), lazy)

    def events(self):
        return [m for m in self.messages if m.event_id]

    def ids(self):
        return [m.event_id for m in self.events()]

    def wait(self, count):
        """The first so many events."""
        self.until(lambda: len(self.events()) >= count)
        return self.events()[:count]


def wait_together(streams, count):
    """Until they have so many events in all."""
    observe.wait_until(lambda: sum(len(s.events()) for s in streams) >= count)
