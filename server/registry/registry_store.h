/*
 * The registry's statements: its writes, by the functions of the schema registry (migrations/),
 * and what the feed reads.
 *
 * Each write ends the step; its step `then` gets the revision from store_revision(). Texts live in
 * the call's arena.
 */
#ifndef JUNCTION_SERVER_REGISTRY_REGISTRY_STORE_H
#define JUNCTION_SERVER_REGISTRY_REGISTRY_STORE_H

#include "server/call.h"

struct store_server {
	struct text name;
	struct text host, protocol;
	int port;
};

struct store_service {
	struct text server_name;
	struct text name;
	struct text uri, method;
	struct text protocol;               /* empty: not given */
	struct text own_host, own_protocol; /* empty: not given */
	int own_port;
	struct text params, data, headers;
	int timeout_ms; /* 0: not given */
};

/* A row of registry.node. */
struct store_node {
	struct text service_name, name;
	struct text host, protocol;
	int port, weight;
	bool enabled;
	struct text metadata;
	struct text check, check_path; /* as in registry.node */
	int lease_ms;                  /* 0: none */
};

enum next store_put_node(struct call *c, const struct store_node *node,
	enum next (*then)(struct call *c, const struct rows *rows, int row));
/* What is given of it: weight -1, enabled -1 and metadata without data are not. */
enum next store_update_node(struct call *c, struct text service_name, struct text name, int weight,
	int enabled, struct text metadata,
	enum next (*then)(struct call *c, const struct rows *rows));
enum next store_delete_node(struct call *c, struct text service_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows));
/* A heartbeat that waits for PostgreSQL: for nodes that this server does not know (yet). */
enum next store_renew_lease(struct call *c, struct text service_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows));
/* Milliseconds; 0: it lives without a lease; -1: there is no such node. */
int64_t store_lease_ms(const struct rows *rows);

enum next store_put_server(struct call *c, const struct store_server *server,
	enum next (*then)(struct call *c, const struct rows *rows, int row));
/* row is -1 if the server is not registered and the service brings no address of its own. */
enum next store_put_service(struct call *c, const struct store_service *service,
	enum next (*then)(struct call *c, const struct rows *rows, int row));
int64_t store_put_revision(const struct rows *rows, int row);

/* Services only as the bulk form gives them, without protocol and own address. */
enum next store_put_all(struct call *c, const struct store_server *servers, size_t server_count,
	const struct store_service *services, size_t service_count,
	enum next (*then)(struct call *c, const struct rows *rows));
enum next store_delete_server(struct call *c, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows));
enum next store_delete_service(struct call *c, struct text server_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows));
/* 0 if there was nothing to delete. */
int64_t store_revision(const struct rows *rows);

/* Reading. Rows are STORE_..., in this order of columns. */
enum store_column {
	STORE_REVISION,
	STORE_SPACE,
	STORE_KIND,
	STORE_SERVICE_KEY,
	STORE_KEY,
	STORE_OPERATION,
	STORE_VALUE,
	STORE_PART,
	STORE_AT, /* milliseconds */
	STORE_ADDRESS,
	STORE_APPLICATION,
	STORE_USER,
	STORE_TRACE,
};

/* Everything; the first row holds only the revision that it stands for. */
extern const struct statement store_load;
/* Makes partitions of the log, and drops those that are older than $1 days. */
extern const struct statement store_keep_history;
/* One row: the last revision, and the greatest that the log has no more. */
extern const struct statement store_position;
/* What was committed after revision $1: at least $2 rows if there are so many, commits always
 * whole. */
extern const struct statement store_follow;
/* What follows part $2 of revision $1: at most $3 rows, and no more when they have come to $4
 * bytes. */
extern const struct statement store_read_log;

#endif
