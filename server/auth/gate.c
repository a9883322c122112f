/*
 * Each call is asked in two steps: who is it (by a token or an access key), and may he (by the
 * roles that he has). Whatever is wrong with credentials is told with one text; what it was stands
 * in the audit if it is an access key's, since guessing one is a login.
 */
#include "server/auth/gate.h"

#include "base/base64.h"
#include "base/metric.h"
#include "server/auth/directory/decide.h"
#include "server/auth/identity/store.h"
#include "server/auth/refusal.h"
#include "server/auth/session/key_check.h"
#include "server/auth/token/token.h"
#include "server/db/array.h"

#define REQUIRED                                                                                   \
	"credentials are required: authorization Bearer with an access token, or Basic with an "   \
	"access key"
#define KEY_REFUSED "the access key is not valid"

static bool is_open;

enum outcome { ANONYMOUS, BY_TOKEN, BY_ACCESS_KEY, REFUSED, DENIED, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {
		"anonymous", "token", "access_key", "refused", "denied"};

	return names[index];
}

static struct metric admissions = {
	.name = "junction_auth_admissions_total",
	.help = "Calls that need a caller, by how he was known or why he was not let in.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

static bool refuse(struct call *c, enum outcome outcome, enum status_code code, const char *why)
{
	metric_add(&admissions, outcome, 1);
	return status_set(&c->status, c->arena, code, "%s", why);
}

/* --- who is it -------------------------------------------------------------------------------- */

/* A time since 1970 on clock_now(). */
static int64_t on_clock(int64_t unix_ms)
{
	return clock_now() + (unix_ms - clock_unix_ms()) * CLOCK_MS;
}

static bool by_token(
	struct call *c, const struct directory *d, struct text token, struct identity *who)
{
	if (!token_check(c->arena, d, token, who))
		return refuse(c, REFUSED, STATUS_UNAUTHENTICATED, TOKEN_REFUSED);
	c->caller.known_until = on_clock((who->ends_s + TOKEN_SKEW_S) * 1000);
	return true;
}

/* "id:secret" as RFC 7617 has it. */
static bool by_access_key(
	struct call *c, const struct directory *d, struct text given, struct identity *who)
{
	struct text pair = TEXT("");

	base64_read(c->arena, given, &pair);
	size_t colon = text_find(pair, ':', 0);
	struct text id = text_until(pair, colon);
	const struct access_key *key;
	const char *wrong = key_check(d, id, text_from(pair, colon + 1), &key);
	if (wrong) {
		refusal_note(c, "access key refused", wrong, refusal_access_key(c->arena, id));
		return refuse(c, REFUSED, STATUS_UNAUTHENTICATED, KEY_REFUSED);
	}
	*who = (struct identity){
		.kind = SUBJECT_APPLICATION,
		.name = arena_text(c->arena, key->application),
	};
	if (key->ends_ms < INT64_MAX)
		c->caller.known_until = on_clock(key->ends_ms);
	return true;
}

static bool identify(
	struct call *c, const struct directory *d, struct text authorization, struct identity *who)
{
	size_t blank = text_find(authorization, ' ', 0);
	struct text scheme = text_until(authorization, blank);
	struct text given = text_trim(text_from(authorization, blank));

	if (text_equal_nocase(scheme, TEXT("Bearer")))
		return by_token(c, d, given, who);
	if (text_equal_nocase(scheme, TEXT("Basic")))
		return by_access_key(c, d, given, who);
	return refuse(c, REFUSED, STATUS_UNAUTHENTICATED, REQUIRED);
}

/* --- may he ----------------------------------------------------------------------------------- */

static bool ask(struct call *c, const struct directory *d, struct text service, struct text action,
	struct text method)
{
	struct question q = decide_caller(&c->caller);

	q.service = arena_lower(c->arena, service);
	q.action = action;
	q.method = method;
	if (decide(d, &q, clock_unix_ms()))
		return true;
	return refuse(c, DENIED, STATUS_PERMISSION_DENIED,
		arena_printf(c->arena, "%s %.*s may not: %.*s %.*s (%.*s)",
			subject_kind_word(q.kind).data, TEXT_ARGS(q.name), TEXT_ARGS(service),
			TEXT_ARGS(action), TEXT_ARGS(method)));
}

static bool may(struct call *c, struct text service, struct text action, struct text method)
{
	if (c->caller.anonymous)
		return true;
	const struct directory *d = directory_hold();
	bool allowed = ask(c, d, service, action, method);
	directory_release(&d);
	return allowed;
}

/* "junction.v1.ApiReader": "api_reader". */
static struct text service_word(struct arena *a, const char *service)
{
	const char *name = strrchr(service, '.');
	struct buffer word = {.arena = a};

