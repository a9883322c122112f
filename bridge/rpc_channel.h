/*
 * Channel: a loop's connection to the server, and the calls over it. One connection is used; those
 * that the server, or a change of certificates, has retired stay until their calls have ended.
 *
 * On the loop's thread, but for what says otherwise.
 */
#ifndef JUNCTION_BRIDGE_RPC_CHANNEL_H
#define JUNCTION_BRIDGE_RPC_CHANNEL_H

#include <stdatomic.h>

#include "bridge/rpc_flow.h"

struct channel_options {
	const char *target, *authority, *name; /* as http2.h has them; outlive the channel */
};

TAILQ_HEAD(rpc_flows, rpc_flow);

struct connection_link {
	struct http2 *http2;
	TAILQ_ENTRY(connection_link) link;
};

struct channel {
	struct channel_options options;
	struct loop *loop;
	SSL_CTX *tls;          /* NULL: none */
	struct http2 *current; /* open or opening, or NULL */
	TAILQ_HEAD(, connection_link) connections;
	int64_t dialled, backoff_ms;
	struct loop_timer *redial;
	struct rpc_flows active, waiting, ended, busy;
	int64_t deadline; /* none is earlier, 0: there is none */
	struct loop_timer *deadline_timer;
	bool stopping, streamless;
	/* Any thread may look. */
	atomic_bool connected;
	atomic_bool
		failed; /* the last connection could not be made, or was lost: calls do not wait */
};

/* Starts to connect. tls: the channel's from now on. */
void channel_open(
	struct channel *ch, struct loop *loop, const struct channel_options *options, SSL_CTX *tls);
/* Later calls go over a new connection. */
void channel_use_tls(struct channel *ch, SSL_CTX *tls);
/* Ends all calls, or the streams alone, and refuses new ones. */
void channel_stop(struct channel *ch, bool streams_only);
/* After channel_stop() of all. */
void channel_close(struct channel *ch);

/* False: such calls are refused. Else done() comes. */
bool channel_start_flow(struct channel *ch, struct rpc_flow *f);

/* --- for flows -------------------------------------------------------------------------------- */

void channel_make_busy(struct rpc_flow *f);
/* Its call is to be made again. */
void channel_make_wait(struct rpc_flow *f);
/* done() is to be called. */
void channel_end_flow(struct rpc_flow *f);

#endif
