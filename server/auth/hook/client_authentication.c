/* The built-in answer to the hook client_authentication: FATE Flow's own scheme. */
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/hook/client_check.h"

/* --- what is given ---------------------------------------------------------------------------- */

/* A JSON object, or a JSON string that holds one. */
static const struct json *read_headers(struct call *c, const char *given)
{
	struct status status;
	const struct json *value = json_read(c->arena, text_of(given), &status);

	if (value && value->type == JSON_STRING)
		value = json_read(c->arena, value->string, &status);
	return value && value->type == JSON_OBJECT ? value : NULL;
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
	if (!parsed || client_check_is_nothing(parsed))
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

static bool read_request(struct call *c, struct client_request *r)
{
	const Auth__ClientAuthenticationRequest *in =
		call_request(c, Auth__ClientAuthenticationRequest);

	return read_body(c->arena, in, r) && read_form(c->arena, in, r);
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next deny(struct call *c, const struct client_check *check)
{
	return fail(c, STATUS_UNAUTHENTICATED, CLIENT_CHECK_REFUSED);
}

static enum next allow(struct call *c, const struct client_check *check)
{
	Auth__ClientAuthenticationResponse out = AUTH__CLIENT_AUTHENTICATION_RESPONSE__INIT;

	return REPLY(c, &out);
}

enum next builtin_client_authentication(struct call *c)
{
	const Auth__ClientAuthenticationRequest *in =
		call_request(c, Auth__ClientAuthenticationRequest);
	struct client_check *check = ARENA_NEW(c->arena, struct client_check);
	const struct client_request *r = &check->request;
	const struct json *headers = read_headers(c, in->headers);

	if (!headers)
		return fail_field(c, "headers", "must be a JSON object");
	*check = (struct client_check){.read = read_request, .passed = allow, .refused = deny};
	client_check_headers(check, headers);
	if (!r->timestamp.size || !r->nonce.size || !r->app_key.size || !check->signature.size)
		return fail(c, STATUS_UNAUTHENTICATED,
			"requirement headers parameters: ['TIMESTAMP', 'NONCE', 'APP_KEY', "
			"'SIGNATURE']");
	check->request.path = text_of(in->full_path);
	client_check_find(c, check);
	return client_check(c, check);
}
