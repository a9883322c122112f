/* The provider's start and end. What it answers is beside the words of the hooks: sign.c,
 * grant_check.c and client_authentication.c. */
#include "server/auth/hook/builtin.h"

#include "server/auth/hook/client_key.h"
#include "server/auth/hook/party.h"
#include "server/auth/hook/party_own.h"

bool builtin_start(const struct auth_options *options, struct lanes *lanes)
{
	if (!party_start(options->own_parties) ||
		!client_key_start(options->app_key, options->secret_file))
		return false;
	party_own_start(lanes);
	return true;
}

void builtin_stop(void)
{
	party_own_stop();
	client_key_stop();
	party_stop();
}
