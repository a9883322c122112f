/*
 * Settings: what of a service's settings is kept, and what is shown. Pure; any thread. Texts are
 * made in the arena and end in NUL.
 *
 * Secrets are members named like a password, secret, token or key, at any depth, those that
 * $secureSettings names, and that list itself. The member "gateway" holds the rules made of a
 * configuration file: it is Junction's own.
 */
#ifndef JUNCTION_SERVER_REGISTRY_SETTINGS_H
#define JUNCTION_SERVER_REGISTRY_SETTINGS_H

#include "base/json.h"

/* Without secrets. What has none is as it was, byte for byte. */
struct text settings_kept(struct arena *a, const struct json *settings);
/* Without the member "gateway" besides. */
struct text settings_shown(struct arena *a, const struct json *settings);

#endif
