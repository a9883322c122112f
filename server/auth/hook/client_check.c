/*
 * The hook client_authentication, by FATE Flow's own scheme. The signature is computed on the work
 * pool, since a body may be large; then PostgreSQL takes the nonce, which is good once. So nobody
 * who has no key can fill its table. Who is refused is not told which part was wrong.
 */
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/hook/client_key.h"

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

struct check {
	struct client_request request;
	struct text signature;
	int64_t timestamp; /* milliseconds */
	bool genuine;
};

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

/* Empty if it is missing, or given in two spellings, of which one would have to be believed. */
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

/* A JSON object, or a JSON string that holds one. */
static const struct json *read_headers(struct call *c, const char *given)
{
	struct status status;
	const struct json *value = json_read(c->arena, text_of(given), &status);

	if (value && value->type == JSON_STRING)
		value = json_read(c->arena, value->string, &status);
	return value && value->type == JSON_OBJECT ? value : NULL;
}

static bool read_required(
	const struct json *headers, struct client_request *r, struct text *signature)
{
	r->timestamp = header(headers, TEXT("TIMESTAMP"));
	r->nonce = header(headers, TEXT("NONCE"));
	r->app_key = header(headers, TEXT("APP_KEY"));
	*signature = header(headers, TEXT("SIGNATURE"));
	return r->timestamp.size && r->nonce.size && r->app_key.size && signature->size;
}

/* What Python takes for false: such a body is not signed. */
static bool is_nothing(const struct json *value)
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

/* data is the body's bytes as a JSON string; they are signed if json, the same parsed, is
 * something.
 */
static bool read_body(
	struct arena *a, const Auth__ClientAuthenticationRequest *in, struct client_request *r)
{
	struct status status;
	const struct json *parsed, *data;

	r->body = TEXT("");
	if (!in->_json_case || !*in->json)
		return true;
	parsed = json_read(a, text_of(in->json), &status);
	if (!parsed || is_nothing(parsed))
		return parsed != NULL;
	data = in->_data_case ? json_read(a, text_of(in->data), &status) : NULL;
	if (!data || data->type != JSON_STRING)
		return false;
	r->body = data->string;
	return true;
}

static bool read_form(
	struct arena *a, const Auth__ClientAuthenticationRequest *in, struct client_request *r)
{
	struct status status;

	if (!in->_form_case || !*in->form)
		return true;
	r->form = json_read(a, text_of(in->form), &status);
	if (r->form && r->form->type == JSON_NULL)
		r->form = NULL;
	else if (!r->form || r->form->type != JSON_OBJECT)
		return false;
	for (const struct json *m = r->form ? r->form->first : NULL; m; m = m->next)
		if (m->type != JSON_STRING && m->type != JSON_NUMBER)
			return false;
	return true;
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next deny(struct call *c)
{
	return fail(c, STATUS_UNAUTHENTICATED, "signature authentication failed");
}

static enum next taken(struct call *c, const struct rows *rows, int row)
{
	Auth__ClientAuthenticationResponse out = AUTH__CLIENT_AUTHENTICATION_RESPONSE__INIT;

	return row < 0 ? deny(c) : REPLY(c, &out);
}

static enum next judged(struct call *c)
{
	const struct check *check = c->state;
	struct text *columns = arena_array(c->arena, 3, sizeof(*columns));
	struct buffer key = {.arena = c->arena};

	if (!check->genuine)
		return deny(c);
	buffer_add_text(&key, check->request.app_key);
	buffer_add_char(&key, '\0');
	buffer_add_text(&key, check->request.nonce);
	columns[0] = check->request.app_key;
	columns[1] = check->request.nonce;
	columns[2] = text_of(arena_printf(
		c->arena, "%lld", (long long)(check->timestamp + WINDOW_MS + SKEW_MS)));
	return append(c, &nonce_log, buffer_text(&key), columns, taken);
}

/* All of it is done whatever is wrong, so that the time tells nothing. */
static void judge(struct call *c)
{
	const Auth__ClientAuthenticationRequest *in =
		call_request(c, Auth__ClientAuthenticationRequest);
	struct check *check = c->state;
	struct client_request *r = &check->request;
	int64_t now = clock_unix_ms();
	bool readable = read_body(c->arena, in, r) && read_form(c->arena, in, r);
	bool timely = text_to_int64(r->timestamp, &check->timestamp) &&
		      check->timestamp > now - WINDOW_MS && check->timestamp < now + WINDOW_MS;
	bool known = client_key_equal(r->app_key, client_key_app());

	if (!readable)
		*r = (struct client_request){.app_key = r->app_key, .nonce = r->nonce};
	bool equal = client_key_equal(client_key_sign(c->arena, r), check->signature);
	check->genuine = readable && timely && known && equal;
}

enum next builtin_client_authentication(struct call *c)
{
	const Auth__ClientAuthenticationRequest *in =
		call_request(c, Auth__ClientAuthenticationRequest);
	struct check *check = ARENA_NEW(c->arena, struct check);
	const struct json *headers = read_headers(c, in->headers);

	if (client_key_app().size == 0)
		return fail(c, STATUS_UNAUTHENTICATED, "no client application is known");
	if (!headers)
		return fail_field(c, "headers", "must be a JSON object");
	if (!read_required(headers, &check->request, &check->signature))
		return fail(c, STATUS_UNAUTHENTICATED,
			"requirement headers parameters: ['TIMESTAMP', 'NONCE', 'APP_KEY', "
			"'SIGNATURE']");
	check->request.path = text_of(in->full_path);
	c->state = check;
	return work(c, judge, judged);
}
