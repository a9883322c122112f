/*
 * Mail, by SMTP. Settings:
 *
 *   {"host": H, "port": N, "security": "starttls", "tls" or "none", "user": U, "from": ADDRESS,
 *    "from_name": NAME, "reply_to": ADDRESS, "ca_file": PATH, "insecure_auth": false}
 *
 * host and from are required; with a user, too, the secret password. Without from_name the notice's
 * sender is what the address is shown with. ca_file, on the server, has the certificates that sign
 * the mail server's; else the system's do.
 *
 * A reply to a command before MAIL, or about the login, is about the channel: it says nothing of
 * the recipient, who waits. 4yz is tried again, 5yz is final (RFC 5321).
 */
#include "base/base64.h"
#include "server/notice/provider/mail_text.h"
#include "server/notice/provider/provider.h"
#include "server/notice/provider/setting.h"

enum {
	CONCURRENCY = 8,
	TIMEOUT_MS = 60000,
	HEADERS_MOST = 10,
	REFUSED_PAUSE_MS = 60000, /* after the channel was refused */
	HOST_MOST = 255,
	LANGUAGE_MOST = 35,
};

enum security { STARTTLS, TLS, CLEAR };

struct mail {
	const char *url;
	enum security security;
	const char *user, *password; /* NULL: without */
	const char *ca_file;         /* NULL: the system's */
	struct text from, from_name, reply_to;
};

/* --- settings --------------------------------------------------------------------------------- */

/* A name or an address; one of IPv6 has colons. */
static bool is_host(struct text host)
{
	for (size_t i = 0; i < host.size; i++) {
		char c = host.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			c != '.' && c != '-' && c != ':')
			return false;
	}
	return host.size <= HOST_MOST;
}

static const char *make_url(struct settings *s, enum security security)
{
	static const int64_t ports[] = {587, 465, 25};
	struct text host = setting_text(s, "host", NULL);
	int64_t port = setting_number(s, "port", 1, 65535, ports[security]);
	bool v6 = text_find(host, ':', 0) < host.size;

	if (!is_host(host))
		setting_refuse(s, "host", "must be a host name or an IP address");
	return arena_printf(s->arena, "%s://%s%.*s%s:%d", security == TLS ? "smtps" : "smtp",
		v6 ? "[" : "", TEXT_ARGS(host), v6 ? "]" : "", (int)port);
}

static struct text read_address(struct settings *s, const char *name, const char *fallback)
{
	struct text address = setting_text(s, name, fallback);

	if (address.size > 0 && !mail_text_is_address(address))
		setting_refuse(s, name, "must be an address like name@example.org");
	return address;
}

static const char *string_or_null(struct arena *a, struct text t)
{
	return t.size > 0 ? arena_string(a, t) : NULL;
}

static void read_settings(struct settings *s, struct mail *mail)
{
	static const char *const securities[] = {"starttls", "tls", "none"};
	struct text file;
	bool insecure;

	mail->security = (enum security)setting_word(s, "security", securities, 3);
	mail->url = make_url(s, mail->security);
	mail->from = read_address(s, "from", NULL);
	mail->reply_to = read_address(s, "reply_to", "");
	mail->from_name = setting_text(s, "from_name", "");
	mail->user = string_or_null(s->arena, setting_text(s, "user", ""));
	file = setting_text(s, "ca_file", "");
	mail->ca_file = string_or_null(s->arena, file);
	if (file.size > 0 && file.data[0] != '/')
		setting_refuse(s, "ca_file", "must be an absolute path");
	insecure = setting_bool(s, "insecure_auth", false);
	if (mail->user && mail->security == CLEAR && !insecure)
		setting_refuse(s, "user",
			"needs security \"starttls\" or \"tls\": without, the password could be "
			"read on the way (allowed by insecure_auth)");
}

static bool make(struct arena *a, const struct json *settings, const struct json *secrets,
	const void **made, struct status *status)
{
	struct mail *mail = ARENA_NEW(a, struct mail);
	struct settings shown, hidden;

	settings_begin(&shown, a, "settings", settings, status);
	read_settings(&shown, mail);
	if (!settings_end(&shown))
		return false;
	settings_begin(&hidden, a, "secrets", secrets, status);
	mail->password =
		string_or_null(a, setting_text(&hidden, "password", mail->user ? NULL : ""));
	*made = mail;
	return settings_end(&hidden);
}

/* --- the mail --------------------------------------------------------------------------------- */

/* The same in every attempt. */
static struct text message_id(
	struct arena *a, const struct mail *mail, const struct message *message)
{
	struct text domain = text_from(mail->from, text_find(mail->from, '@', 0) + 1);

	return text_of(arena_printf(a, "<%lld.%.*s@%.*s>", (long long)message->to->position,
		TEXT_ARGS(message->content->notice_id), TEXT_ARGS(domain)));
}

static bool is_language(struct text language)
{
	for (size_t i = 0; i < language.size; i++) {
		char c = language.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			c != '-')
			return false;
	}
	return language.size > 0 && language.size <= LANGUAGE_MOST;
}

static void add_header(struct fetch_mail *m, struct text name, struct text value)
{
	struct fetch_header *headers = (struct fetch_header *)m->headers;

	headers[m->header_count++] = (struct fetch_header){name, value};
}

