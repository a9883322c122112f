/* Mails of the http lane against SMTP servers, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/support/fetch_trial.h"

/* --- a server, as bad as a test wants --------------------------------------------------------- */

#define CLOSE ""   /* instead of a reply */
#define HANG  NULL /* no reply */

enum { HEARD_MAX = 1 << 20 };

/* What it says; set before it is started, but for the atomic. */
static struct {
	const char *greeting, *ehlo, *mail, *rcpt, *data, *dot, *quit;
	const char *farewell;   /* after a mail, before it closes; NULL: it goes on */
	const char *mail_again; /* to the second MAIL of a connection; NULL: as to the first */
	bool closes_in_data;
} script;

/* What it heard. */
static struct {
	pthread_mutex_t lock;
	char bytes[HEARD_MAX];
	size_t size;
	atomic_int mails;
	sem_t hangs;
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hear(const char *bytes, size_t size)
{
	pthread_mutex_lock(&heard.lock);
	if (heard.size + size < HEARD_MAX) {
		memcpy(heard.bytes + heard.size, bytes, size);
		heard.size += size;
		heard.bytes[heard.size] = '\0';
	}
	pthread_mutex_unlock(&heard.lock);
}

static bool has_heard(const char *part)
{
	bool found;

	pthread_mutex_lock(&heard.lock);
	found = strstr(heard.bytes, part) != NULL;
	pthread_mutex_unlock(&heard.lock);
	return found;
}

/* False: the connection is over. */
static bool say(int socket, const char *reply)
{
	char line[256];

	if (!reply) {
		sem_post(&heard.hangs);
		peer_hold(socket);
		return false;
	}
	if (!*reply)
		return false;
	snprintf(line, sizeof(line), "%s\r\n", reply); /* at once: it is one packet */
	peer_say(socket, line);
	return true;
}

static bool read_line(int socket, char line[1024])
{
	size_t size = 0;

	while (size < 1023 && peer_take(socket, line + size, 1) == 1)
		if (line[size++] == '\n') {
			line[size] = '\0';
			hear(line, size);
			return true;
		}
	return false;
}

static bool take_mail(int socket)
{
	char line[1024];

	if (script.closes_in_data)
		return false;
	while (read_line(socket, line))
		if (strcmp(line, ".\r\n") == 0) {
			atomic_fetch_add(&heard.mails, 1);
			return say(socket, script.dot) && !script.farewell;
		}
	return false;
}

static const char *reply_to(const char *line, int mails)
{
	if (strncmp(line, "EHLO", 4) == 0)
		return script.ehlo;
	if (strncmp(line, "MAIL", 4) == 0)
		return mails > 1 && script.mail_again ? script.mail_again : script.mail;
	if (strncmp(line, "RCPT", 4) == 0)
		return script.rcpt;
	if (strncmp(line, "DATA", 4) == 0)
		return script.data;
	if (strncmp(line, "QUIT", 4) == 0)
		return script.quit;
	return "500 what?";
}

static void serve(struct peer *p, int socket)
{
	char line[1024];
	int mails = 0;
	bool goes_on = say(socket, script.greeting);

	while (goes_on && read_line(socket, line)) {
		bool data = strncmp(line, "DATA", 4) == 0;

		mails += strncmp(line, "MAIL", 4) == 0;
		goes_on = say(socket, reply_to(line, mails)) && strncmp(line, "QUIT", 4) != 0 &&
			  (!data || strncmp(script.data, "354", 3) != 0 || take_mail(socket));
	}
	if (script.farewell)
		peer_say(socket, script.farewell);
}

static int set_script(void **state)
{
	memset(&script, 0, sizeof(script));
	script.greeting = "220 here";
	script.ehlo = "250-here\r\n250 8BITMIME";
	script.mail = script.rcpt = "250 ok";
	script.data = "354 go on";
	script.dot = "250-2.0.0 taken\r\n250 as 7";
	script.quit = "221 bye";
	heard.size = 0;
	heard.bytes[0] = '\0';
	atomic_store(&heard.mails, 0);
	sem_init(&heard.hangs, 0, 0);
	return 0;
}

/* --- mails ------------------------------------------------------------------------------------ */

static const struct fetch_header headers[] = {
	{{"From", 4}, {"\"Me\" <me@here.example>", 22}},
	{{"Subject", 7}, {"one two", 7}},
};
static const struct fetch_mail plain = {
	.from = "me@here.example",
	.to = "you@there.example",
	.headers = headers,
	.header_count = 2,
	.text = {"Hello\nyou", 9},
};

static struct trial *mail_new(int port, const struct fetch_mail *mail)
{
	struct trial *t = trial_new(NULL, port, "");

