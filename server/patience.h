/*
 * Patience: server streams that send by patience_send(), so that one whose client does not take
 * its message is broken off and holds nothing for ever.
 */
#ifndef JUNCTION_SERVER_PATIENCE_H
#define JUNCTION_SERVER_PATIENCE_H

#include <sys/queue.h>

#include "server/call.h"

/* In what lives until at_end(). */
struct patience {
	LIST_ENTRY(patience) others;
	struct call *call;
	const char *too_slow, *stopping;
	_Atomic int64_t sending_since; /* on clock_now(); 0: no message is under way */
};

/* The reasons are constants: with RESOURCE_EXHAUSTED for a client that is too slow, with
 * UNAVAILABLE while the server shuts down. */
void patience_begin(struct patience *p, struct call *c, const char *too_slow, const char *stopping);
/* In at_end(). */
void patience_end(struct patience *p);
/* As stream_send(). */
enum next patience_send(
	struct patience *p, const ProtobufCMessage *message, bool more, call_step *then);
/* What was under way has been taken. */
void patience_sent(struct patience *p);

/* Now and then: breaks off those whose client has left a message for that long, and while the
 * server shuts down all that wait for their client. Any thread. */
void patience_look(int64_t longest_ms);

#endif
