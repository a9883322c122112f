/*
 * The four hooks. Fields are sent as FATE Flow's own client sends them, which is more than document
 * 001 lists: data and json of client_authentication, role and party_id of permission, whose
 * src_role is there even if it is null.
 */
#include "junction/v1/auth.pb-c.h"
#include "server/auth/auth.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/hook/hook.h"
#include "server/registry/call_shape.h"
#include "steps.gen.h"

/* --- client_authentication -------------------------------------------------------------------- */

static enum next allow_client(struct call *c, const struct json *answer)
{
	Auth__ClientAuthenticationResponse out = AUTH__CLIENT_AUTHENTICATION_RESPONSE__INIT;

	return REPLY(c, &out);
}

static const struct hook client_authentication = {
	.name = "client_authentication",
	.refusal = STATUS_UNAUTHENTICATED,
	.builtin = builtin_client_authentication,
	.allowed = allow_client,
};

/* Document 001 calls them a string, and FATE Flow means an object: that is sent. */
static bool put_headers(struct question *q, const char *given)
{
	struct call *c = q->call;
	const struct json *object;

	if (!call_object(c->arena, "headers", text_of(given), &object, &c->status))
		return false;
	if (!object)
		return status_field(&c->status, c->arena, "headers", "is required");
	question_put(q, "headers", object->raw);
	return true;
}

enum next auth_client_authentication(struct call *c)
{
	const Auth__ClientAuthenticationRequest *in =
		call_request(c, Auth__ClientAuthenticationRequest);
	struct question q = question_new(c);

	if (!question_string(&q, "full_path", in->full_path) || !put_headers(&q, in->headers) ||
		!question_optional_json(&q, "form", in->_form_case, in->form) ||
		!question_optional_json(&q, "data", in->_data_case, in->data) ||
		!question_optional_json(&q, "json", in->_json_case, in->json))
		return failed(c);
	return hook_ask(c, &client_authentication, &q, in->extra);
}

/* --- signature -------------------------------------------------------------------------------- */

/* False: it is there and no text. An empty one, or null, is none. */
static bool read_signature(const struct json *answer, struct text name, struct text *signature)
{
	const struct json *value = json_member(answer, name);

	*signature = TEXT("");
	if (!value || value->type == JSON_NULL)
		return true;
	*signature = value->string;
	return value->type == JSON_STRING &&
	       (value->string.size == 0 || !memchr(value->string.data, '\0', value->string.size));
}

/* FATE Flow reads data, document 001 says site_signature. */
static enum next take_signature(struct call *c, const struct json *answer)
{
	Auth__SignatureResponse out = AUTH__SIGNATURE_RESPONSE__INIT;
	struct text documented, used;

	if (!read_signature(answer, TEXT("site_signature"), &documented) ||
		!read_signature(answer, TEXT("data"), &used))
		return fail(c, STATUS_UNKNOWN, "the third party's signature is no text");
	if (documented.size == 0 && used.size == 0)
		return fail(c, STATUS_UNKNOWN,
			"the third party answered without a signature in site_signature or data");
	if (documented.size > 0 && used.size > 0 && !text_equal(documented, used))
		return fail(c, STATUS_UNKNOWN,
			"the third party answered with two different signatures in "
			"site_signature and data");
	out.site_signature = arena_string(c->arena, documented.size > 0 ? documented : used);
	out.data = out.site_signature;
	return REPLY(c, &out);
}

static const struct hook signature = {
	.name = "signature",
	.refusal = STATUS_PERMISSION_DENIED,
	.with_data = true,
	.builtin = builtin_signature,
	.allowed = take_signature,
};

enum next auth_signature(struct call *c)
{
	const Auth__SignatureRequest *in = call_request(c, Auth__SignatureRequest);
	struct question q = question_new(c);

	if (!question_string(&q, "party_id", in->party_id) || !question_json(&q, "body", in->body))
		return failed(c);
	return hook_ask(c, &signature, &q, in->extra);
}

/* --- site_authentication ---------------------------------------------------------------------- */

static enum next allow_site(struct call *c, const struct json *answer)
{
	Auth__SiteAuthenticationResponse out = AUTH__SITE_AUTHENTICATION_RESPONSE__INIT;

	return REPLY(c, &out);
}

static const struct hook site_authentication = {
	.name = "site_authentication",
	.refusal = STATUS_UNAUTHENTICATED,
	.with_data = true,
	.builtin = builtin_site_authentication,
	.allowed = allow_site,
};

/* Who does not say, or says "0", is ourselves: so does FATE Flow before it asks. */
static const char *site_meant(struct call *c, const char *given)
{
	if (*given && strcmp(given, "0") != 0)
		return given;
	return arena_string(c->arena, auth_first_party());
}

enum next auth_site_authentication(struct call *c)
{
	const Auth__SiteAuthenticationRequest *in =
		call_request(c, Auth__SiteAuthenticationRequest);
	struct question q = question_new(c);

	if (!question_string(&q, "src_party_id", site_meant(c, in->src_party_id)) ||
		!question_string(&q, "site_signature", in->site_signature) ||
		!question_json(&q, "body", in->body))
		return failed(c);
	return hook_ask(c, &site_authentication, &q, in->extra);
}

/* --- permission ------------------------------------------------------------------------------- */

static enum next allow_site_to(struct call *c, const struct json *answer)
{
	Auth__PermissionResponse out = AUTH__PERMISSION_RESPONSE__INIT;

	return REPLY(c, &out);
}

static const struct hook permission = {
	.name = "permission",
	.refusal = STATUS_PERMISSION_DENIED,
	.builtin = builtin_permission,
	.allowed = allow_site_to,
};

static bool put_asker(struct question *q, const Auth__PermissionRequest *in)
{
	if (!in->_src_role_case)
		question_put(q, "src_role", TEXT("null"));
	return question_optional_string(q, "src_role", in->_src_role_case, in->src_role) &&
	       question_string(q, "src_party_id", in->src_party_id);
}

enum next auth_permission(struct call *c)
{
	const Auth__PermissionRequest *in = call_request(c, Auth__PermissionRequest);
	struct question q = question_new(c);

	if (!put_asker(&q, in) ||
		!question_optional_json(&q, "initiator", in->_initiator_case, in->initiator) ||
		!question_optional_json(&q, "roles", in->_roles_case, in->roles) ||
		!question_list_or_object(&q, "component_list", in->component_list) ||
		!question_list_or_object(&q, "dataset_list", in->dataset_list) ||
		!question_optional_json(
			&q, "run_time_conf", in->_run_time_conf_case, in->run_time_conf) ||
		!question_optional_json(&q, "dsl", in->_dsl_case, in->dsl) ||
		!question_optional_json(&q, "component_parameters", in->_component_parameters_case,
			in->component_parameters) ||
		!question_optional_string(&q, "role", in->_role_case, in->role) ||
		!question_optional_string(&q, "party_id", in->_party_id_case, in->party_id))
		return failed(c);
	return hook_ask(c, &permission, &q, in->extra);
}