	t->request.url = arena_printf(t->arena, "smtp://127.0.0.1:%d", port);
	t->request.mail = mail;
	return t;
}

static struct trial *send_mail(struct fetch_lane *lane, struct peer *peer)
{
	struct trial *t = mail_new(peer_port(peer), &plain);

	trial_run(t, lane);
	return t;
}

static void assert_reply(const struct trial *t, int status, const char *reason, const char *command)
{
	if (!t->response)
		fail_msg("failed: %s", t->error.message);
	assert_int_equal(t->response->status, status);
	assert_string_equal(t->response->reason.data, reason);
	assert_string_equal(t->response->body.data, command);
}

static void assert_taken(const struct trial *t)
{
	assert_reply(t, 250, "2.0.0 taken as 7", "DATA");
}

static struct trial *send_once(const struct fetch_mail *mail, int64_t timeout_ms)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(serve);
	struct trial *t = mail_new(peer_port(peer), mail);

	t->request.total_timeout_ms = timeout_ms;
	trial_run(t, lane);
	fetch_stop(&lane);
	peer_stop(&peer);
	return t;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_mail_is_taken_as_it_is(void **state)
{
	struct trial *t = send_once(&plain, 60000);

	assert_taken(t);
	trial_free(t);
	assert_true(has_heard("MAIL FROM:<me@here.example>"));
	assert_true(has_heard("RCPT TO:<you@there.example>\r\n"));
	assert_true(has_heard("\r\nFrom: \"Me\" <me@here.example>\r\nSubject: one two\r\n"));
	assert_true(has_heard("Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\nyou\r\n--"));
}

static void a_text_that_smtp_would_change_is_encoded(void **state)
{
	static const char *const texts[] = {"one\n.two", "\xe4\xbd\xa0", ".", "a\rb"};
	static const char *const base64[] = {"b25lDQoudHdv", "5L2g", "Lg==", "YQ1i"};

	for (int i = 0; i < 4; i++) {
		struct fetch_mail mail = plain;
		struct trial *t;

		set_script(NULL);
		mail.text = text_of(texts[i]);
		t = send_once(&mail, 60000);
		assert_taken(t);
		trial_free(t);
		assert_true(has_heard(base64[i]));
	}
}

static void a_long_header_is_folded_at_blanks(void **state)
{
	static const struct fetch_header long_one = {{"Subject", 7},
		{"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012 last", 74}};
	struct fetch_mail mail = plain;
	struct trial *t;

	mail.headers = &long_one;
	mail.header_count = 1;
	t = send_once(&mail, 60000);
	assert_taken(t);
	trial_free(t);
	assert_true(has_heard("Subject: 0123456789 0123456789 0123456789 0123456789 0123456789 "
			      "0123456789\r\n 012 last\r\n"));
}

static void files_are_carried_byte_by_byte(void **state)
{
	static const struct fetch_mail_part parts[] = {
		{"\xe4\xbd\xa0 'a'.txt", "text/plain", {"\0\r\n.\n\xff", 6}},
		{"m.eml", "message/rfc822", {"x", 1}},
		{"nothing", "", {NULL, 0}},
	};
	struct fetch_mail mail = plain;
	struct trial *t;

	mail.parts = parts;
	mail.part_count = 3;
	t = send_once(&mail, 60000);
	assert_taken(t);
	trial_free(t);
	assert_true(has_heard("filename*=UTF-8''%E4%BD%A0%20%27a%27.txt\r\n"));
	assert_true(has_heard("\r\n\r\nAA0KLgr/\r\n--"));
	assert_true(has_heard("Content-Type: application/octet-stream\r\n"));
	assert_false(has_heard("message/rfc822"));
	assert_true(has_heard("UTF-8''nothing\r\n"));
}

static void mails_go_over_one_connection(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(serve);

	for (int i = 0; i < 5; i++) {
		struct trial *t = send_mail(lane, peer);

		assert_taken(t);
		trial_free(t);
	}
	assert_int_equal(peer_connections(peer), 1);
	fetch_stop(&lane);
	peer_wait_closed(peer, 1);
	assert_int_equal(atomic_load(&heard.mails), 5);
	peer_stop(&peer);
}

static void many_mails_share_the_connections_of_their_server(void **state)
{
	enum { MAILS = 200 };
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(serve);
	struct trial *trials[MAILS];

	for (int i = 0; i < MAILS; i++) {
		trials[i] = mail_new(peer_port(peer), &plain);
		assert_true(fetch_submit(lane, &trials[i]->job));
	}
	for (int i = 0; i < MAILS; i++) {
		trial_wait(trials[i]);
		assert_taken(trials[i]);
		trial_free(trials[i]);
	}
	assert_int_equal(atomic_load(&heard.mails), MAILS);
	assert_in_range(peer_connections(peer), 2, usual.connections_per_host);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void a_refusal_at_any_command_is_the_response(void **state)
{
	static const struct {
		const char **where, *reply;
		int status;
		const char *reason, *command;
	} cases[] = {
		{&script.greeting, "554 not here", 554, "not here", ""},
		{&script.greeting, "421 too many", 421, "too many", ""},
		{&script.mail, "451 4.3.0 later", 451, "4.3.0 later", "MAIL"},
		{&script.rcpt, "550-5.1.1 No\r\n550 such user", 550, "5.1.1 No such user", "RCPT"},
		{&script.rcpt, "450 4.2.0 greylisted", 450, "4.2.0 greylisted", "RCPT"},
		{&script.data, "554 no", 554, "no", "DATA"},
		{&script.dot, "452 full", 452, "full", "DATA"},
		{&script.dot, "550 spam", 550, "spam", "DATA"},
		{&script.dot, "251 elsewhere", 251, "elsewhere", "DATA"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial *t;

		set_script(NULL);
		*cases[i].where = cases[i].reply;
		t = send_once(&plain, 60000);
		assert_reply(t, cases[i].status, cases[i].reason, cases[i].command);
		trial_free(t);
	}
}

/* Whether the server may have the mail, if it breaks off, or does not answer, there. */
static const struct {
	const char **where;
	const char *said;
	bool reached;
} ends[] = {
	{&script.greeting, "was not reached", false},
	{&script.ehlo, "was not given the whole mail", false},
	{&script.mail, "was not given the whole mail", false},
	{&script.rcpt, "was not given the whole mail", false},
	{&script.data, "was not given the whole mail", false},
	{&script.dot, NULL, true},
};
enum { ENDS = sizeof(ends) / sizeof(ends[0]) };

static void a_connection_that_breaks_says_whether_the_mail_was_there(void **state)
{
	for (int i = 0; i < ENDS; i++) {
		struct trial *t;

		set_script(NULL);
		*ends[i].where = CLOSE;
		t = send_once(&plain, 60000);
		assert_failed(t, STATUS_UNAVAILABLE, ends[i].said ? ends[i].said : "broke off");
		assert_int_equal(t->job.reached, ends[i].reached);
		trial_free(t);
	}
}

static void a_server_that_hangs_says_whether_the_mail_was_there(void **state)
{
	for (int i = 0; i < ENDS; i++) {
		struct trial *t;

		set_script(NULL);
		*ends[i].where = HANG;
		t = send_once(&plain, 300);
		assert_failed(t, STATUS_DEADLINE_EXCEEDED,
			ends[i].said ? ends[i].said : "did not answer");
		assert_int_equal(t->job.reached, ends[i].reached);
		trial_free(t);
	}
}

/* More than any socket takes in. */
static char large[32 << 20];

static void a_mail_of_which_a_part_was_sent_is_not_there(void **state)
{
	const struct fetch_mail_part part = {"a", "text/plain", {large, sizeof(large)}};
	struct fetch_mail mail = plain;
	struct trial *t;

	mail.parts = &part;
	mail.part_count = 1;
	script.closes_in_data = true;
	t = send_once(&mail, 60000);
	assert_failed(t, STATUS_UNAVAILABLE, "was not given the whole mail");
	assert_false(t->job.reached);
	trial_free(t);
}

static void send_two(void)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(serve);

	for (int i = 0; i < 2; i++) {
		struct trial *t = send_mail(lane, peer);

		assert_taken(t);
		trial_free(t);
		if (script.farewell)
			peer_wait_closed(peer, i + 1);
	}
	assert_int_equal(peer_connections(peer), 2);
	assert_int_equal(atomic_load(&heard.mails), 2);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void a_kept_connection_that_has_ended_costs_no_mail(void **state)
{
	script.farewell = "";
	send_two();
	set_script(NULL);
	script.farewell = "421 idle for too long\r\n";
	send_two();
	set_script(NULL);
	script.mail_again = "421 too many mails for one connection";
	send_two();
	set_script(NULL);
	script.mail_again = CLOSE;
	send_two();
}

static void cancel_when_it_hangs(bool reached)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(serve);
	struct trial *t = mail_new(peer_port(peer), &plain);

	assert_true(fetch_submit(lane, &t->job));
	sem_wait(&heard.hangs);
	atomic_store(&t->cancelled, true);
	trial_wait(t);
	assert_failed(t, STATUS_CANCELLED, "the caller has gone");
	assert_int_equal(t->job.reached, reached);
	trial_free(t);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void a_mail_can_be_given_up(void **state)
{
	script.greeting = HANG;
	cancel_when_it_hangs(false);
	set_script(NULL);
	script.dot = HANG;
	cancel_when_it_hangs(true);
}

static void stopping_waits_for_no_server(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer;
	struct trial *t;

	script.dot = HANG;
	peer = peer_start(serve);
	t = mail_new(peer_port(peer), &plain);
	assert_true(fetch_submit(lane, &t->job));
	sem_wait(&heard.hangs);
	fetch_stop(&lane);
	trial_wait(t);
	assert_failed(t, STATUS_UNAVAILABLE, "Junction is stopping");
	assert_true(t->job.reached);
	trial_free(t);
	peer_stop(&peer);
	set_script(NULL);
	script.quit = HANG;
	t = send_once(&plain, 60000);
	assert_taken(t);
	trial_free(t);
}

static void say_hello(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void a_mail_that_waits_holds_up_nothing_else(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *http = peer_start(say_hello), *peer;
	struct trial *mail, *t;

	script.dot = HANG;
	peer = peer_start(serve);
	mail = mail_new(peer_port(peer), &plain);
	assert_true(fetch_submit(lane, &mail->job));
	sem_wait(&heard.hangs);
	t = trial_new("GET", peer_port(http), "/");
	trial_run(t, lane);
	assert_body(t, 200, "hello");
	trial_free(t);
	assert_int_equal(mail->ended, 0);
	fetch_stop(&lane);
	trial_free(mail);
	peer_stop(&http);
	peer_stop(&peer);
}

static void the_egress_policy_holds(void **state)
{
	static const struct egress_policy nothing = {.private_ranges = true};
	struct fetch_options options = usual;
	struct fetch_lane *lane;
	struct trial *t = mail_new(1, &plain);

	options.egress = &nothing;
	lane = fetch_start(&options);
	trial_run(t, lane);
	assert_failed(t, STATUS_PERMISSION_DENIED, "127.0.0.1 is a loopback address");
	trial_free(t);
	fetch_stop(&lane);
}

static void without_the_tls_that_is_required_nothing_is_said(void **state)
{
	struct fetch_mail mail = plain;
	struct trial *t;

	mail.starttls = true;
	mail.user = "bob";
	mail.password = "geheim";
	script.ehlo = "250-here\r\n250 AUTH PLAIN LOGIN";
	t = send_once(&mail, 60000);
	assert_failed(t, STATUS_UNAVAILABLE, "was not given the whole mail");
	assert_null(strstr(t->error.message, "geheim"));
	assert_false(t->job.reached);
	trial_free(t);
	assert_false(has_heard("AUTH"));
	assert_false(has_heard("MAIL"));
}

static void what_breaks_out_of_its_line_is_refused(void **state)
{
	static const struct fetch_header split = {{"Subject", 7}, {"a\r\nBcc: b", 9}};
	struct fetch_mail mails[] = {plain, plain, plain};

	mails[0].headers = &split;
	mails[0].header_count = 1;
	mails[1].to = "a@b>\r\nRCPT TO:<c@d";
	mails[2].from = "a b@c";
	for (int i = 0; i < 3; i++) {
		struct trial *t = send_once(&mails[i], 60000);

		assert_failed(t, STATUS_INVALID_ARGUMENT, "not ASCII on one line");
		trial_free(t);
	}
	assert_int_equal(heard.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_mail_is_taken_as_it_is, set_script),
		cmocka_unit_test_setup(a_text_that_smtp_would_change_is_encoded, set_script),
		cmocka_unit_test_setup(a_long_header_is_folded_at_blanks, set_script),
		cmocka_unit_test_setup(files_are_carried_byte_by_byte, set_script),
		cmocka_unit_test_setup(mails_go_over_one_connection, set_script),
		cmocka_unit_test_setup(
			many_mails_share_the_connections_of_their_server, set_script),
		cmocka_unit_test_setup(a_refusal_at_any_command_is_the_response, set_script),
		cmocka_unit_test_setup(
			a_connection_that_breaks_says_whether_the_mail_was_there, set_script),
		cmocka_unit_test_setup(
			a_server_that_hangs_says_whether_the_mail_was_there, set_script),
		cmocka_unit_test_setup(a_mail_of_which_a_part_was_sent_is_not_there, set_script),
		cmocka_unit_test_setup(a_kept_connection_that_has_ended_costs_no_mail, set_script),
		cmocka_unit_test_setup(a_mail_can_be_given_up, set_script),
		cmocka_unit_test_setup(stopping_waits_for_no_server, set_script),
		cmocka_unit_test_setup(a_mail_that_waits_holds_up_nothing_else, set_script),
		cmocka_unit_test_setup(the_egress_policy_holds, set_script),
		cmocka_unit_test_setup(
			without_the_tls_that_is_required_nothing_is_said, set_script),
		cmocka_unit_test_setup(what_breaks_out_of_its_line_is_refused, set_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
