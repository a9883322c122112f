/*
 * The signature is computed on the work pool, since a body may be large; then PostgreSQL takes the
 * nonce, which is good once. So nobody who has no key can fill its table. All of it is done
 * whatever is wrong, so that neither the time nor anything else tells which part was.
 *
 * An access key signs by what is known of its secret, its SHA-1: HMAC-SHA1 takes just that for a
 * secret that is longer than a block, as these are.
 */
#include "server/auth/hook/client_check.h"

#include "server/auth/directory/directory.h"

enum {
	WINDOW_MS = 60 * 1000, /* how far a timestamp may be from the server's time */
	SKEW_MS = 60 * 1000,   /* by how much the clocks of servers may differ */
	HEADER_MAX = 255,
};

static const struct statement take_nonces = {
	.name = "auth_take_nonces",
	.sql = "SELECT r_position FROM auth.take_nonces($1::text[], $2::text[], $3::bigint[])",
	.parameters = 3,
};

static const struct append_log nonce_log = {.statement = &take_nonces, .columns = 3, .batch = 128};

/* --- what is given ---------------------------------------------------------------------------- */

/* Header names: "-" is "_", and case does not count. */
static bool same_header(struct text a, struct text b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++) {
		struct text x = {a.data + i, 1}, y = {b.data + i, 1};

		if (!text_equal_nocase(*x.data == '-' ? TEXT("_") : x, y))
			return false;
	}
	return true;
}

/* Empty if it is given in two spellings, of which one would have to be believed. */
static struct text header(const struct json *headers, struct text name)
{
	const struct json *found = NULL;

	for (const struct json *m = headers->first; m; m = m->next) {
		if (!same_header(m->name, name))
			continue;
		if (found)
			return TEXT("");
		found = m;
	}
	if (!found || (found->type != JSON_STRING && found->type != JSON_NUMBER))
		return TEXT("");
	struct text value = found->type == JSON_STRING ? found->string : found->raw;
	return value.size <= HEADER_MAX && text_find(value, '\0', 0) == value.size ? value
										   : TEXT("");
}

void client_check_headers(struct client_check *check, const struct json *headers)
{
	check->request.timestamp = header(headers, TEXT("TIMESTAMP"));
	check->request.nonce = header(headers, TEXT("NONCE"));
	check->request.app_key = header(headers, TEXT("APP_KEY"));
	check->signature = header(headers, TEXT("SIGNATURE"));
}

bool client_check_is_nothing(const struct json *value)
{
	int64_t number;

	switch (value->type) {
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	case JSON_NUMBER:
		return json_int64(value, &number) && number == 0;
	case JSON_STRING:
		return value->string.size == 0;
	case JSON_OBJECT:
	case JSON_ARRAY:
		return value->count == 0;
	default:
		return false;
	}
}

/* --- the key ---------------------------------------------------------------------------------- */

/* Of nobody. */
static const char no_key[20];

static void find_access_key(struct call *c, const struct directory *d, struct client_check *check)
{
	const struct access_key *key = directory_access_key(d, check->request.app_key);
	const struct subject *subject =
		key ? directory_subject(d, SUBJECT_APPLICATION, key->application) : NULL;

	if (!key)
		return;
	check->known = true;
	check->good = subject && !subject->disabled && key->ends_ms > clock_unix_ms();
	check->application = arena_text(c->arena, key->application);
	check->secret = arena_text(
		c->arena, (struct text){(const char *)key->signing_key, sizeof(key->signing_key)});
}

void client_check_find(struct call *c, struct client_check *check)
{
	const struct directory *d = directory_hold();
	struct text app = client_key_app();

	check->secret = (struct text){no_key, sizeof(no_key)};
	if (d)
		find_access_key(c, d, check);
	directory_release(&d);
	if (!check->known && app.size > 0 && client_key_equal(check->request.app_key, app)) {
		check->known = check->good = true;
		check->application = TEXT("fate");
		check->secret = client_key_secret();
	}
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next taken(struct call *c, const struct rows *rows, int row)
{
	const struct client_check *check = c->state;

	return row < 0 ? check->refused(c, check) : check->passed(c, check);
}

static enum next judged(struct call *c)
{
	const struct client_check *check = c->state;
	struct text *columns = arena_array(c->arena, 3, sizeof(*columns));
	struct buffer key = {.arena = c->arena};

	if (!check->genuine)
		return check->refused(c, check);
	buffer_add_text(&key, check->request.app_key);
	buffer_add_char(&key, '\0');
	buffer_add_text(&key, check->request.nonce);
	columns[0] = check->request.app_key;
	columns[1] = check->request.nonce;
	columns[2] = text_of(arena_printf(
		c->arena, "%lld", (long long)(check->timestamp + WINDOW_MS + SKEW_MS)));
	return append(c, &nonce_log, buffer_text(&key), columns, taken);
}

static void judge(struct call *c)
{
	struct client_check *check = c->state;
	struct client_request *r = &check->request;
	int64_t now = clock_unix_ms();
	bool complete = r->timestamp.size && r->nonce.size && r->app_key.size;
	bool readable = check->read(c, r);
	bool timely = text_to_int64(r->timestamp, &check->timestamp) &&
		      check->timestamp > now - WINDOW_MS && check->timestamp < now + WINDOW_MS;

	if (!readable)
		*r = (struct client_request){.app_key = r->app_key, .nonce = r->nonce};
	struct text expected = client_key_hmac(c->arena, check->secret, r);
	bool equal = client_key_equal(expected, check->signature);
	check->genuine = complete && readable && timely && check->good && equal;
}

enum next client_check(struct call *c, struct client_check *check)
{
	c->state = check;
	return work(c, judge, judged);
}
