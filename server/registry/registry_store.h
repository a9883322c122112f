/*
 * The registry's statements: its writes, by the functions of migrations/0001_create_registry.sql,
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
};

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
	STORE_KIND, /* "service", "action" */
	STORE_SERVICE_KEY,
	STORE_KEY,       /* of the service or action itself */
	STORE_OPERATION, /* "put", "delete" */
	STORE_VALUE,     /* JSON of a put */
};

/* Everything; the first row holds only the revision that it stands for. */
extern const struct statement store_load;
/* What was committed after revision $1: at least $2 rows if there are so many, commits always
 * whole. */
extern const struct statement store_follow;

#endif
