"""Mails, end to end: what a real SMTP server reads, and what is made of its answers."""

import itertools
import os
import ssl

import pytest

import carrying
import certificates
import key_files
import observe
import programs
import smtp_sink

PASSWORD = "SECret-that-nobody-sees"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("k1")
    server = programs.Server(database.url, "--key-file", str(keys.path), "--notice-poll-ms", "50",
                             "--log-level", "debug")
    yield server
    log = server.log_text()
    server.stop()
    assert PASSWORD not in log
    assert "水泵" not in log


@pytest.fixture(scope="module")
def authority():
    authority = certificates.Authority()
    yield authority
    authority.remove()


@pytest.fixture(scope="module")
def tls(authority):
    """A context of a server that the authority has certified."""
    pair = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    return context


class Channel(carrying.Carrier):
    def to(self, sink, *, security="none", password=None, timeout_ms=30000,
           schedule_ms=(3600000,), **settings):
        """By that server."""
        self.put({"host": "127.0.0.1", "port": sink.port, "security": security,
                  "from": "ops@junction.example", **settings},
                 {"password": password} if password else None, kind="mail", timeout_ms=timeout_ms,
                 schedule_ms=list(schedule_ms))
        self.recipients(ann="ann@example.org")

    def template(self, subject="{{title}}", body="{{message}}", html=""):
        """Its id."""
        name = f"{self.name}-template"
        self._call("PutTemplate", self.m.PutTemplateRequest(
            template=name, variants=[self.m.TemplateVariant(subject=subject, body=body, html=html)]))
        return name

    def attach(self, name, content_type, content):
        """Its id."""
        return self._call("PutAttachment", iter([self.m.PutAttachmentRequest(
            name=name, content_type=content_type, content=content)])).attachment.attachment_id

    def outcome(self, state, **fields):
        """Sends to ann; her delivery, when it stands so."""
        return self.wait(self.send("ann", **fields), ann=state)["ann"]


@pytest.fixture
def mail(stubs, channel):
    mail = Channel(stubs, channel, f"m{next(NUMBERS)}")
    yield mail
    mail.delete()


# --- what is read ------------------------------------------------------------------------------------

def test_a_chinese_mail_with_html_and_files_arrives_as_it_was(mail):
    binary, title = os.urandom(100000), "水泵 3 号漏水，请立即处理。" * 10
    with smtp_sink.Sink() as sink:
        mail.to(sink)
        ids = [mail.attach("现场 照片'1'.bin", "application/x-photo; v=1", binary),
               mail.attach("read me.txt", "text/plain", b"one\n.two\r\n"),
               mail.attach("m.eml", "message/rfc822", b"Subject: inner\r\n\r\nx")]
        found = mail.outcome(
            "SENT", sender="运维 \"部\"", title=title, message="第一行\n.\n第三行",
            attachments=",".join(ids),
            template=mail.template(html="<p>{{message}}</p><b>{{title}}</b>"))
        got, = sink.wait(1)
    assert (got.sender, got.recipients) == ("ops@junction.example", ["ann@example.org"])
    message = got.message
    assert not message.defects
    assert message["Subject"] == title
    sender, = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("运维 \"部\"", "ops@junction.example")
    assert message["To"] == "ann@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == found.message_id
    assert message["Message-ID"] == (
        f"<{found.delivery_id}.{found.notice_id}@junction.example>")
    assert message["X-Junction-Notice"] == found.notice_id
    assert message["Date"].datetime is not None
    assert message.get_content_type() == "multipart/mixed"
    assert got.text().replace("\r\n", "\n") == "第一行\n.\n第三行"
    assert f"<b>{title}</b>" in got.text("html")
    files = got.files()
    assert files.pop("read me.txt") in ("one\n.two\n", "one\n.two\r\n")
    assert files == {"现场 照片'1'.bin": binary, "m.eml": b"Subject: inner\r\n\r\nx"}
    assert max(map(len, got.bytes.split(b"\r\n"))) <= 998
    assert got.bytes.isascii()
    assert (found.code, found.text, found.attempts) == ("250", "2.0.0 taken", 1)


def test_no_header_can_be_injected(mail):
    with smtp_sink.Sink() as sink:
        mail.to(sink)
        mail.outcome("SENT", title="=?UTF-8?B?YQ==?=", sender="x\", <evil@example.org>",
                     params='{"v": "a\\r\\nBcc: evil@example.org\\r\\n\\r\\nbody"}',
                     template=mail.template(subject="{{title}} {{v}}"))
        got, = sink.wait(1)
    assert got.message["Bcc"] is None
    assert got.recipients == ["ann@example.org"]
    assert got.message["Subject"].startswith("=?UTF-8?B?YQ==?= a")
    sender, = got.message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("x\", <evil@example.org>",
                                                      "ops@junction.example")


def test_a_bad_address_fails_at_once(mail):
    with smtp_sink.Sink() as sink:
        mail.to(sink)
        mail.recipients(eve="eve@example.org> SIZE=1", bob="张三@example.org")
        found = mail.wait(mail.send("eve", "bob", "ann"), eve="FAILED", bob="FAILED", ann="SENT")
        assert (found["eve"].code, found["bob"].code) == ("bad_address", "bad_address")
        assert len(sink.mails) == 1


def test_mails_to_one_server_share_connections(mail):
    users = {f"u{i}": f"u{i}@example.org" for i in range(50)}
    with smtp_sink.Sink() as sink:
        mail.to(sink)
        mail.recipients(**users)
        mail.wait(mail.send(*users), **{user: "SENT" for user in users})
        assert sorted(m.recipients[0] for m in sink.mails) == sorted(users.values())
        assert sink.connections <= 8


