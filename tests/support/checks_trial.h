/*
 * A server that checks, without its API: lanes, feed, index and checks on a test's database. A
 * failed expectation fails the running test. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_CHECKS_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_CHECKS_TRIAL_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/registry/checks.h"
#include "server/registry/feed.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

static const char *url;
static const struct egress_policy loopback = {.loopback = true};
static const struct egress_policy nothing = {0};

/* --- a server that checks ------------------------------------------------------------------- */

struct checker {
	struct lanes *lanes;
	struct fetch_lane *fetch;
	struct index *index;
	struct checks *checks;
	struct feed *feed;
	struct feed_listener listeners[2];
};

static inline struct checks_options usual(const char *name)
{
	return (struct checks_options){
		.server_name = name,
		.interval_ms = 50,
		.timeout_ms = 20000,
		.down_after = 2,
		.up_after = 1,
		.at_once = 64,
		.member_ms = 100,
	};
}

static inline struct checker *checker_start(
	struct checks_options options, const struct egress_policy *policy)
{
	const struct lanes_options lanes = trial_options(url);
	const struct fetch_options fetch = {.egress = policy,
		.connections = options.at_once,
		.connections_per_host = options.at_once,
		.queue_limit = options.at_once};
	struct checker *c = check_calloc(1, sizeof *c);

	c->lanes = options.lanes = lanes_start(&lanes);
	c->fetch = options.fetch = fetch_start(&fetch);
	options.home = lane_loop(c->lanes, 0);
	c->index = index_new();
	c->checks = checks_start(&options);
	c->listeners[0] = (struct feed_listener){checks_changed, c->checks};
	c->feed = feed_start(c->lanes, options.home, c->index, c->listeners, 20);
	while (!feed_ready(c->feed))
		poll(NULL, 0, 1);
	return c;
}

static inline void checker_stop(struct checker *c)
{
	checks_leave(c->checks);
	fetch_stop(&c->fetch);
	lanes_stop(&c->lanes);
	feed_free(&c->feed);
	checks_free(&c->checks);
	index_free(&c->index);
	free(c);
}

/* Nodes "1", "2" and so on. path "" is a TCP check, else that path and the node's name. */
#define REGISTER                                                                                   \
	"SELECT count(*) FROM (VALUES (%d, ARRAY[%d])) v (most, n), LATERAL "                      \
	"registry.register_nodes(array_fill('default'::text, n), array_fill('%s'::text, n), "      \
	"ARRAY(SELECT g::text FROM generate_series(1, most) g), "                                  \
	"array_fill('127.0.0.1'::text, n), array_fill(%d, n), array_fill('http'::text, n), "       \
	"array_fill(1, n), array_fill(true, n), array_fill('{}'::text, n), "                       \
	"array_fill('%s'::text, n), ARRAY(SELECT '%s' || CASE '%s' WHEN '' THEN '' ELSE g::text "  \
	"END FROM generate_series(1, most) g), array_fill(60000, n), array_fill(''::text, n), "    \
	"array_fill(''::text, n), array_fill(''::text, n), array_fill(''::text, n))"

static inline void put_many(const char *service, int count, int port, const char *path)
{
	char sql[1500];

	snprintf(sql, sizeof sql, REGISTER, count, count, service, port, *path ? "http" : "tcp",
		path, path);
	test_sql(url, sql);
}

#endif
