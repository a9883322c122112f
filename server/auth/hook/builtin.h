/*
 * Built-in provider: answers the hooks that no third party is registered for, from what Junction
 * itself knows of parties and clients.
 *
 * A hook's handler has checked that the required fields are there, and hands the whole step over:
 * these end it as the RPC does. OK is yes; whatever is not known is no.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_BUILTIN_H
#define JUNCTION_SERVER_AUTH_HOOK_BUILTIN_H

#include "server/auth/auth.h"
#include "server/call.h"

/* Once, after lanes_start() and before the first call; key pairs are made in the background. False
 * if an option is wrong (logged). */
bool builtin_start(const struct auth_options *options, struct lanes *lanes);
/* After the last call has ended and the lanes have stopped. */
void builtin_stop(void);

/* UNAUTHENTICATED; UNAVAILABLE if PostgreSQL does not answer, as of all of them. */
enum next builtin_client_authentication(struct call *c);
/* PERMISSION_DENIED if party_id is no own party, INVALID_ARGUMENT if the body has no canonical
 * form, UNAVAILABLE while there is no key yet. */
enum next builtin_signature(struct call *c);
/* UNAUTHENTICATED. src_party_id may be empty or "0": the first own party. */
enum next builtin_site_authentication(struct call *c);
/* PERMISSION_DENIED, or INVALID_ARGUMENT with the path of what is not as it must be. */
enum next builtin_permission(struct call *c);

#endif
