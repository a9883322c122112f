/*
 * Design: curl speaks SMTP, we listen in.
 *
 * What counts is whether the server may have the whole mail: it does when it has said 354 and all
 * bytes have been handed to the kernel.
 *
 * The reply that counts is that to the last command, of which curl tells by its debug function,
 * QUIT left out. curl's own results do not tell a refusal from a connection that broke.
 *
 * A kept connection on which the server has ended while it was idle breaks at the first command, or
 * answers it with 421: then the mail goes over a new one at once, since nothing of it was taken.
 */
#include "server/lane/fetch_mail.h"

#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

enum { REPLY_LIMIT = 1000 }; /* bytes of a reply that are kept */

#define SET(easy, option, value) CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* One try. */
struct talk {
	struct transfer *t;
	CURL *easy;
	struct mail_line *line;
	const char *command; /* the last one; "": none yet */
	int status;          /* of the whole reply to it, 0: there is none yet */
	struct buffer reply; /* its text */
	bool replying;       /* it is of several lines, and not all are there */
	bool replied;        /* to whatever */
	bool accepted;       /* the server waits for the mail itself, or has it */
	bool over;           /* what follows is about the connection's end */
	struct curl_slist *headers, *to;
	curl_mime *body;
	char error[CURL_ERROR_SIZE];
};

/* --- listening -------------------------------------------------------------------------------- */

/* A line that is no command goes on with the one before. */
static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t size, void *arg)
{
	static const char *const commands[] = {
		"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"};
	struct talk *k = arg;
	struct text line = {bytes, size};
	struct text word = text_trim(text_until(line, text_find(line, ' ', 0)));

	if (type != CURLINFO_HEADER_OUT)
		return 0;
	k->over = k->over || text_equal(word, TEXT("QUIT"));
	if (k->over)
		return 0;
	k->status = 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (text_equal(word, text_of(commands[i])))
			k->command = commands[i];
	return 0;
}

static int read_code(struct text line)
{
	int code = 0;

	if (line.size < 3)
		return 0;
	for (int i = 0; i < 3; i++) {
		if (line.data[i] < '0' || line.data[i] > '9')
			return 0;
		code = code * 10 + line.data[i] - '0';
	}
	return code;
}

/* A line of a reply: "250-first", "250 last". */
static size_t on_line(char *bytes, size_t size, size_t count, void *arg)
{
	struct talk *k = arg;
	struct text line = text_trim((struct text){bytes, size * count});
	struct text said = text_trim(text_from(line, 4));
	int code = read_code(line);

	if (k->over || code == 0)
		return size * count;
	if (!k->replying)
		k->reply.size = 0;
	if (k->reply.size > 0)
		buffer_add_char(&k->reply, ' ');
	buffer_add_text(&k->reply,
		text_until(said, k->reply.size < REPLY_LIMIT ? REPLY_LIMIT - k->reply.size : 0));
	k->replying = line.size > 3 && line.data[3] == '-';
	if (k->replying)
		return size * count;
	k->status = code;
	k->replied = true;
	k->accepted = k->accepted || (code == 354 && strcmp(k->command, "DATA") == 0);
	return size * count;
}

static int on_progress(
	void *arg, curl_off_t to_come, curl_off_t came, curl_off_t to_send, curl_off_t sent)
{
	struct mail_line *line = arg;

	return atomic_load(&line->broken);
}

/* --- the connection --------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct talk *k = arg;
	curl_socket_t socket = transfer_open_socket(k->t, purpose, address);

	pthread_mutex_lock(&k->line->lock);
	k->line->socket = socket;
	pthread_mutex_unlock(&k->line->lock);
	return socket;
}

/* Also of a connection that outlives its mail. */
static int close_socket(void *arg, curl_socket_t socket)
{
	struct mail_line *line = arg;

	pthread_mutex_lock(&line->lock);
	if (line->socket == socket)
		line->socket = -1;
	close(socket);
	pthread_mutex_unlock(&line->lock);
	return 0;
}

