"""A real SMTP server (aiosmtpd) that keeps what it gets, and answers as badly as a test wants."""

import asyncio
import email
import email.policy
import socket
import threading

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

import observe


class Mail:
    """One mail, as it came; message is it parsed by Python's email package."""

    def __init__(self, server, session, envelope):
        self.sender, self.recipients = envelope.mail_from, list(envelope.rcpt_tos)
        self.bytes = envelope.original_content
        self.tls = server.transport.get_extra_info("sslcontext") is not None
        self.user = getattr(session, "auth_data", None) and session.auth_data.login.decode()
        self.message = email.message_from_bytes(self.bytes, policy=email.policy.default)

    def files(self):
        return {part.get_filename(): part.get_content()
                for part in self.message.iter_attachments()}

    def text(self, kind="plain"):
        return self.message.get_body((kind,)).get_content()


# --- behaviours at a command, instead of its usual reply --------------------------------------------

def close(server):
    """Breaks off the connection."""
    server.transport.abort()


def hang(server):
    """Says nothing more."""
    return server.sink.over.wait()


class _Server(SMTP):
    def __init__(self, sink, **options):
        self.sink = sink
        super().__init__(sink, **options)

    def connection_made(self, transport):
        if self.transport is None:  # else it is the same one, by TLS now
            self.sink.connections += 1
        super().connection_made(transport)


class Sink:
    """tls: an SSLContext for STARTTLS; implicit: it is used at once, as smtps has it. users: {name:
    password}. say["RCPT"] = a reply, or one of the behaviours, or a list of them, each for one time:
    at MAIL, RCPT, DATA (the command's own reply cannot be changed: it is that to the whole mail)."""

    def __init__(self, tls=None, implicit=False, users=None, **options):
        self.mails, self.say, self.asked = [], {}, []
        self.connections = 0
        self.users = users or {}
        if users:
            options.update(authenticator=self._authenticate, auth_required=True,
                           auth_exclude_mechanism=options.pop("without", ()))
        if tls and not implicit:
            options["tls_context"] = tls
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.over = asyncio.Event()
        self.server = self.loop.run_until_complete(self.loop.create_server(
            lambda: _Server(self, hostname="sink.example", loop=self.loop, **options),
            sock=self.socket, ssl=tls if implicit else None))
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self._stop)
        self.thread.join()
        self.loop.close()

    def _stop(self):
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)

    def wait(self, count):
        """Until that many mails are there."""
        observe.wait_until(lambda: len(self.mails) >= count)
        return self.mails

    # --- what aiosmtpd asks its handler ---

    def _authenticate(self, _server, _session, _envelope, mechanism, data):
        self.asked.append(mechanism)
        good = (isinstance(data, LoginPassword)
                and self.users.get(data.login.decode()) == data.password.decode())
        return AuthResult(success=good, handled=False, auth_data=data)

    async def _answer(self, server, command, usual):
        said = self.say.get(command, usual)
        if isinstance(said, list):
            said = said.pop(0) if said else usual
        if not callable(said):
            return said
        waiting = said(server)
        if waiting:
            await waiting
        return "451 gone"

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._answer(server, "MAIL", "250 ok")

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = await self._answer(server, "RCPT", "250 ok")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(Mail(server, session, envelope))
        return await self._answer(server, "DATA", "250 2.0.0 taken")
