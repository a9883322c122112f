/*
 * Schema: asks a GraphQL endpoint what it can be asked, until it has said so, and makes actions of
 * that (graphql.h).
 *
 * The home thread's, a lane thread; asked by the http lane, read on the work pool.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_SCHEMA_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_SCHEMA_H

#include "server/gateway/config/found.h"
#include "server/lane/fetch.h"
#include "server/lane/sql.h"

struct schema;

struct schema_lanes {
	struct lanes *lanes;
	struct fetch_lane *fetch;
	struct loop *home;
};

/* Of a configuration that has a GraphQL endpoint. lanes lives until schema_leave() has returned. */
struct schema *schema_new(const struct schema_lanes *lanes, const struct found *found);
void schema_free(struct schema **schema); /* NULL allowed; also while it asks */
/* Asks if it is time to. */
void schema_look(struct schema *s);
struct text schema_service(const struct schema *s);
/* What there is to publish now, as registry.configure_graphql() takes it; data NULL: nothing. */
struct text schema_actions(const struct schema *s);
void schema_published(struct schema *s);

/* Nobody asks any more: waits a second at most. While home runs; not from there. */
void schema_leave(void);

#endif
