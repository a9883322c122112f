"""A hundred thousand recipients in one send: the server's memory stays bounded, and each gets it once."""

import pytest

import observe
import programs
import sending

RECIPIENTS = 100_000
MOST = 64 << 20  # that the server may grow by


@pytest.fixture
def server(database):
    server = programs.Server(database.url, "--notice-member-ms", "0")
    yield server
    server.stop()


def grown(server, before):
    return observe.rss(server) - before


@pytest.mark.parametrize("by", ["users", "groups"])
def test_a_hundred_thousand_recipients(server, stubs, database, by):
    users = [f"user-{i:06}@example.com" for i in range(RECIPIENTS)]
    with server.channel() as channel:
        sender = sending.Sender(stubs, channel, database)
        if by == "groups":
            database.rows("INSERT INTO notice.group_name (namespace, name) VALUES ('default', 'all');"
                          "INSERT INTO notice.group_member (namespace, group_name, user_name) SELECT "
                          "'default', 'all', 'user-' || to_char(i, 'FM000000') || '@example.com' "
                          f"FROM generate_series(0, {RECIPIENTS - 1}) AS i")
        sender.send()
        before = observe.rss(server)
        response = sender.send(**{by: ",".join(users) if by == "users" else "all"})
        assert response.deliveries == RECIPIENTS
        most = [grown(server, before)]

        def spread():
            most.append(grown(server, before))
            return database.rows("SELECT count(*) FROM notice.part") == [["0"]]
        observe.wait_until(spread)
        assert database.rows(
            "SELECT count(*), count(DISTINCT d.user_name), count(DISTINCT d.position), "
            "min(d.user_name), max(d.user_name) FROM notice.delivery d JOIN notice.notice n ON n.position = "
            f"d.notice_position WHERE n.notice_id = '{response.notice_id}'") == [
                [str(RECIPIENTS)] * 3 + [users[0], users[-1]]]
        print(f"{max(most) >> 20} MiB", flush=True)
        assert max(most) < MOST or not observe.is_plain(server)
