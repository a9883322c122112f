"""What tests of Notice.Send share: sends as a generated client makes them, what they need to be there,
and the rows that they leave."""

import json

import grpc

import observe
import programs

NOTICE = """SELECT json_build_object('position', n.position, 'id', n.notice_id, 'space', n.namespace,
    'time', event.milliseconds(n.time), 'sender', n.sender, 'title', n.title, 'message', n.message,
    'params', n.params, 'template', n.template, 'version', n.template_version, 'channels', n.channels,
    'groups', n.groups, 'attachments', n.attachments, 'reply', n.reply, 'personal', n.personal,
    'deliveries', n.deliveries, 'user', n.user_name, 'application', n.application,
    'address', n.address, 'node', n.node, 'trace_id', n.trace_id)
FROM notice.notice n WHERE {} ORDER BY n.position"""
DELIVERY = """SELECT json_build_object('position', d.position, 'space', d.namespace, 'user', d.user_name,
    'channel', d.channel, 'channel_id', d.channel_id, 'address', d.address, 'language', d.language,
    'state', d.state, 'at', event.milliseconds(d.at), 'due', event.milliseconds(d.due),
    'code', d.code, 'text', d.text)
FROM notice.delivery d JOIN notice.notice n ON n.position = d.notice_position
WHERE n.notice_id = '{}' ORDER BY d.position"""
AUDITED = """SELECT json_build_object('opt_type', opt_type, 'result_type', result_type,
    'severity', severity, 'content', content, 'target', target, 'user', user_name,
    'application', application, 'roles', roles, 'address', address, 'node', node,
    'source_node', source_node, 'trace_id', trace_id, 'ext', ext)
FROM audit.record WHERE namespace = 'junction.notice' AND target = 'notice:{}'"""
# Of channels that wait for nobody: nothing listens there, and what they have is not sent.
SETTINGS = {
    "mail": '{"host":"127.0.0.1","port":9,"security":"none","from":"junction@example.com"}',
}
WRITTEN = ("notice.notice", "notice.delivery", "notice.part", "notice.idempotency")


class Sender:
    """The service Notice as a generated client sees it, beside the database of its server."""

    def __init__(self, stubs, channel, database, space=None):
        self.stubs, self.database, self.m = stubs, database, stubs.notice
        self.stub = stubs.notice_grpc.NoticeStub(channel)
        self.metadata = [("x-namespace", space)] if space else []

    def request(self, **fields):
        given = {"sender": "shop", "title": "Hello", "message": "It is here.", **fields}
        if "groups" not in given:
            given.setdefault("users", "alice")
        return self.m.SendRequest(**given)

    def send(self, metadata=(), timeout=programs.WAIT, **fields):
        return self.stub.Send(self.request(**fields), timeout=timeout,
                              metadata=[*self.metadata, *metadata])

    def begin(self, **fields):
        """The same, not waited for."""
        return self.stub.Send.future(self.request(**fields), timeout=programs.WAIT,
                                     metadata=self.metadata)

    def failed(self, **fields):
        """Code and message of a send that is refused."""
        try:
            answer = self.send(**fields)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"not refused: {answer}")

    def field_refused(self, **fields):
        """Field and rule of a send with a field that breaks its rule."""
        try:
            answer = self.send(**fields)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
            packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
            bad = self.stubs.details.BadRequest()
            assert self.stubs.status.Status.FromString(packed).details[0].Unpack(bad)
            violation, = bad.field_violations
            assert violation.description == error.details()
            assert error.details().startswith(violation.field + ": ")
            return violation.field, error.details()[len(violation.field) + 2:]
        raise AssertionError(f"not refused: {answer}")

    # --- what is needed ---------------------------------------------------------------------------

    def _call(self, method, request):
        return getattr(self.stub, method)(request, timeout=programs.WAIT, metadata=self.metadata)

    def put_channel(self, name, kind="mail", enabled=True):
        self._call("PutChannel", self.m.PutChannelRequest(
            channel=name, kind=kind, settings=SETTINGS[kind], enabled=enabled))

    def put_recipient(self, user, language="", **addresses):
        self._call("PutRecipient", self.m.PutRecipientRequest(
            user=user, addresses=addresses, language=language))

    def put_group(self, group, *users):
        self._call("PutNoticeGroup", self.m.PutNoticeGroupRequest(group=group, users=users))

    def add_to_group(self, group, *users):
        self._call("ChangeNoticeGroup", self.m.ChangeNoticeGroupRequest(group=group, add=users))

    def put_template(self, template, body="{{message}}", **fields):
        """Gives its version."""
        return self._call("PutTemplate", self.m.PutTemplateRequest(
            template=template, variants=[self.m.TemplateVariant(body=body)],
            **fields)).template.version

    # --- what is there ----------------------------------------------------------------------------

    def notice(self, response):
        """The row that a SendResponse tells of."""
        row, = self.notices(f"n.notice_id = '{response.notice_id}'")
        return row

    def notices(self, condition="true"):
        return [json.loads(row[0]) for row in self.database.rows(NOTICE.format(condition))]

    def deliveries(self, response):
        """In their order."""
        return [json.loads(row[0]) for row in self.database.rows(
            DELIVERY.format(response.notice_id))]

    def users(self, response):
        return [d["user"] for d in self.deliveries(response)]

    def audited(self, response):
        row, = self.database.rows(AUDITED.format(response.notice_id))
        return json.loads(row[0])

    def written(self):
        """How much there is of all that a send writes."""
        tables = [f"(SELECT count(*) FROM {table})" for table in WRITTEN]
        row, = self.database.rows(
            f"SELECT {', '.join(tables)}, (SELECT count(*) FROM audit.record "
            "WHERE namespace = 'junction.notice')")
        return row

    def wait_spread(self, response):
        """Until all deliveries of a large send are there."""
        observe.wait_until(lambda: self.database.rows(
            "SELECT count(*) FROM notice.part p JOIN notice.notice n ON n.position = p.notice_position "
            f"WHERE n.notice_id = '{response.notice_id}'") == [["0"]])