	for (const char *at = name ? name + 1 : service; *at; at++) {
		bool upper = *at >= 'A' && *at <= 'Z';
		if (upper && word.size > 0)
			buffer_add_char(&word, '_');
		buffer_add_char(&word, upper ? (char)(*at - 'A' + 'a') : *at);
	}
	return buffer_text(&word);
}

static bool may_run(struct call *c, const struct directory *d)
{
	static const char *const words[] = {
		[API_ACCESS_READ] = "READ",
		[API_ACCESS_WRITE] = "WRITE",
		[API_ACCESS_CALL] = "CALL",
		[API_ACCESS_ADMIN] = "ADMIN",
		[API_ACCESS_AUDIT] = "AUDIT",
	};
	const struct api_method *m = c->method;

	if (m->access == API_ACCESS_KNOWN || m->access == API_ACCESS_PUBLIC || m->checks_target)
		return true;
	return ask(c, d, service_word(c->arena, m->service), text_of(m->name),
		text_of(words[m->access]));
}

/* --- letting in ------------------------------------------------------------------------------- */

/* What is only read is not recorded anywhere. */
static void note_roles(struct call *c, const struct directory *d)
{
	struct buffer array = {.arena = c->arena};
	struct question who = decide_caller(&c->caller);
	size_t count;

	if (c->method->access == API_ACCESS_READ || c->method->access == API_ACCESS_PUBLIC)
		return;
	const struct role **roles = decide_roles(d, &who, clock_unix_ms(), c->arena, &count);
	for (size_t i = 0; i < count; i++)
		array_add(&array, roles[i]->name);
	if (count > 0)
		c->caller.roles = array_text(&array);
}

static bool admit_known(struct call *c, const struct directory *d, struct text authorization)
{
	struct identity who = {0};

	if (!identify(c, d, authorization, &who))
		return false;
	*(who.kind == SUBJECT_USER ? &c->caller.user : &c->caller.application) = who.name;
	c->caller.claimed_roles = who.more_roles;
	c->caller.claimed_count = who.more_count;
	if (!may_run(c, d))
		return false;
	note_roles(c, d);
	metric_add(&admissions, who.ends_s > 0 ? BY_TOKEN : BY_ACCESS_KEY, 1);
	return true;
}

static bool is_open_for(const struct call *c)
{
	return is_open && !c->given.exposed;
}

static bool let_in(struct call *c)
{
	if (c->given.authorization.size == 0) {
		c->caller.anonymous = is_open_for(c);
		if (!c->caller.anonymous)
			return refuse(c, REFUSED, STATUS_UNAUTHENTICATED, REQUIRED);
		metric_add(&admissions, ANONYMOUS, 1);
		return true;
	}
	const struct directory *d = directory_hold();
	bool admitted =
		d ? admit_known(c, d, c->given.authorization)
		  : refuse(c, REFUSED, STATUS_UNAVAILABLE, "who may call is not loaded yet");
	directory_release(&d);
	return admitted;
}

static bool admit(struct call *c)
{
	enum api_access access = c->method->access;

	return access == API_ACCESS_NONE || access == API_ACCESS_PUBLIC || let_in(c);
}

/* --- what is asked besides -------------------------------------------------------------------- */

static struct call_verdict verdict_of(const struct decision *decision)
{
	bool ends = decision->grant && decision->grant->ends_ms < INT64_MAX;

	return (struct call_verdict){
		decision->allowed, decision->reason, ends ? on_clock(decision->grant->ends_ms) : 0};
}

static void judge_names(struct call *c, const struct directory *d, struct question *q,
	const struct text *actions, size_t count, struct call_verdict *verdict)
{
	struct decision decision = {0};

	for (size_t i = 0; i < count && (!decision.rule || decision.allowed); i++) {
		q->action = actions[i];
		decide_explain(d, q, clock_unix_ms(), c->arena, &decision);
		if (i == 0 || decision.rule)
			*verdict = verdict_of(&decision);
	}
}

static void judge(struct call *c, const struct caller *caller, struct text service,
	const struct text *actions, size_t count, struct text method, struct call_verdict *verdict)
{
	struct question q = decide_caller(caller);
	const struct directory *d = directory_hold();

	q.service = arena_lower(c->arena, service);
	q.method = method;
	if (caller->anonymous)
		*verdict = (struct call_verdict){true,
			"the server is open: who has not shown who he is may do everything", 0};
	else if (!d)
		*verdict = (struct call_verdict){false, "who may call is not loaded yet", 0};
	else
		judge_names(c, d, &q, actions, count, verdict);
	directory_release(&d);
}

static bool vouch(struct call *c, struct text audience, int64_t seconds, struct text *token)
{
	return token_vouch(c->arena, &c->caller, audience, seconds, token, &c->status);
}

const struct call_gate auth_gate = {admit, may, is_open_for, let_in, judge, vouch};

void gate_start(bool open)
{
	is_open = open;
	metric_register(&admissions);
}