# --- TLS and logins ----------------------------------------------------------------------------------

@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("without", [(), ("PLAIN",)], ids=["plain", "login"])
def test_a_login_goes_by_tls_alone(mail, authority, tls, security, without):
    with smtp_sink.Sink(tls, implicit=security == "tls", users={"bob": PASSWORD}, without=without,
                        auth_require_tls=security == "starttls") as sink:
        mail.to(sink, security=security, ca_file=authority.cert, user="bob", password=PASSWORD)
        mail.outcome("SENT")
        got, = sink.wait(1)
        assert (got.tls, got.user) == (True, "bob")
        assert sink.asked == ["LOGIN" if without else "PLAIN"]


def test_a_wrong_password_stops_the_channel_and_fails_no_mail(mail, authority, tls):
    with smtp_sink.Sink(tls, users={"bob": PASSWORD}) as sink:
        mail.to(sink, ca_file=authority.cert, security="starttls", user="bob", password="wrong")
        notice = mail.send("ann")
        observe.wait_until(lambda: mail.deliveries(notice)["ann"].code == "535")
        found = mail.deliveries(notice)["ann"]
        assert mail.state(found) == "WAITING"
        assert not sink.mails


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_nothing(mail, authority, tls, security):
    other = certificates.Authority("Another")
    try:
        with smtp_sink.Sink(tls, implicit=security == "tls", users={"bob": PASSWORD}) as sink:
            mail.to(sink, security=security, ca_file=other.cert, user="bob", password=PASSWORD)
            notice = mail.send("ann")
            observe.wait_until(lambda: mail.deliveries(notice)["ann"].code == "unreached")
            assert "certificate" in mail.deliveries(notice)["ann"].text
            assert not sink.asked and not sink.mails
    finally:
        other.remove()


def test_the_host_must_be_the_one_that_was_certified(mail, authority):
    pair = authority.issue("other", "DNS:other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with smtp_sink.Sink(context) as sink:
        mail.to(sink, security="starttls", ca_file=authority.cert)
        notice = mail.send("ann")
        observe.wait_until(lambda: mail.deliveries(notice)["ann"].code == "unreached")
        assert not sink.mails


def test_without_starttls_nothing_is_sent(mail):
    with smtp_sink.Sink() as sink:
        mail.to(sink, security="starttls")
        notice = mail.send("ann")
        observe.wait_until(lambda: mail.deliveries(notice)["ann"].code == "unreached")
        assert mail.state(mail.deliveries(notice)["ann"]) == "WAITING"
        assert not sink.mails


# --- answers -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_4yz_is_tried_again_as_the_same_mail(mail, command):
    with smtp_sink.Sink() as sink:
        sink.say[command] = ["450 4.2.0 greylisted"]
        mail.to(sink, schedule_ms=[10, 10])
        found = mail.outcome("SENT")
        assert [(a.code, a.text) for a in mail.attempts(found)] == [
            ("450", "4.2.0 greylisted"), ("250", "2.0.0 taken")]
        assert {m.message["Message-ID"] for m in sink.mails} == {found.message_id}


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_5yz_is_final(mail, command):
    with smtp_sink.Sink() as sink:
        sink.say[command] = "550 5.1.1 no such user"
        mail.to(sink, schedule_ms=[10, 10])
        found = mail.outcome("FAILED")
        assert (found.code, found.text, found.attempts) == ("550", "5.1.1 no such user", 1)


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
@pytest.mark.parametrize("behave", [smtp_sink.close, smtp_sink.hang], ids=["close", "hang"])
def test_what_breaks_before_the_mail_is_there_is_tried_again(mail, command, behave):
    with smtp_sink.Sink() as sink:
        sink.say[command] = [behave]
        mail.to(sink, timeout_ms=5000 if behave is smtp_sink.hang else 30000, schedule_ms=[10])
        found = mail.outcome("SENT")
        assert found.attempts == 2
        assert len(sink.mails) == 1


@pytest.mark.parametrize("behave", [smtp_sink.close, smtp_sink.hang], ids=["close", "hang"])
def test_what_breaks_after_the_dot_is_unknown_and_not_sent_again(mail, behave):
    with smtp_sink.Sink() as sink:
        sink.say["DATA"] = [behave]
        mail.to(sink, timeout_ms=5000 if behave is smtp_sink.hang else 30000, schedule_ms=[10, 10])
        found = mail.outcome("UNKNOWN")
        assert (found.code, found.attempts) == (
            "timeout" if behave is smtp_sink.hang else "broken_off", 1)
        mail.outcome("SENT")
        assert len(sink.mails) == 2


def test_a_server_that_hangs_holds_up_no_other_channel(mail, stubs, channel):
    other = Channel(stubs, channel, f"m{next(NUMBERS)}")
    with smtp_sink.Sink() as slow, smtp_sink.Sink() as quick:
        slow.say["DATA"] = [smtp_sink.hang]
        mail.to(slow, timeout_ms=120000)
        stuck = mail.send("ann")
        slow.wait(1)
        other.to(quick)
        other.outcome("SENT")
        assert mail.state(mail.deliveries(stuck)["ann"]) == "SENDING"
    other.delete()


def test_a_server_that_is_away_is_tried_again(mail):
    with smtp_sink.Sink() as gone:
        pass
    mail.to(gone, schedule_ms=[10, 3600000])
    notice = mail.send("ann")
    observe.wait_until(lambda: mail.deliveries(notice)["ann"].attempts == 2)
    observe.wait_until(lambda: mail.state(mail.deliveries(notice)["ann"]) == "WAITING")
    found = mail.deliveries(notice)["ann"]
    assert found.code == "unreached"
    assert "connection refused" in found.text
