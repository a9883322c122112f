"""Users with passwords, and callers who log in from here and there."""

import contextlib

import grpc

import auditing
import identities
import observe
import subjects

PASSWORD = "correct horse battery"
UNAUTHENTICATED, EXHAUSTED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED
LOGIN_REFUSED = (UNAUTHENTICATED, "the user's name or the password is wrong")
DENIED = grpc.StatusCode.PERMISSION_DENIED
KEY_REFUSED = (UNAUTHENTICATED, "the access key or its secret is wrong")
NAME_RULE = ('must be 1 to 64 of a-z, 0-9, ".", "_", "@", "+" and "-", beginning with a letter or'
             " digit")
REFRESH_REFUSED = (UNAUTHENTICATED, "the refresh token is not valid")


def bearer(token):
    return ("authorization", "Bearer " + token)


class Caller(identities.Identities):
    """Over a server's unix socket, as the bridge calls for somebody at that address."""

    def __init__(self, server, stubs, address="192.0.2.1:4711", *metadata):
        self.channel = grpc.insecure_channel("unix:" + server.socket, options=[
            ("grpc.use_local_subchannel_pool", 1)])
        super().__init__(stubs, self.channel, ("junction-caller-address", address), *metadata)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def with_token(self, token):
        """The same with other credentials."""
        other = identities.Identities.__new__(Caller)
        other.channel, other.m, other.stub = self.channel, self.m, self.stub
        other.metadata = (self.metadata[0], bearer(token))
        return other

    def login(self, user, password=PASSWORD):
        return self.call("Login", user=user, password=password)

    def log_in_at(self, address, user, password=PASSWORD):
        return self.stub.Login(self.m.LoginRequest(user=user, password=password), timeout=60,
                               metadata=(("junction-caller-address", address),))

    def refresh(self, token):
        return self.call("Refresh", refresh_token=token)

    def who(self, token):
        """Who has that access token; None if it is refused."""
        try:
            return self.with_token(token).call("WhoAmI").subject.name
        except grpc.RpcError as error:
            assert error.code() == UNAUTHENTICATED
            return None


class Administrator(Caller):
    """An application that may do everything."""

    def __init__(self, database, server, stubs):
        if not database.rows("SELECT 1 FROM auth.subject WHERE name = 'operator'"):
            subjects.put(database.url, "application", "operator", "administrator")
            subjects.put_key(database.url, "operator", "operator")
        super().__init__(server, stubs, "192.0.2.254:1",
                         ("authorization", subjects.basic("ak-operator000000000000")))
        self.wait_known()

    def wait_known(self):
        """The server has followed."""
        observe.wait_until(
            lambda: auditing.code_of(self.call, "WhoAmI") == grpc.StatusCode.OK)

    def add_user(self, name, password=PASSWORD):
        """A user who has changed his one-time password."""
        self.call("PutSubject", record=self.m.SubjectRecord(subject=self.subject("user", name)))
        once = self.call("ResetPassword", name=name).one_time_password
        self.call("ChangePassword", user=name, password=once, new_password=password)


def forget_attempts(database):
    database.rows("DELETE FROM auth.attempt; DELETE FROM auth.known_address")


def let_time_pass(database):
    """All waiting is over."""
    database.rows("UPDATE auth.attempt SET wait_until = clock_timestamp()")


def wait_until_locked(database, count):
    """So many statements wait for what somebody holds."""
    observe.wait_until(lambda: int(database.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()")[0][0]) >= count)


@contextlib.contextmanager
def refused(code):
    """What a call is refused with that has this code: its error, when it is over."""
    caught = []
    try:
        yield caught
    except grpc.RpcError as error:
        assert error.code() == code, error
        caught.append(error)
    assert caught, "was not refused"


def retry_ms(stubs, error):
    """When it may be tried again, as the error's details say."""
    status = stubs.status.Status()
    status.ParseFromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = stubs.details.RetryInfo()
    assert len(status.details) == 1 and status.details[0].Unpack(info)
    return info.retry_delay.seconds * 1000 + info.retry_delay.nanos // 1000000