static void set_connection(struct talk *k, bool fresh)
{
	const struct fetch_request *request = k->t->job->request;
	const struct fetch_mail *mail = request->mail;
	CURL *easy = k->easy;

	SET(easy, CURLOPT_URL, request->url);
	SET(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(easy, CURLOPT_PROXY, "");
	SET(easy, CURLOPT_NOPROXY, "*");
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_QUICK_EXIT, 1L);
	SET(easy, CURLOPT_MAXCONNECTS, 1L);
	SET(easy, CURLOPT_FRESH_CONNECT, (long)fresh);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(easy, CURLOPT_OPENSOCKETDATA, k);
	SET(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(easy, CURLOPT_CLOSESOCKETDATA, k->line);
	SET(easy, CURLOPT_USE_SSL, (long)(mail->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (mail->ca_file)
		SET(easy, CURLOPT_CAINFO, mail->ca_file);
	if (mail->user) {
		SET(easy, CURLOPT_USERNAME, mail->user);
		SET(easy, CURLOPT_PASSWORD, mail->password ? mail->password : "");
		SET(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
	}
}

static void set_times(struct talk *k)
{
	const struct fetch_request *request = k->t->job->request;
	int64_t left = k->t->expires - clock_now();

	SET(k->easy, CURLOPT_CONNECTTIMEOUT_MS,
		transfer_milliseconds(request->connect_timeout_ms * CLOCK_MS));
	SET(k->easy, CURLOPT_TIMEOUT_MS, transfer_milliseconds(left));
	SET(k->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, transfer_milliseconds(left) / 1000 + 1);
	SET(k->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(k->easy, CURLOPT_XFERINFODATA, k->line);
	SET(k->easy, CURLOPT_NOPROGRESS, 0L);
}

static void set_mail(struct talk *k)
{
	const struct fetch_mail *mail = k->t->job->request->mail;

	k->headers = mail_headers(k->t->job->arena, mail);
	k->body = mail_body(k->t->job->arena, mail, k->easy);
	mail_add_line(&k->to, mail->to);
	SET(k->easy, CURLOPT_ERRORBUFFER, k->error);
	SET(k->easy, CURLOPT_VERBOSE, 1L);
	SET(k->easy, CURLOPT_DEBUGFUNCTION, on_debug);
	SET(k->easy, CURLOPT_DEBUGDATA, k);
	SET(k->easy, CURLOPT_HEADERFUNCTION, on_line);
	SET(k->easy, CURLOPT_HEADERDATA, k);
	SET(k->easy, CURLOPT_MAIL_FROM, mail->from);
	SET(k->easy, CURLOPT_MAIL_RCPT, k->to);
	SET(k->easy, CURLOPT_HTTPHEADER, k->headers);
	SET(k->easy, CURLOPT_MIMEPOST, k->body);
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool is_whole(struct talk *k)
{
	curl_off_t size = -1, sent = 0;

	curl_easy_getinfo(k->easy, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &size);
	curl_easy_getinfo(k->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	return k->accepted && size >= 0 && sent >= size;
}

static bool is_response(const struct talk *k, CURLcode result)
{
	return result == CURLE_OK || k->status >= 400 || (k->accepted && k->status / 100 == 2);
}

static void say_failure(struct talk *k, CURLcode result)
{
	struct transfer *t = k->t;
	const char *why = k->error[0] ? k->error : curl_easy_strerror(result);

	if (result == CURLE_OPERATION_TIMEDOUT)
		mail_timed_out(t, &t->mail_error);
	else if (t->connected)
		status_set(&t->mail_error, t->job->arena, STATUS_UNAVAILABLE,
			"%s has the whole mail, but broke off before its answer: %s", t->target,
			why);
	else if (t->answered)
		status_set(&t->mail_error, t->job->arena, STATUS_UNAVAILABLE,
			"%s was not given the whole mail: %s", t->target, why);
	else
		transfer_not_reached(t, result, &t->mail_error);
}

void mail_timed_out(struct transfer *t, struct status *error)
{
	long ms = (long)((clock_now() - t->begun) / CLOCK_MS);
	const char *how = t->connected  ? "did not answer"
			  : t->answered ? "was not given the whole mail"
			  : t->opened   ? "was not reached"
			  : t->resolved ? "was not reached, no connection was tried"
					: "was not reached, its name is not resolved";

	status_set(error, t->job->arena, STATUS_DEADLINE_EXCEEDED, "%s %s: timed out after %ld ms",
		t->target, how, ms);
}

static void end(struct talk *k, CURLcode result)
{
	struct transfer *t = k->t;

	t->connected = is_whole(k);
	t->answered = k->replied;
	if (!is_response(k, result)) {
		memcpy(t->error, k->error, sizeof(t->error));
		say_failure(k, result);
		return;
	}
	t->response.status = k->status;
	t->response.reason = arena_text(t->job->arena, buffer_text(&k->reply));
	t->response.body = text_of(k->command);
	t->mail_response = &t->response;
}

/* Whether the connection had been kept and was at its end, before anything of the mail was taken.
 */
static bool was_at_its_end(const struct talk *k, CURLcode result)
{
	long made = 1;

	curl_easy_getinfo(k->easy, CURLINFO_NUM_CONNECTS, &made);
	return result != CURLE_OK && result != CURLE_OPERATION_TIMEDOUT && made == 0 &&
	       !atomic_load(&k->line->broken) &&
	       (!k->replied || (k->status == 421 && strcmp(k->command, "MAIL") == 0));
}

/* False: it is to be sent over a new connection. */
static bool try(struct transfer *t, CURL *easy, struct mail_line *line, bool fresh)
{
	struct talk k = {.t = t, .easy = easy, .line = line, .command = ""};
	CURLcode result;
	bool again;

	k.reply.arena = t->job->arena;
	t->easy = easy;
	set_connection(&k, fresh);
	set_times(&k);
	set_mail(&k);
	result = curl_easy_perform(easy);
	again = !fresh && was_at_its_end(&k, result);
	if (!again)
		end(&k, result);
	curl_easy_reset(easy);
	curl_mime_free(k.body);
	curl_slist_free_all(k.headers);
	curl_slist_free_all(k.to);
	t->easy = NULL;
	return !again;
}

void mail_send(struct transfer *t, CURL *easy, struct mail_line *line)
{
	if (!try(t, easy, line, t->job->request->fresh))
		try(t, easy, line, true);
}
