/*
 * AdmitRequest: the bridge asks about a request that has no header Authorization. Key headers are
 * checked here; without them, or with those of a key that is not known here, the hook
 * client_authentication is asked as FATE Flow asks it, if the request is one that it may let in.
 * There is no built-in answer to that: where nobody is registered nobody is let in.
 */
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/client_body.h"
#include "server/auth/hook/client_check.h"
#include "server/auth/hook/hook.h"
#include "server/auth/refusal.h"
#include "server/auth/token/token.h"
#include "steps.gen.h"

enum { TOKEN_SECONDS = 60 };

#define FATE TEXT("fate") /* the application that the hook lets in */

static enum next admit(struct call *c, struct text application)
{
	Auth__AdmitRequestResponse out = AUTH__ADMIT_REQUEST_RESPONSE__INIT;
	struct text token;

	if (!token_issue(c->arena, SUBJECT_APPLICATION, application, TEXT(""), TOKEN_SECONDS,
		    &token, &c->status))
		return failed(c);
	out.access_token = arena_string(c->arena, token);
	return REPLY(c, &out);
}

/* --- what is given ---------------------------------------------------------------------------- */

static struct text headers_json(struct call *c)
{
	const Auth__AdmitRequestRequest *in = call_request(c, Auth__AdmitRequestRequest);
	struct buffer json = {.arena = c->arena};

	buffer_add_char(&json, '{');
	for (size_t i = 0; i < in->n_headers; i++) {
		json_write_name(&json, text_of(in->headers[i]->name));
		json_write_string(&json, text_of(in->headers[i]->value));
	}
	buffer_add_char(&json, '}');
	return buffer_text(&json);
}

static struct text bytes_of(const Auth__AdmitRequestRequest *in)
{
	return (struct text){in->body.len > 0 ? (const char *)in->body.data : "", in->body.len};
}

static bool read_body(struct call *c, struct client_body *body)
{
	const Auth__AdmitRequestRequest *in = call_request(c, Auth__AdmitRequestRequest);
	struct text type = TEXT("");

	for (size_t i = 0; i < in->n_headers; i++)
		if (text_equal_nocase(text_of(in->headers[i]->name), TEXT("Content-Type")))
			type = text_of(in->headers[i]->value);
	return client_body_read(c->arena, bytes_of(in), type, body);
}

/* --- key headers ------------------------------------------------------------------------------ */

static enum next key_passed(struct call *c, const struct client_check *check)
{
	return admit(c, check->application);
}

static enum next key_refused(struct call *c, const struct client_check *check)
{
	const char *who =
		arena_printf(c->arena, "access_key:%.*s", TEXT_ARGS(check->request.app_key));

	status_set(&c->status, c->arena, STATUS_UNAUTHENTICATED, CLIENT_CHECK_REFUSED);
	return refusal_fail(c, "request refused",
		check->known ? "wrong or used signature" : "unknown access key", text_of(who));
}

/* What is no JSON and no form is not signed, so it is not let in. */
static bool read_signed(struct call *c, struct client_request *request)
{
	struct client_body body;

	if (!read_body(c, &body))
		return false;
	request->form = body.form;
	request->body = TEXT("");
	if (body.json && !client_check_is_nothing(body.json))
		request->body = bytes_of(call_request(c, Auth__AdmitRequestRequest));
	return body.blank || body.json || body.form;
}

/* --- the hook --------------------------------------------------------------------------------- */

static enum next hook_allowed(struct call *c, const struct json *answer)
{
	return admit(c, FATE);
}

static enum next hook_refused(struct call *c)
{
	return refusal_fail(c, "request refused", "the hook client_authentication says no",
		TEXT("application:fate"));
}

/* Nobody is registered. */
static enum next nobody(struct call *c)
{
	struct client_check *check = c->state;

	if (check->request.app_key.size > 0)
		return client_check(c, check);
	return fail(c, STATUS_UNAUTHENTICATED,
		"credentials are required: the header Authorization, or those of an access key "
		"(TIMESTAMP, NONCE, APP_KEY, SIGNATURE)");
}

static const struct hook client_authentication = {
	.name = "client_authentication",
	.refusal = STATUS_UNAUTHENTICATED,
	.builtin = nobody,
	.unconditional = true,
	.allowed = hook_allowed,
	.refused = hook_refused,
};

static struct text quoted(struct call *c, struct text t)
{
	struct buffer json = {.arena = c->arena};

	json_write_string(&json, t);
	return buffer_text(&json);
}

/* As Flask has them: full_path always has a "?", and data is empty if there is a form. */
static enum next ask_hook(struct call *c, struct text headers)
{
	const Auth__AdmitRequestRequest *in = call_request(c, Auth__AdmitRequestRequest);
	struct question q = question_new(c);
	struct client_body body;
	const char *mark = strchr(in->full_path, '?') ? "" : "?";

	if (!read_body(c, &body))
		return fail_field(c, "body", "is not the form that its Content-Type says");
	question_put(&q, "full_path",
		quoted(c, text_of(arena_printf(c->arena, "%s%s", in->full_path, mark))));
	question_put(&q, "headers", headers);
	question_put(&q, "form", body.form ? body.form->raw : TEXT("{}"));
	question_put(&q, "data", quoted(c, body.form ? TEXT("") : bytes_of(in)));
	question_put(&q, "json", body.json ? body.json->raw : TEXT("null"));
	return hook_ask(c, &client_authentication, &q, "");
}

enum next auth_admit_request(struct call *c)
{
	const Auth__AdmitRequestRequest *in = call_request(c, Auth__AdmitRequestRequest);
	struct client_check *check = ARENA_NEW(c->arena, struct client_check);
	struct text headers = headers_json(c);
	const struct json *object;

	if (!c->caller.bridge)
		return fail(c, STATUS_PERMISSION_DENIED,
			"only the bridge may ask this, over the unix socket or with its "
			"certificate");
	if (!directory_ready())
		return fail(c, STATUS_UNAVAILABLE, "who may call is not loaded yet");
	object = json_read(c->arena, headers, &c->status);
	if (!object)
		return failed(c);
	*check = (struct client_check){
		.read = read_signed, .passed = key_passed, .refused = key_refused};
	check->request.path = text_of(in->full_path);
	client_check_headers(check, object);
	client_check_find(c, check);
	c->state = check;
	return in->hook && !check->known ? ask_hook(c, headers) : client_check(c, check);
}
