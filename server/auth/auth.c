#include "server/auth/auth.h"

#include "server/auth/gate.h"
#include "server/auth/hook/builtin.h"

static struct auth_options settings;

bool auth_start(const struct auth_options *options, struct lanes *lanes, struct fetch_lane *fetch)
{
	settings = *options;
	return builtin_start(options, lanes);
}

bool auth_ready(void)
{
	return true;
}

void auth_stop(void)
{
	builtin_stop();
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
