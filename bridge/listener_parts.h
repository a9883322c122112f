/*
 * What listener.c and listener_reply.c share. Nobody else includes this.
 */
#ifndef JUNCTION_BRIDGE_LISTENER_PARTS_H
#define JUNCTION_BRIDGE_LISTENER_PARTS_H

#include <pthread.h>

#include "bridge/acceptor.h"
#include "bridge/listener.h"
#include "bridge/worker.h"

/* What serves clients on one of the rpc's loops. */
struct place {
	struct worker worker;
	struct listener *listener;
};

struct listener {
	struct bridge *bridge;
	struct listener_options options;
	struct acceptor *acceptor;
	struct place *places;
	int count;
	atomic_int exchanges; /* in progress */
	int nothing;          /* a file that stands for a socket that has been taken over */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* stopping, and no exchanges */
};

struct connection {
	struct place *place;
	struct watch_entry watch;
	int fd;
	char peer[ACCEPTOR_ADDRESS_SIZE]; /* "127.0.0.1:4711" */
	char local[INET6_ADDRSTRLEN];
	struct exchange *exchange;     /* whose reply is being sent, */
	struct stream *stream;         /* and its stream */
	bool paused;                   /* a stream has suspended it */
	unsigned paused_in;            /* the daemon's run in which that was, or it was resumed */
	bool held;                     /* suspended before its body */
	struct MHD_Response *response; /* whose body comes from a source */
	struct MHD_UpgradeResponseHandle *upgrade;
	bool left; /* its socket is a relay's, which counts as a connection in its place */
};

static inline struct connection *listener_connection(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static inline void listener_enter(struct MHD_Connection *c, enum watch_phase phase)
{
	watch_enter(&listener_connection(c)->watch, phase);
}

/* It goes on. */
static inline void listener_go_on(struct connection *conn, enum watch_phase phase)
{
	if (!conn->paused)
		return;
	conn->paused = false;
	watch_enter(&conn->watch, phase);
}

/* Sends the exchange's reply. */
enum MHD_Result listener_reply(
	const struct listener *l, struct MHD_Connection *c, struct exchange *x);

#endif
