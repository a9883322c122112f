/*
 * The Auth service: its start and end. The handlers auth_<method> are the first steps named in the
 * generated table of steps.
 *
 * directory/ is who is known and what they may do, in memory, and decides; token/ issues tokens and
 * checks them; session/ has logins and passwords; identity/ is what administrators change; check/
 * answers questions; hook/ is FATE Flow's hooks. The gate lets every call in, admit.c the requests
 * that the bridge asks about.
 */
#ifndef JUNCTION_SERVER_AUTH_AUTH_H
#define JUNCTION_SERVER_AUTH_AUTH_H

#include "base/option.h"
#include "server/lane/fetch_stream.h"
#include "server/lane/sql.h"

struct auth_options {
	bool open; /* calls without credentials may do everything */
	int64_t poll_ms;
	const char *token_issuer;
	int64_t token_seconds, session_seconds;
	int64_t issuer_refresh_ms, issuer_cooldown_ms;
	const char *hook_server; /* whose services are the hooks; NULL: none */
	bool builtin;            /* the built-in provider answers where none is registered */
	const struct option_list *own_parties; /* "9999", "9999:rsa" or "9999:ed25519" */
	const char *app_key, *secret_file; /* of the built-in client authentication; NULL: none */
};

/* Once, after lanes_start() and before the first call; the own parties' key pairs, the first
 * administrator and the first key of tokens are made in the background. False if an option is wrong
 * (logged). */
bool auth_start(const struct auth_options *options, struct lanes *lanes, struct fetch_lane *fetch);
/* Who calls and what he may do is known. Any thread. */
bool auth_ready(void);
/* After the last call has ended and the lanes have stopped. */
void auth_stop(void);
const struct auth_options *auth_settings(void);
/* Whom "0" means: the first own party, without its algorithm. */
struct text auth_first_party(void);

#endif
