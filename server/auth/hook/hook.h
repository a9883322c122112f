/*
 * Hooks: FATE Flow's four questions, put to whoever answers them.
 *
 * That is the service of the hook's name of the server that --hook-server names, in namespace
 * "default", whatever namespace the caller is in; where it is not registered, the built-in
 * provider, unless that is switched off. Nothing is cached, and what is not a clear yes is a no:
 * while the registry is not loaded nobody knows whether the service is registered, so nobody is
 * asked.
 *
 * A handler writes the fields of the question, each checked on the way, and hook_ask() ends its
 * step. Everything lives in the call's arena.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_HOOK_H
#define JUNCTION_SERVER_AUTH_HOOK_HOOK_H

#include "base/json.h"
#include "server/call.h"

struct hook {
	const char *name;         /* of the service that answers it */
	enum status_code refusal; /* what a third party's no becomes */
	bool with_data; /* the service's registered data goes along, as FATE Flow sends it */
	call_step *builtin;
	bool unconditional; /* the built-in answers whatever --hook-fallback says */
	/* Ends the call after a third party's yes. */
	enum next (*allowed)(struct call *c, const struct json *answer);
	/* After its no, with c->status as it is; NULL: the call fails. */
	call_step *refused;
};

/* The question as a third party gets it: a JSON object. */
struct question {
	struct call *call;
	struct buffer json;  /* not closed yet */
	struct buffer names; /* of struct text: the fields that it has or might have */
};

struct question question_new(struct call *c);
/* Adds a field; value is JSON. */
void question_put(struct question *q, const char *name, struct text value);

/* These add what the caller gave. False with the status of the call set: a required field is
 * missing (JSON null is, too), or what was given is no JSON. Optional ones are left out if not
 * given. */
bool question_string(struct question *q, const char *name, const char *value);
bool question_json(struct question *q, const char *name, const char *value);
bool question_list_or_object(struct question *q, const char *name, const char *value);
bool question_optional_string(struct question *q, const char *name, bool given, const char *value);
bool question_optional_json(struct question *q, const char *name, bool given, const char *value);

/* Ends a step. extra: a JSON object of further members, or ""; those that are called like a field
 * of the question are left out. Uses c->state once a third party is asked. */
enum next hook_ask(struct call *c, const struct hook *hook, struct question *q, const char *extra);

#endif
