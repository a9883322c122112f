/* Names are checked here so that a refusal names its field; the constraints of the tables say the
 * same. */
#include "server/auth/identity/store.h"

#include "base/clock.h"
#include "base/json.h"
#include "server/auth/auth.h"

enum {
	NAME_LIMIT = 64,
	ISSUER_LIMIT = 32,
	SUBJECT_LIMIT = 255,
	TITLE_LIMIT = 255,
	NANOS_PER_MS = 1000000,
	NANOS_PER_S = 1000000000,
};

#define NAME_RULE                                                                                  \
	"must be 1 to 64 of a-z, 0-9, \".\", \"_\", \"@\", \"+\" and \"-\", beginning with a "     \
	"letter or digit"

/* The year 10000 begins. */
static const int64_t seconds_end = 253402300800;

/* --- kinds ------------------------------------------------------------------------------------ */

static const char *const kinds[SUBJECT_KINDS] = {"", "user", "application", "group"};

struct text subject_kind_word(enum subject_kind kind)
{
	return text_of(kinds[kind]);
}

enum subject_kind subject_kind_of(struct text word)
{
	for (int kind = SUBJECT_USER; kind < SUBJECT_KINDS; kind++)
		if (text_equal_nocase(word, text_of(kinds[kind])))
			return (enum subject_kind)kind;
	return SUBJECT_NONE;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter_or_digit(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Of letters, digits and others, at most so many bytes. */
static bool is_made_of(struct text t, const char *others, size_t most)
{
	for (size_t i = 0; i < t.size; i++)
		if (!is_letter_or_digit(t.data[i]) && !strchr(others, t.data[i]))
			return false;
	return t.size > 0 && t.size <= most;
}

struct text store_name(struct arena *a, const char *field, const char *given, struct status *status)
{
	struct text name = arena_lower(a, text_of(given));

	if (is_made_of(name, "._@+-", NAME_LIMIT) && is_letter_or_digit(name.data[0]))
		return name;
	status_field(status, a, field, name.size > 0 ? NAME_RULE : "is required");
	return (struct text){0};
}

struct text store_subject_name(struct arena *a, const char *field, enum subject_kind kind,
	const char *given, struct status *status)
{
	struct text name = text_of(given);
	size_t colon = text_find(name, ':', 0);
	struct text issuer = arena_lower(a, text_until(name, colon));

	if (kind != SUBJECT_USER || colon == name.size)
		return store_name(a, field, given, status);
	if (is_made_of(issuer, "-", ISSUER_LIMIT) && is_letter(issuer.data[0]) &&
		colon + 1 < name.size && name.size <= SUBJECT_LIMIT && !text_has_control(name))
		return text_of(arena_printf(a, "%.*s%s", TEXT_ARGS(issuer), given + colon));
	status_field(status, a, field,
		"must be an issuer's name, \":\" and the user's name there, without control "
		"characters and of at most 255 bytes");
	return (struct text){0};
}

bool store_title(struct arena *a, const char *field, const char *given, struct status *status)
{
	return strlen(given) <= TITLE_LIMIT ||
	       status_field(status, a, field, "must have at most %d bytes", TITLE_LIMIT);
}

/* --- subjects --------------------------------------------------------------------------------- */

bool store_read_subject(struct arena *a, const char *field, const Auth__Subject *given, bool groups,
	struct store_subject *subject, struct status *status)
{
	int last = groups ? SUBJECT_GROUP : SUBJECT_APPLICATION;

	if (!given)
		return status_field(status, a, field, "is required");
	if ((int)given->kind < SUBJECT_USER || (int)given->kind > last)
		return status_field(status, a, arena_printf(a, "%s.kind", field),
			groups ? "must be a user, an application or a group"
			       : "must be a user or an application");
	subject->kind = (enum subject_kind)given->kind;
	subject->name = store_subject_name(
		a, arena_printf(a, "%s.name", field), subject->kind, given->name, status);
	return subject->name.data;
}

bool store_find_subject(struct arena *a, const char *kind, const char *name,
	struct store_subject *subject, struct status *status)
{
	subject->kind = subject_kind_of(text_of(kind));
	if (subject->kind == SUBJECT_NONE)
		return status_field(
			status, a, "kind", "must be \"user\", \"application\" or \"group\"");
	subject->name = store_subject_name(a, "name", subject->kind, name, status);
	return subject->name.data;
}

bool store_read_kind(
	struct arena *a, Auth__SubjectKind given, struct text *word, struct status *status)
{
	if ((int)given < 0 || (int)given >= SUBJECT_KINDS)
		return status_field(status, a, "kind", "must be a user, an application or a group");
	*word = subject_kind_word((enum subject_kind)given);
	return true;
}

struct text store_prefix(struct arena *a, const char *given)
{
	size_t colon = text_find(text_of(given), ':', 0);

	return text_of(arena_printf(
		a, "%s%s", arena_lower(a, text_until(text_of(given), colon)).data, given + colon));
}

Auth__Subject *store_subject_message(struct arena *a, struct text kind, struct text name)
{
	Auth__Subject *subject = ARENA_NEW(a, Auth__Subject);

	auth__subject__init(subject);
	subject->kind = (Auth__SubjectKind)subject_kind_of(kind);
	subject->name = arena_string(a, name);
	return subject;
}

bool store_read_texts(
	struct arena *a, struct text json, size_t *count, char ***texts, struct status *status)
{
	const struct json *list = json_read(a, json, status);

	if (!list)
		return false;
	*texts = arena_array(a, list->count, sizeof(**texts));
	for (const struct json *text = list->first; text; text = text->next)
		(*texts)[(*count)++] = arena_string(a, text->string);
	return true;
}

/* --- times ------------------------------------------------------------------------------------ */

bool store_read_end(struct arena *a, const char *field, const Google__Protobuf__Timestamp *given,
	struct text *ms, struct status *status)
{
	*ms = (struct text){0};
	if (!given)
		return true;
	if (given->seconds >= seconds_end || given->nanos < 0 || given->nanos >= NANOS_PER_S)
		return status_field(status, a, field, "must be a time before the year 10000");
	int64_t at = given->seconds < 0 ? 0 : given->seconds * 1000 + given->nanos / NANOS_PER_MS;
	if (at <= clock_unix_ms())
		return status_field(status, a, field, "must be in the future");
	*ms = text_of(arena_printf(a, "%lld", (long long)at));
	return true;
}

/* --- changes ---------------------------------------------------------------------------------- */

struct text store_token_seconds(const struct call *c)
{
	return text_of(arena_printf(c->arena, "%lld", (long long)auth_settings()->token_seconds));
}

static enum next seen(struct call *c)
{
	return reply(c, c->state);
}

enum next store_reply(struct call *c, ProtobufCMessage *message)
{
	c->state = message;
	return directory_current(c, seen);
}
