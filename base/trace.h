/*
 * Trace: what ties the parts of a request together across programs: W3C trace context
 * (traceparent, tracestate) and X-Request-ID. Taken if well-formed, made if not; nothing here
 * refuses a request. Any thread; no system call but the first on each thread. Texts live in the
 * arena that is given.
 */
#ifndef JUNCTION_BASE_TRACE_H
#define JUNCTION_BASE_TRACE_H

#include "base/arena.h"

#define TRACE_REQUEST_ID_MAX 128 /* bytes */
#define TRACE_STATE_MAX      512

struct trace {
	struct text id;         /* 32 lower-case hex digits */
	struct text flags;      /* 2 lower-case hex digits */
	struct text state;      /* tracestate; empty if there is none, or no valid traceparent */
	struct text request_id; /* printable ASCII without blanks */
};

/* What a caller sent; data NULL: nothing. */
struct trace_given {
	struct text parent, state, request_id;
};

/* Keeps the value if name (any case) is one of the three; the first of a repeated one counts. False
 * if it is another name. */
bool trace_add(struct trace_given *given, struct text name, struct text value);

/* The trace that a request belongs to, copied into the arena. */
void trace_begin(struct trace *t, struct arena *a, const struct trace_given *given);

/* traceparent of a new span of the trace: "00-<id>-<span>-<flags>". */
struct text trace_parent(const struct trace *t, struct arena *a);

#endif
