#include "server/auth/auth.h"

#include "server/auth/directory/directory.h"
#include "server/auth/gate.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/refusal.h"
#include "server/auth/secret.h"
#include "server/auth/session/administrator.h"
#include "server/auth/token/issuer_keys.h"
#include "server/auth/token/token.h"
#include "server/auth/token/token_keys.h"

static struct auth_options settings;

static void directory_changed(void)
{
	issuer_keys_changed();
	call_gate_changed();
}

bool auth_start(const struct auth_options *options, struct lanes *lanes, struct fetch_lane *fetch)
{
	settings = *options;
	secret_start();
	token_start(options->token_issuer);
	gate_start(options->open);
	call_use_gate(&auth_gate);
	issuer_keys_start(&(struct issuer_keys_options){
		fetch, options->issuer_refresh_ms, options->issuer_cooldown_ms});
	directory_start(lanes, options->poll_ms, directory_changed);
	token_keys_start(lanes);
	refusal_start();
	administrator_start(lanes);
	return builtin_start(options, lanes);
}

bool auth_ready(void)
{
	return directory_ready() && token_keys_ready() && administrator_ready();
}

void auth_stop(void)
{
	builtin_stop();
	administrator_stop();
	token_keys_stop();
	issuer_keys_stop();
	directory_stop();
	token_stop();
}

const struct auth_options *auth_settings(void)
{
	return &settings;
}

struct text auth_first_party(void)
{
	struct text party =
		text_of(settings.own_parties->count ? settings.own_parties->items[0] : "");

	return text_until(party, text_find(party, ':', 0));
}
