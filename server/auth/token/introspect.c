/* Introspect. */
#include "server/auth/identity/store.h"
#include "server/auth/token/token.h"
#include "steps.gen.h"

/* Every token that is taken says who, by whom, for whom and until when. */
static void show(struct arena *a, const struct identity *who, Auth__IntrospectResponse *out)
{
	out->active = true;
	out->_sub_case = AUTH__INTROSPECT_RESPONSE___SUB_SUB;
	out->sub = arena_printf(
		a, "%.*s:%.*s", TEXT_ARGS(subject_kind_word(who->kind)), TEXT_ARGS(who->name));
	out->_username_case = AUTH__INTROSPECT_RESPONSE___USERNAME_USERNAME;
	out->username = arena_string(a, who->name);
	out->_iss_case = AUTH__INTROSPECT_RESPONSE___ISS_ISS;
	out->iss = arena_string(a, who->issuer);
	out->_aud_case = AUTH__INTROSPECT_RESPONSE___AUD_AUD;
	out->aud = arena_string(a, who->audience);
	out->_exp_case = AUTH__INTROSPECT_RESPONSE___EXP_EXP;
	out->exp = (uint32_t)who->ends_s;
	out->_token_type_case = AUTH__INTROSPECT_RESPONSE___TOKEN_TYPE_TOKEN_TYPE;
	out->token_type = (char *)"Bearer";
	if (who->issued_s) {
		out->_iat_case = AUTH__INTROSPECT_RESPONSE___IAT_IAT;
		out->iat = (uint32_t)who->issued_s;
	}
	if (who->id.size) {
		out->_jti_case = AUTH__INTROSPECT_RESPONSE___JTI_JTI;
		out->jti = arena_string(a, who->id);
	}
}

static enum next introspect(struct call *c)
{
	const Auth__IntrospectRequest *in = call_request(c, Auth__IntrospectRequest);
	const struct directory *d = directory_hold();
	Auth__IntrospectResponse out = AUTH__INTROSPECT_RESPONSE__INIT;
	struct identity who = {0};

	if (token_check(c->arena, d, text_of(in->token), &who))
		show(c->arena, &who, &out);
	directory_release(&d);
	return REPLY(c, &out);
}

enum next auth_introspect(struct call *c)
{
	const Auth__IntrospectRequest *in = call_request(c, Auth__IntrospectRequest);

	if (!*in->token)
		return fail_field(c, "token", "is required");
	return directory_current(c, introspect);
}
