"""Notices: sending, inboxes, mails (area notice)."""

import json
import os
import signal
import subprocess
import tempfile
import time

import load
import measure
import programs
import wire

SEND = "/junction.v1.Notice/Send"
WATCH = "/junction.v1.Notice/WatchInbox"
TITLE, MESSAGE = "Title ##########", "Your order has been sent. " * 4
# The same row, as one INSERT writes it.
TABLE = """CREATE SEQUENCE bench_position;
CREATE TABLE bench_delivery (LIKE notice.delivery INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);"""
INSERT = """INSERT INTO bench_delivery (position, notice_position, namespace, user_name, channel, state,
 at, receipt_told) SELECT p, p, 'default', 'user-0001234567', 'site', 'delivered', clock_timestamp(),
 true FROM nextval('bench_position') AS p;
"""
MAILS = 4000  # sent in a measurement
FLOWS = 8     # connections


def measure_rows(bench):
    """Deliveries that are accepted: durable in notice.delivery when Send is answered."""
    database = bench.new_database()
    database.rows(TABLE)
    server = bench.keep("server of notices", programs.Server(database.url))
    for recipients, outstanding in ((1, 256), (100, 64), (1000, 16)):
        whom = {8: "user-##########"}
        if recipients > 1:
            whom = {9: f"group-{recipients}"}
            with server.channel() as channel:
                bench.stubs.notice_grpc.NoticeStub(channel).PutNoticeGroup(
                    bench.stubs.notice.PutNoticeGroupRequest(
                        group=whom[9], users=[f"user-{i:010}" for i in range(recipients)]))
        request = wire.message({1: "bench", 2: TITLE, 3: MESSAGE, **whom})

        def sends(request=request, recipients=recipients, outstanding=outstanding):
            sample = load.calls(bench.seconds, server.address, SEND, request, outstanding)
            return measure.Sample(sample.value * recipients, sample.count * recipients,
                                  sample.p50_us, sample.p99_us)
        bench.compare(
            "rows/s", f"notice.send to {recipients}, {outstanding} outstanding", sends,
            "pgbench INSERT 64 clients",
            lambda: load.pgbench(bench.seconds, database.url, INSERT), goal=2.0)


def measure_inbox(bench):
    server = bench.keep("server of inboxes", programs.Server(bench.new_database().url))
    message = wire.message({1: "bench", 2: TITLE, 3: MESSAGE, 8: "watched"})

    def watched():
        return load.watch(bench.seconds, server.address, 1, WATCH, wire.message({1: "watched"}),
                          "half", SEND, message)

    def answered():
        sample = watched()
        return measure.Sample(sample.told["answer_p50_us"], sample.count,
                              p99_us=sample.told["answer_p99_us"])
    bench.compare("us p50", "notice.send to its receipt by WatchInbox", watched,
                  "notice.send to its answer", answered, less=True)


class Sink(programs.Program):
    """Takes mails and forgets them."""

    def __init__(self):
        super().__init__(os.path.join(programs.BUILD, "tests", "bench_smtp_sink"))
        self.wait_ready()
        self.address = self.addresses[0][1]

    def count(self):
        self.process.send_signal(signal.SIGUSR1)
        return int(self.read_line().split()[1])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Mails:
    """A server that sends mails to the sink; recipients are there before they are sent to."""

    def __init__(self, bench, sink):
        self.sink = sink
        self.server = bench.keep("server of mails", programs.Server(bench.new_database().url))
        self.m = bench.stubs.notice
        with self.server.channel() as channel:
            stub = bench.stubs.notice_grpc.NoticeStub(channel)
            host, port = sink.address.split(":")
            stub.PutChannel(self.m.PutChannelRequest(
                channel="mail", concurrency=FLOWS, settings=json.dumps(
                    {"host": host, "port": int(port), "security": "none",
                     "from": "bench@example.org"})))
            for i in range(MAILS):
                stub.PutRecipient(self.m.PutRecipientRequest(
                    user=f"u{i}", addresses={"mail": f"user{i}@example.org"}))
            stub.PutNoticeGroup(self.m.PutNoticeGroupRequest(
                group="all", users=[f"u{i}" for i in range(MAILS)]))
        self.stubs = bench.stubs

    def send(self):
        before, begin = self.sink.count(), time.monotonic()
        with self.server.channel() as channel:
            self.stubs.notice_grpc.NoticeStub(channel).Send(self.m.SendRequest(
                sender="bench", title="Title", message=MESSAGE, groups="all", channel="mail"))
        while self.sink.count() < before + MAILS:
            time.sleep(0.002)
        return measure.Sample(MAILS / (time.monotonic() - begin), MAILS)


def curl_loop(sink, flows):
    """curl, told of all mails at once; flows: so many connections, each with its share."""
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        mail = os.path.join(folder, "mail")
        with open(mail, "w", encoding="ascii", newline="") as file:
            file.write("From: bench <bench@example.org>\r\nTo: user@example.org\r\n"
                       f"Subject: Title\r\n\r\n{MESSAGE}\r\n")
        names = []
        for flow in range(flows):
            names.append(os.path.join(folder, f"config-{flow}"))
            with open(names[-1], "w", encoding="ascii") as file:
                file.write("next\n".join(
                    f'url = "smtp://{sink.address}"\nmail-from = "bench@example.org"\n'
                    f'mail-rcpt = "user{i}@example.org"\nupload-file = "{mail}"\n'
                    for i in range(flow, MAILS, flows)))
        before, begin = sink.count(), time.monotonic()
        running = [subprocess.Popen(["curl", "-sS", "-K", name]) for name in names]
        if any(process.wait(load.LONGEST) for process in running):
            raise RuntimeError("curl failed")
        seconds = time.monotonic() - begin
    if sink.count() != before + MAILS:
        raise RuntimeError("the sink did not get all mails of curl")
    return measure.Sample(MAILS / seconds, MAILS)


def measure_mails(bench):
    sink = bench.keep("sink", Sink())
    mails = Mails(bench, sink)
    for flows in (1, FLOWS):
        bench.compare("mails/s", f"notice mails, {FLOWS} connections", mails.send,
                      f"curl's own loop, {flows} connections",
                      lambda flows=flows: curl_loop(sink, flows))


def measure_notice(bench):
    measure_inbox(bench)
    measure_mails(bench)
    measure_rows(bench)  # last: it leaves deliveries to be made
