/*
 * Probe: one check of one node, by the http lane and under its egress policy.
 *
 * Begun and landed on the home thread. HTTP: passes with a status 2xx; a JSON object's member
 * "code", if there is one, has to be 200 too. TCP: passes when a connection stands.
 */
#ifndef JUNCTION_SERVER_REGISTRY_PROBE_H
#define JUNCTION_SERVER_REGISTRY_PROBE_H

#include "server/lane/fetch.h"
#include "server/registry/index.h"

#define PROBE_BODY_LIMIT (64 * 1024)

struct probe {
	struct fetch_job job; /* first */
	struct fetch_request request;
	struct arena *arena; /* its own */
	struct loop *home;
	void (*landed)(struct probe *probe); /* to end with probe_free() */
	void *arg;
	int64_t timeout_ms;
	struct loop_task landing;

	bool passed;
	const char *reason; /* why not: a short sentence, UTF-8 */
};

/* What is checked, and how. */
struct probe_target {
	struct address address;
	struct text path; /* of an HTTP check; "" for TCP */
	bool own_host;    /* see fetch_request */
	int64_t timeout_ms;
};

/* NULL if the lane takes no more. */
struct probe *probe_start(struct fetch_lane *lane, struct loop *home,
	const struct probe_target *target, void (*landed)(struct probe *probe), void *arg);
void probe_free(struct probe *probe);

#endif