static void add_headers(struct arena *a, struct fetch_mail *m, const struct mail *mail,
	const struct message *message, int64_t now_ms)
{
	const struct content *content = message->content;
	struct text from = TEXT("From"), subject = TEXT("Subject");

	m->headers = arena_array(a, HEADERS_MOST, sizeof(struct fetch_header));
	add_header(m, from,
		mail_text_mailbox(a, from,
			mail->from_name.size > 0 ? mail->from_name : content->sender, mail->from));
	add_header(m, TEXT("To"), message->to->address);
	if (mail->reply_to.size > 0)
		add_header(m, TEXT("Reply-To"), mail->reply_to);
	add_header(m, subject, mail_text_encode(a, subject, message->rendered->subject));
	add_header(m, TEXT("Date"), mail_text_date(a, now_ms));
	add_header(m, TEXT("Message-ID"), message_id(a, mail, message));
	add_header(m, TEXT("Auto-Submitted"), TEXT("auto-generated"));
	add_header(m, TEXT("X-Junction-Notice"), content->notice_id);
	if (is_language(message->language))
		add_header(m, TEXT("Content-Language"), message->language);
}

static void add_parts(struct arena *a, struct fetch_mail *m, const struct message *message)
{
	const struct content *content = message->content;
	size_t count = message->attachments ? content->attachment_count : 0;
	struct fetch_mail_part *parts = arena_array(a, count, sizeof(*parts));

	for (size_t i = 0; i < count; i++)
		parts[i] = (struct fetch_mail_part){
			.name = content->attachments[i].name.data,
			.content_type = content->attachments[i].content_type.data,
			.bytes = message->attachments[i],
		};
	m->parts = parts;
	m->part_count = count;
}

static struct fetch_request *compose(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	const struct mail *mail = channel->made;
	const struct rendered *said = message->rendered;
	struct fetch_request *request = ARENA_NEW(a, struct fetch_request);
	struct fetch_mail *m = ARENA_NEW(a, struct fetch_mail);

	if (!mail_text_is_address(message->to->address)) {
		*outcome = (struct notice_outcome){.state = NOTICE_FAILED, .lives = true};
		provider_say(a, outcome, TEXT("bad_address"),
			TEXT("the address is not one of ASCII like name@example.org"));
		return NULL;
	}
	*m = (struct fetch_mail){
		.from = arena_string(a, mail->from),
		.to = arena_string(a, message->to->address),
		.user = mail->user,
		.password = mail->password,
		.starttls = mail->security == STARTTLS,
		.ca_file = mail->ca_file,
		.text = said->body,
		.html = said->html.size > 0 ? said->html : (struct text){0},
	};
	add_headers(a, m, mail, message, now_ms);
	add_parts(a, m, message);
	*request = (struct fetch_request){
		.mail = m,
		.url = mail->url,
		.connect_timeout_ms = channel->timeout_ms,
		.total_timeout_ms = channel->timeout_ms,
	};
	return request;
}

/* --- the reply -------------------------------------------------------------------------------- */

static bool holds(struct text said, struct text what)
{
	return what.size > 0 && memmem(said.data, said.size, what.data, what.size);
}

/* Some servers repeat the command that they do not like. */
static bool holds_login(struct arena *a, const struct mail *mail, struct text said)
{
	struct buffer plain = {.arena = a}, words = {.arena = a}, password = {.arena = a};

	if (!mail->user)
		return false;
	buffer_add_char(&plain, '\0');
	buffer_add_text(&plain, text_of(mail->user));
	buffer_add_char(&plain, '\0');
	buffer_add_text(&plain, text_of(mail->password));
	base64_write(&words, buffer_text(&plain));
	base64_write(&password, text_of(mail->password));
	return holds(said, text_of(mail->user)) || holds(said, text_of(mail->password)) ||
	       holds(said, buffer_text(&words)) || holds(said, buffer_text(&password));
}

static bool is_about_login(int status)
{
	return status == 454 || status == 530 || status == 534 || status == 535 || status == 538;
}

/* The server's answer is about the channel, not about this mail. */
static bool is_about_channel(const struct fetch_response *response)
{
	struct text command = response->body;

	return is_about_login(response->status) ||
	       !(text_equal(command, TEXT("MAIL")) || text_equal(command, TEXT("RCPT")) ||
		       text_equal(command, TEXT("DATA")));
}

static struct notice_outcome judge_reply(struct arena *a, const struct mail *mail,
	const struct message *message, const struct fetch_response *response)
{
	bool channel = is_about_channel(response);
	struct notice_outcome outcome = {.state = NOTICE_FAILED, .lives = true};

	if (response->status / 100 == 2) {
		outcome.state = NOTICE_SENT;
		outcome.message_id = message_id(a, mail, message);
	} else if (channel || response->status < 500) {
		outcome.state = NOTICE_WAITING;
		outcome.lives = !channel && response->status != 421;
		outcome.pause_ms = channel && response->status >= 500 ? REFUSED_PAUSE_MS : 0;
	}
	provider_say(a, &outcome, text_of(arena_printf(a, "%d", response->status)),
		holds_login(a, mail, response->reason)
			? TEXT("what it said is not shown, since it holds the channel's login")
			: response->reason);
	return outcome;
}

static void judge(struct arena *a, const struct channel *channel, const struct message *message,
	const struct fetch_response *response, const struct status *error, bool reached,
	struct notice_outcome *outcomes)
{
	outcomes[0] = response ? judge_reply(a, channel->made, message, response)
			       : provider_unanswered(a, error, reached);
}

const struct provider provider_mail = {
	.name = "mail",
	.make = make,
	.concurrency = CONCURRENCY,
	.timeout_ms = TIMEOUT_MS,
	.carries_attachments = true,
	.compose = compose,
	.judge = judge,
};
