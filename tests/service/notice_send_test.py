"""Send: what it writes, whom it reaches, what is refused, what an Idempotency-Key does."""

import collections
import time
import uuid

import grpc
import pytest

import notice_delivering
import observe
import postgres
import programs
import sending
import subjects

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
CONFLICT = (grpc.StatusCode.ALREADY_EXISTS, "idempotencyKey: has sent something else")


@pytest.fixture(scope="module")
def server(database):
    """It sends nothing on: what waits stays as it was sent."""
    server = programs.Server(database.url, "--notice-member-ms", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    sender = sending.Sender(stubs, channel, database)
    sender.put_channel("mail")
    sender.put_channel("off", enabled=False)
    sender.put_recipient("bob", "zh-CN", mail="bob@example.com")
    sender.put_recipient("eve", "en")
    return sender


@pytest.fixture
def name():
    """Of what no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


# --- what is written ------------------------------------------------------------------------------


def test_a_send_is_rows_when_it_is_answered(sender):
    before = int(time.time() * 1000)
    response = sender.send(users="alice, bob", params='{"b": 1.50, "a": [1e2]}', metadata=[
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    assert uuid.UUID(response.notice_id).version == 7
    assert (response.deliveries, response.repeated) == (2, False)
    notice = sender.notice(response)
    position, moment = notice.pop("position"), notice.pop("time")
    assert moment == position >> 20 and before - 1 <= moment <= time.time() * 1000
    assert notice.pop("address").startswith("127.0.0.1:")
    assert notice.pop("node").rpartition("-")[2].isdigit()
    assert notice == {
        "id": response.notice_id, "space": "default", "sender": "shop", "title": "Hello",
        "message": "It is here.", "params": '{"b": 1.50, "a": [1e2]}', "template": None, "version": None,
        "channels": ["site"], "groups": [], "attachments": [], "reply": False, "personal": False,
        "deliveries": 2, "user": None, "application": None, "trace_id": TRACE}
    assert sender.deliveries(response) == [
        {"position": position + 1 + i, "space": "default", "user": user, "channel": "site",
         "channel_id": None, "address": None, "language": language, "state": "delivered", "at": moment,
         "due": None, "code": None, "text": None}
        for i, (user, language) in enumerate([("alice", ""), ("bob", "zh-CN")])]


def test_what_waits_has_its_address(sender):
    response = sender.send(users="eve,bob,nobody@example.com", channel="mail")
    rows = [[d[key] for key in ("user", "address", "language", "state", "code", "text")]
            for d in sender.deliveries(response)]
    failed = ["failed", "no_address", "the recipient has no address on this channel"]
    assert rows == [["eve", None, "en", *failed],
                    ["bob", "bob@example.com", "zh-CN", "waiting", None, None],
                    ["nobody@example.com", None, "", *failed]]
    assert [d["due"] is None for d in sender.deliveries(response)] == [True, False, True]
    waiting = sender.deliveries(response)[1]
    assert waiting["due"] == waiting["at"] == sender.notice(response)["time"]


def test_a_user_is_reached_on_each_channel(sender, database):
    response = sender.send(users="bob,alice", channel=" mail , site,mail")
    channel_id, = database.rows("SELECT id FROM notice.channel WHERE name = 'mail'")
    assert response.deliveries == 4
    assert sender.notice(response)["channels"] == ["mail", "site"]
    assert [(d["user"], d["channel"], d["channel_id"], d["state"]) for d in
            sender.deliveries(response)] == [
        ("bob", "mail", int(channel_id[0]), "waiting"), ("bob", "site", None, "delivered"),
        ("alice", "mail", int(channel_id[0]), "failed"), ("alice", "site", None, "delivered")]


def test_each_user_once_without_blanks(sender):
    response = sender.send(users=" alice,\tbob ,alice,Alice, b o b ,张伟")
    assert sender.users(response) == ["alice", "bob", "Alice", "b o b", "张伟"]


def test_positions_rise(sender):
    positions = []
    for _ in range(20):
        response = sender.send(users="a,b,c")
        positions.append(sender.notice(response)["position"])
        positions += [d["position"] for d in sender.deliveries(response)]
    assert positions == sorted(set(positions))


def test_texts_may_be_as_long_as_said(sender):
    given = {"sender": "界" * 85, "title": "t" * 1000, "message": "m\n" * (128 << 10),
             "users": "u" * 255, "idempotency_key": "k" * 255,
             "params": '{"p":"' + "p" * (65536 - 8) + '"}'}
    notice = sender.notice(sender.send(**given))
    assert [notice[key] for key in ("sender", "title", "message", "params")] == [
        given[key] for key in ("sender", "title", "message", "params")]


@pytest.mark.parametrize("given, kept", [
    ("", None), ("null", None), ('""', None), ("{}", "{}"), (' {"a":1.0} ', '{"a":1.0}'),
    ('"{\\"a\\":\\"\\\\u0000 中\\"}"', '{"a":"\\u0000 中"}')])
def test_params_are_an_object_or_hold_one(sender, given, kept):
    assert sender.notice(sender.send(params=given))["params"] == kept


def test_who_sent_is_known(sender, database, channel, stubs):
    subjects.put(database.url, "application", "shop", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "shop", "send1"))
    subjects.wait_known(channel, stubs)
    notice = sender.notice(sender.send(metadata=[("authorization", key)]))
    assert (notice["user"], notice["application"]) == (None, "shop")


def test_namespaces_are_apart(sender, stubs, channel, database, name):
    apart = sending.Sender(stubs, channel, database, space=name)
    response = apart.send(users="bob")
    assert apart.notice(response)["space"] == name
    assert [(d["space"], d["language"]) for d in apart.deliveries(response)] == [(name, "")]
    assert apart.failed(channel="mail") == (NOT_FOUND, 'channel: there is no channel "mail"')


# --- the audit ------------------------------------------------------------------------------------


def test_a_send_is_in_the_audit(sender, name):
    sender.put_group(name, "a", "b")
    response = sender.send(groups=name, channel="site,mail", metadata=[
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    notice, record = sender.notice(response), sender.audited(response)
    assert record == {
        "opt_type": 1, "result_type": 0, "severity": "notice", "content": "notice sent",
        "target": "notice:" + response.notice_id, "user": None, "application": None, "roles": None,
        "address": notice["address"], "node": notice["node"], "source_node": notice["node"],
        "trace_id": TRACE, "ext": {"sender": "shop", "title": "Hello", "channels": ["site", "mail"],
                                   "users": 2, "groups": [name], "deliveries": 4}}


def test_the_audit_has_room_for_any_send(sender):
    groups = [f"g{i:03}" + '"' * 251 for i in range(150)]
    for group in groups:
        sender.put_group(group)
    response = sender.send(sender='"' * 255, title='"' * 1000, groups=",".join(groups))
    assert sender.audited(response)["ext"]["groups"] == groups[:100]
    assert sender.notice(response)["groups"] == groups


# --- groups ---------------------------------------------------------------------------------------


def test_a_group_is_frozen_when_it_is_sent_to(sender, name):
    sender.put_group(name, "a", "b")
    response = sender.send(groups=name)
    sender.add_to_group(name, "c")
    later = sender.send(groups=name)
    assert sorted(sender.users(response)) == ["a", "b"]
    assert sorted(sender.users(later)) == ["a", "b", "c"]
    assert sender.notice(response)["groups"] == [name]


def test_who_is_in_several_groups_gets_it_once(sender, name):
    sender.put_group(name + "1", "a", "b")
    sender.put_group(name + "2", "b", "c")
    response = sender.send(groups=f"{name}1, {name}2 ,{name}1")
    assert sorted(sender.users(response)) == ["a", "b", "c"]
    assert response.deliveries == 3
    assert sender.notice(response)["groups"] == [name + "1", name + "2"]


def test_a_group_without_members(sender, name):
    sender.put_group(name)
    response = sender.send(groups=name)
    assert (response.deliveries, sender.deliveries(response)) == (0, [])
    assert sender.notice(response)["deliveries"] == 0


def put_auth_group(database, name, *users, disabled=False):
    subjects.put(database.url, "group", name, disabled=disabled)
    for user in users:
        subjects.put(database.url, "user", user)
        database.rows(f"INSERT INTO auth.member (group_name, kind, name) VALUES ('{name}', 'user', '{user}')")


def test_groups_of_auth(sender, database, name):
    put_auth_group(database, name, name + "-u", name + "-v")
    subjects.put(database.url, "application", name + "-app")
    database.rows("INSERT INTO auth.member (group_name, kind, name) "
                  f"VALUES ('{name}', 'application', '{name}-app')")
    response = sender.send(groups=name.upper())
    assert sorted(sender.users(response)) == [name + "-u", name + "-v"]
    sender.put_group(name, "own")
    assert sender.users(sender.send(groups=name)) == ["own"]


def test_a_disabled_group_of_auth_is_none(sender, database, name):
    put_auth_group(database, name, name + "-u", disabled=True)
    assert sender.failed(groups=name) == (NOT_FOUND, f'groups: there is no group "{name}"')


# --- templates ------------------------------------------------------------------------------------


def test_a_template_says_where_it_goes(sender, name):
    assert sender.put_template(name, "{{code}}", channel="mail, site") == 1
    assert sender.put_template(name, "{{code}}!", channel="mail, site") == 2
    notice = sender.notice(sender.send(template=name, params='{"code":7}'))
    assert (notice["template"], notice["version"], notice["channels"]) == (name, 2, ["mail", "site"])
    notice = sender.notice(sender.send(template=name, params='{"code":7}', channel="site"))
    assert notice["channels"] == ["site"]


def test_what_is_personal_is_known(sender, name):
    sender.put_template(name, "Dear {{user}}")
    assert sender.notice(sender.send(template=name))["personal"] is True


def test_a_missing_param_is_named(sender, name):
    sender.put_template(name, "{{code}} {{#a}}{{b}}{{/a}}", required=["until"])
    for params, missing in (("", "until"), ('{"until":1}', "code"), ('{"code":1,"Until":2}', "until")):
        field, rule = sender.field_refused(template=name, params=params)
        assert field == "params"
        assert rule in (f'"{missing}" is missing, template "{name}" needs it',
                        f'"code" is missing, template "{name}" needs it')
    assert sender.send(template=name, params='{"code":null,"until":""}').deliveries == 1


def test_a_deleted_template_is_none(sender, name):
    sender.put_template(name)
    sender.stub.DeleteTemplate(sender.m.DeleteTemplateRequest(template=name))
    assert sender.failed(template=name) == (NOT_FOUND, f'template: there is no template "{name}"')


# --- receipts -------------------------------------------------------------------------------------


def test_a_receipt_link_needs_a_url(sender, name, stubs, database):
    sender.put_template(name, "{{receipt}}")
    sender.put_template(name + "-plain")
    message = ('reply: a receipt link is needed on channel "mail", and the server has no '
               "--public-url")
    assert sender.failed(template=name, channel="site,mail") == (FAILED_PRECONDITION, message)
    assert sender.failed(template=name + "-plain", channel="mail", reply=True) == (
        FAILED_PRECONDITION, message)
    assert sender.notice(sender.send(template=name, reply=True))["reply"] is True
    server = programs.Server(database.url, "--notice-member-ms", "0", "--public-url",
                             "https://example.com")
    with server.channel() as channel:
        linked = sending.Sender(stubs, channel, database)
        assert linked.notice(linked.send(template=name, channel="mail", reply=True))["reply"] is True
    server.stop()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("field, rule, fields", [
    ("sender", "is required", {"sender": ""}),
    ("sender", "must have at most 255 bytes", {"sender": "s" * 256}),
    ("sender", "must not hold control characters", {"sender": "a\r\nBcc: b"}),
    ("title", "is required", {"title": ""}),
    ("title", "must have at most 1000 bytes", {"title": "t" * 1001}),
    ("title", "must not hold control characters", {"title": "a\u0085b"}),
    ("message", "is required", {"message": ""}),
    ("message", "must have at most 262144 bytes", {"message": "m" * 262145}),
    ("template", "must have at most 255 bytes", {"template": "t" * 256}),
    ("template", "must not hold control characters", {"template": "t\n"}),
    ("idempotencyKey", "must have at most 255 bytes", {"idempotency_key": "k" * 256}),
    ("idempotencyKey", "must not hold control characters", {"idempotency_key": "k\t"}),
    ("users", "is required, or groups instead", {"users": ""}),
    ("groups", "must not be given beside users", {"users": "a", "groups": "b"}),
    ("users", "name 1 is empty", {"users": " "}),
    ("users", "name 2 is empty", {"users": "a,,b"}),
    ("users", "name 3 is empty", {"users": "a,b,"}),
    ("users", "name 2 has more than 255 bytes", {"users": "a," + "u" * 256}),
    ("users", "name 1 has control characters", {"users": "a\nb"}),
    ("groups", "name 1 is empty", {"groups": ","}),
    ("groups", "must have at most 1000 names", {"groups": ",".join(map(str, range(1001)))}),
    ("channel", "name 2 has more than 32 bytes", {"channel": "site," + "c" * 33}),
    ("channel", "must have at most 10 names", {"channel": ",".join(map(str, range(11)))}),
    ("params", "must be a JSON object, or a string holding one", {"params": "[]"}),
    ("params", "must be a JSON object, or a string holding one", {"params": '"1"'}),
    ("params", 'invalid JSON at byte 7: duplicate member "a"', {"params": '{"a":1,"a":2}'}),
    ("params", "must have at most 65536 bytes", {"params": '{"a":"' + "p" * 65529 + '"}'}),
    ("reply", "needs a template", {"reply": True}),
])
def test_a_field_that_breaks_its_rule_is_named(sender, field, rule, fields):
    before = sender.written()
    assert sender.field_refused(**fields) == (field, rule)
    assert sender.written() == before


@pytest.mark.parametrize("code, message, fields", [
    (NOT_FOUND, 'template: there is no template "nix"', {"template": "nix"}),
    (NOT_FOUND, 'groups: there is no group "nix"', {"groups": "nix,nox"}),
    (NOT_FOUND, 'channel: there is no channel "pigeon"', {"channel": "site,pigeon"}),
    (FAILED_PRECONDITION, 'channel: "off" is disabled', {"channel": "site,off"}),
])
def test_what_is_not_there_is_named(sender, code, message, fields):
    before = sender.written()
    assert sender.failed(**fields) == (code, message)
    assert sender.written() == before


def test_attachments_must_be_there(sender, database):
    before = sender.written()
    code, message = sender.failed(attachments=str(uuid.uuid4()))
    assert code == NOT_FOUND and message.startswith("attachments: ")
    assert sender.written() == before


def test_attachments_are_carried(sender, database):
    def put(name):
        return sender.stub.PutAttachment(iter([sender.m.PutAttachmentRequest(
            name=name, content=b"x")])).attachment.attachment_id
    first, second = put("a.txt"), put("b.txt")
    response = sender.send(attachments=f"{first}, {second}")
    notice = sender.notice(response)
    assert notice["attachments"] == [first, second]
    assert database.rows("SELECT DISTINCT used_at FROM notice.attachment "
                         f"WHERE id IN ('{first}', '{second}')") == [[str(notice["position"])]]


# --- in one batch ---------------------------------------------------------------------------------


def waiting(database, function):
    """How many of that function wait to give out positions."""
    return len(database.rows(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' "
        f"AND query LIKE '%{function}%' AND datname = current_database()"))


def together(sender, requests):
    """What comes of sends that gather while the log is held: futures that have ended."""
    with postgres.Session(sender.database.url) as session:
        session.run("BEGIN; SELECT notice.lock_positions();")
        futures = [sender.begin(**fields) for fields in requests]
        observe.wait_until(lambda: waiting(sender.database, "notice.send"))
        session.run("COMMIT;")
    for future in futures:
        future.exception()
    return futures


def test_one_that_is_refused_takes_no_other_with_it(sender, name):
    requests = [{"title": f"{name} {i}", "channel": "site,pigeon" if i % 3 == 0 else "site",
                 "users": ",".join(f"u{n}" for n in range(i % 5 + 1))} for i in range(60)]
    futures = together(sender, requests)
    assert [f.code() == NOT_FOUND for f in futures] == [i % 3 == 0 for i in range(60)]
    good = [f.result() for i, f in enumerate(futures) if i % 3]
    notices = sender.notices(f"n.title LIKE '{name} %'")
    assert {n["id"]: n["title"] for n in notices} == {
        r.notice_id: f"{name} {i}" for r, i in zip(good, [i for i in range(60) if i % 3])}
    taken = [n["position"] for n in notices]
    for response, request in zip(good, [r for i, r in enumerate(requests) if i % 3]):
        assert sender.users(response) == request["users"].split(",")
        taken += [d["position"] for d in sender.deliveries(response)]
    assert len(set(taken)) == len(taken)


def test_of_many_with_one_key_one_sends(sender, name):
    requests = [{"title": name, "idempotency_key": name, "message": str(i % 2)} for i in range(50)]
    futures = together(sender, requests)
    notice, = sender.notices(f"n.title = '{name}'")
    answers = [f.result() for f in futures if f.code() == grpc.StatusCode.OK]
    assert {a.notice_id for a in answers} == {notice["id"]}
    assert [a.repeated for a in answers].count(False) == 1 and len(answers) == 25
    assert {(f.code(), f.details()) for f in futures if f.code() != grpc.StatusCode.OK} == {CONFLICT}


def test_one_batch_with_one_key(database, name):
    """As a server hands it over: (channel, hash) of each."""
    sends = [("pigeon", "01"), ("site", "02"), ("site", "02"), ("pigeon", "02"), ("site", "01")]
    array = "ARRAY[{}]".format
    fill = f"array_fill({{}}, ARRAY[{len(sends)}])".format
    of = {text: fill(f"'{text}'::text") for text in ("default", "me", name, "a", "{}", "node-1")}
    nothing, false = fill("NULL::text"), fill("false")
    rows = database.rows(f"""SELECT r_place, r_outcome, r_notice_id FROM notice.send(
        ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {len(sends)})), {of["default"]}, {of["me"]},
        {of[name]}, {of["me"]}, {nothing}, {of["{}"]}, {nothing},
        {array(", ".join(f"'{channel}'" for channel, _ in sends))}, {of["a"]}, {nothing}, {of["{}"]},
        {false}, {false}, {of[name]}, {array(", ".join(f"'{chr(92)}x{h}'::bytea" for _, h in sends))},
        {fill("1000::bigint")}, {nothing}, {nothing}, {nothing}, {nothing}, {of["node-1"]}, {nothing})
        ORDER BY 1""")
    assert [row[1] for row in rows] == ["no channel", "sent", "repeated", "repeated", "conflict"]
    assert len({row[2] for row in rows[1:]}) == 1
    assert database.rows(f"SELECT notice_id FROM notice.notice WHERE title = '{name}'") == [[rows[1][2]]]


# --- keys -----------------------------------------------------------------------------------------


def test_the_same_again_sends_nothing(sender, name):
    given = {"users": "a,b", "idempotency_key": name}
    first = sender.send(**given)
    before = sender.written()
    again = sender.send(**given)
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.notice_id, again.deliveries) == (first.notice_id, 2)
    assert sender.failed(**{**given, "users": "a"}) == CONFLICT
    assert sender.failed(**{**given, "channel": "pigeon"}) == CONFLICT
    assert sender.written() == before


def test_a_refused_send_does_not_use_its_key(sender, name):
    sender.failed(idempotency_key=name, channel="pigeon")
    assert not sender.send(idempotency_key=name).repeated


def test_a_repetition_does_not_need_what_has_gone(sender, name):
    sender.put_template(name)
    first = sender.send(template=name, idempotency_key=name)
    sender.stub.DeleteTemplate(sender.m.DeleteTemplateRequest(template=name))
    assert sender.send(template=name, idempotency_key=name).notice_id == first.notice_id


def test_keys_are_apart(sender, stubs, channel, database, name):
    first = sender.send(idempotency_key=name)
    apart = sending.Sender(stubs, channel, database, space=name)
    assert not apart.send(idempotency_key=name).repeated
    subjects.put(database.url, "application", name, "administrator")
    key = subjects.basic(subjects.put_key(database.url, name, name[:12]))
    subjects.wait_known(channel, stubs)
    assert not sender.send(idempotency_key=name, metadata=[("authorization", key)]).repeated
    assert sender.send(idempotency_key=name).notice_id == first.notice_id


def test_a_key_that_has_expired_is_as_good_as_new(sender, database, name):
    first = sender.send(idempotency_key=name, users="a")
    database.rows(f"UPDATE notice.idempotency SET expires_at = now() WHERE key = '{name}'")
    second = sender.send(idempotency_key=name, users="b")
    assert not second.repeated and second.notice_id != first.notice_id
    assert sender.send(idempotency_key=name, users="b").notice_id == second.notice_id


def test_a_key_counts_as_long_as_said(sender, database, name):
    sender.send(idempotency_key=name)
    assert database.rows("SELECT round(extract(epoch FROM expires_at - now()) / 3600) FROM "
                         f"notice.idempotency WHERE key = '{name}'") == [["24"]]


# --- many recipients ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [200, 201, 2500])
def test_many_users(sender, database, count):
    users = [f"user-{i}" for i in range(count)]
    response = sender.send(users=",".join(users))
    assert response.deliveries == count
    if count <= 200:
        assert len(sender.users(response)) == count
    sender.wait_spread(response)
    rows = sender.deliveries(response)
    assert collections.Counter(d["user"] for d in rows) == dict.fromkeys(users, 1)
    assert {d["state"] for d in rows} == {"delivered"}
    assert sender.audited(response)["ext"]["users"] == count


def test_many_on_several_channels(sender, database):
    users = [f"user-{i}" for i in range(700)] + ["bob"]
    response = sender.send(users=",".join(users), channel="mail,site")
    assert response.deliveries == 1402
    sender.wait_spread(response)
    rows = sender.deliveries(response)
    assert collections.Counter((d["user"], d["channel"]) for d in rows) == {
        (user, channel): 1 for user in users for channel in ("mail", "site")}
    assert [d["user"] for d in rows if d["state"] == "waiting"] == ["bob"]
    assert collections.Counter(d["state"] for d in rows) == {
        "delivered": 701, "failed": 700, "waiting": 1}


def test_two_servers_spread_at_once(sender, stubs, database):
    others = [programs.Server(database.url, "--notice-member-ms", "0", "--notice-poll-ms", "1")
              for _ in range(2)]
    responses = [sender.send(users=",".join(f"user-{i}" for i in range(5000))) for _ in range(3)]
    for response in responses:
        sender.wait_spread(response)
        assert collections.Counter(sender.users(response)) == {f"user-{i}": 1 for i in range(5000)}
    for server in others:
        server.stop()


def test_parts_are_found_without_being_told(sender, stubs, database):
    """As those of a server that died right after its answer."""
    response = sender.send(users="first")
    position = sender.notice(response)["position"]
    database.rows("INSERT INTO notice.part (notice_position, number, users, channel_ids) "
                  f"VALUES ({position}, 1, '{{a,b}}', '{{NULL}}')")
    sender.wait_spread(response)
    assert sender.users(response) == ["first", "a", "b"]


def test_positions_of_parts_are_in_commit_order_too(sender, database):
    response = sender.send(users="first")
    position = sender.notice(response)["position"]
    with postgres.Session(database.url) as session:
        session.run("BEGIN; SELECT notice.lock_positions();")
        database.rows("INSERT INTO notice.part (notice_position, number, users, channel_ids) "
                      f"VALUES ({position}, 1, '{{a}}', '{{NULL}}')")
        observe.wait_until(lambda: waiting(database, "notice.spread"))
        session.run("COMMIT;")
    sender.wait_spread(response)
    assert sender.users(response) == ["first", "a"]


# --- who hears of it -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deaf(cluster_url, stubs):
    """A server that looks for nothing by itself, and has nobody beside it who would."""
    with programs.Database(cluster_url) as database:
        server = programs.Server(database.url, "--notice-poll-ms", "3600000",
                                 "--notice-member-ms", "200")
        with server.channel() as channel:
            yield notice_delivering.Delivering(stubs, channel, database)
        server.stop()


@pytest.mark.parametrize("count", [1, 300])
def test_a_channel_hears_of_what_it_is_to_send(deaf, count):
    users = [f"user-{i}" for i in range(count)]
    with notice_delivering.Receiver() as receiver:
        channel = deaf.channel(receiver)
        deaf.reach(users, channel)
        deaf.send(channel, users)
        assert {m.user for m in receiver.wait_count(count)} == set(users)
        deaf.wait_states(channel, sent=count)


@pytest.mark.parametrize("count", [1, 300])
def test_an_inbox_hears_of_what_came(deaf, name, count):
    stream = deaf.stub.WatchInbox(deaf.m.WatchInboxRequest(user=name), timeout=programs.WAIT)
    assert next(stream).unread == 0
    users = ",".join([f"user-{i}" for i in range(count - 1)] + [name])
    for _ in range(10):
        response = deaf.sender.send(users=users)
        assert next(change for change in stream if change.HasField("item")).item.notice_id == (
            response.notice_id)
    stream.cancel()


# --- metric ---------------------------------------------------------------------------------------


def test_what_came_of_sends_is_counted(sender, server, name):
    def counted():
        return [observe.value(server, "junction_notice_sends_total", outcome=outcome)
                for outcome in ("sent", "repeated", "refused")]
    before = counted()
    sender.send(idempotency_key=name)
    sender.send(idempotency_key=name)
    sender.failed(idempotency_key=name, users="b")
    sender.failed(channel="pigeon")
    sender.failed(sender="")
    assert counted() == [before[0] + 1, before[1] + 1, before[2] + 3]
