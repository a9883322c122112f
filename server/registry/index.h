/*
 * Index: the registry in memory, by namespace and name.
 *
 * A service is immutable and counted by references: what a lookup gives stays as it was until it
 * is released, whatever is registered meanwhile. One thread at a time changes the index (the
 * feed); any thread reads. A batch of changes becomes visible as a whole. Lookups cost the same
 * with one service and with a hundred thousand; lists are sorted when asked for.
 *
 * Names of services and actions are compared without regard to the case of ASCII letters; a key is
 * a name in lower case. All texts of an entry end in NUL, so that messages may point at them.
 */
#ifndef JUNCTION_SERVER_REGISTRY_INDEX_H
#define JUNCTION_SERVER_REGISTRY_INDEX_H

#include "base/arena.h"

struct index;

/* Where something is reached. */
struct node {
	struct text name;     /* a FATE server's node: "host:port" */
	struct text host;     /* IPv6 without brackets */
	struct text protocol; /* "http" or "https"; of an own address also "": not given */
	int port;             /* 0: no address */
};

struct action {
	struct text key;
	struct text name; /* short: "list"; as first registered */
	struct text uri;  /* begins with "/" */
	struct text method;
	struct text protocol;              /* "" if it is the node's */
	struct node own;                   /* server_info: an address of its own; port 0: none */
	struct text params, data, headers; /* JSON objects */
	int64_t created_ms, updated_ms;    /* since 1970-01-01 UTC */
};

struct service {
	struct text space; /* namespace */
	struct text key;
	struct text name; /* as first registered */
	struct text version;
	struct text settings; /* JSON object */
	const struct node *nodes;
	size_t node_count;
	const struct action *const *actions; /* by key */
	size_t action_count;
	int64_t created_ms, updated_ms;
};

/* --- reading: any thread -------------------------------------------------------------------- */

/* By name or full name, any case; NULL if there is none. To be released. */
const struct service *index_service(struct index *index, struct text space, struct text name);
void service_release(const struct service *service); /* NULL allowed */

/* The services of a namespace, by key: all, or those of the given names (name or full name, any
 * case). To be released together. */
struct service_list {
	const struct service **items;
	size_t count;
};
struct service_list index_services(struct index *index, struct text space);
struct service_list index_services_named(
	struct index *index, struct text space, char *const *names, size_t count);
void service_list_release(struct service_list *list);

/* Of all namespaces. */
struct index_size {
	size_t services, nodes;
};
struct index_size index_size(struct index *index);

/* By short name ("list") or full name ("demo.list"), any case; NULL if there is none. Lives as long
 * as the service. */
const struct action *service_action(const struct service *service, struct text name);
/* "version.name" if it has a version, else the name. */
struct text service_full_name(const struct service *service, struct arena *a);
/* A call would find an address now. */
bool service_available(const struct service *service);
bool action_available(const struct service *service, const struct action *action);

/* protocol://host:port and uri; "" if there is no address. Brackets round an IPv6 address. An own
 * address wins over the service's first node, the action's protocol over the node's. */
struct text action_url(const struct service *service, const struct action *action, struct arena *a);

/* Letters of ASCII in lower case, in the arena. */
struct text index_key(struct text name, struct arena *a);

/* --- changing: one thread ------------------------------------------------------------------- */

struct index *index_new(void);
void index_free(struct index **index); /* NULL allowed; clears the pointer */

enum index_change_kind {
	INDEX_PUT_SERVICE,
	INDEX_DELETE_SERVICE,
	INDEX_PUT_ACTION,
	INDEX_DELETE_ACTION
};

struct index_change {
	enum index_change_kind kind;
	struct text space, service_key;
	struct text action_key;  /* of the action kinds */
	struct service *service; /* of INDEX_PUT_SERVICE: copied, without its actions, which stay */
	struct action *action;   /* of INDEX_PUT_ACTION: copied */
};

/* Applies the changes in order, visible all at once. An action of a service that is not there is
 * left out: its deletion came first. */
void index_apply(struct index *index, const struct index_change *changes, size_t count);
/* The changes become the whole content. */
void index_replace(struct index *index, const struct index_change *changes, size_t count);

#endif
