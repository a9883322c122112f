/*
 * Invocation: all extensions of this host that are registered are told that the function is
 * invoked.
 *
 * All at once, each by POST http://{address}/extension/invoke with {"traceId","invokedFunctionUrn"}
 * and nothing else; HTTP 200 exactly is good, the body of the answer does not matter. What comes of
 * each is a row of registry.invocation and counts in a metric, whether anybody waits or not. An
 * extension that has INVOCATIONS_MAX of them under way is not told of more.
 *
 * Any thread begins one. Everything else happens on the http lane's thread, which owns it then, and
 * resumes the call that waits: the call may be over long before the last extension has answered.
 */
#ifndef JUNCTION_SERVER_EXTENSION_INVOCATION_H
#define JUNCTION_SERVER_EXTENSION_INVOCATION_H

#include "server/call.h"
#include "server/extension/known.h"

enum {
	INVOCATIONS_MAX = 64,                  /* under way, of one extension */
	INVOCATION_RESPONSE_LIMIT = 64 * 1024, /* bytes of the answer's body */
};

enum invocation_outcome {
	INVOCATION_OK,         /* HTTP 200 */
	INVOCATION_REFUSED,    /* another status */
	INVOCATION_UNREACHED,  /* not reached, or broke off */
	INVOCATION_TIMED_OUT,  /* no answer in time */
	INVOCATION_OVERLOADED, /* not told */
	INVOCATION_PENDING,    /* not answered yet */
};

/* What came of telling one extension. */
struct invocation_result {
	struct text name, address;
	enum invocation_outcome outcome;
	int http_status; /* 0: none came */
	int64_t duration_us;
	struct text error; /* empty if OK or pending */
};

struct invocation_options {
	struct fetch_lane *fetch;
	const char *urn;
	int64_t timeout_ms;
};

/* Once, before the first one. The texts live as long as the process. */
void invocations_start(const struct invocation_options *options);

/* Nobody waits. */
void invocation_begin(struct text trace_id, const struct caller *caller);
/* Ends a step: then() runs when all have answered, or it is that late (on clock_now()), with what
 * came of each by name, in the call's arena. Fails if the client goes meanwhile. */
enum next invocation_wait(struct call *c, struct text trace_id, int64_t until,
	enum next (*then)(struct call *c, const struct invocation_result *results, size_t count));

/* Waits until none is under way, and breaks off what is left at that time. None begins meanwhile.
 * Not on the http lane's thread, and before its end. */
void invocations_finish(int64_t until);

#endif
