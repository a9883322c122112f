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
struct address {
	struct text host;     /* IPv6 without brackets */
	struct text protocol; /* "http" or "https"; of an own address also "": not given */
	int port;             /* 0: no address */
};

enum node_check { NODE_CHECK_NONE, NODE_CHECK_TCP, NODE_CHECK_HTTP };
enum node_health { NODE_UNKNOWN, NODE_PASSING, NODE_FAILING }; /* unknown counts as passing */
/* What a node is asked by. A service configuration may bring others than HTTP, see
 * registry.configure() in SQL; what registered itself is HTTP. */
enum node_kind { NODE_KIND_HTTP, NODE_KIND_UPGRADE, NODE_KIND_GRAPHQL };
#define NODE_KINDS 3

/* A node that lives: one whose lease has run out is not in the index. */
struct node {
	struct text key;  /* "" for the own node of a FATE server */
	struct text name; /* of an own node "host:port" */
	struct address address;
	int weight;
	bool enabled;
	bool flapping;
	enum node_health health;
	enum node_check check;
	struct text check_path;
	struct text health_reason;
	struct text metadata; /* JSON object */
	int64_t health_ms;    /* when health changed; 0: never */
	int64_t lease_ms;     /* 0: none */
	bool configured;      /* a service configuration file names it: loopback is allowed */
	enum node_kind kind;
	struct text base; /* before the uri of an action: "", "/base"; of GraphQL the whole path */
};

struct action {
	struct text key;
	struct text name; /* short: "list"; as first registered */
	struct text uri;  /* begins with "/" */
	struct text method;
	struct text protocol;              /* "" if it is the node's */
	struct address own;                /* server_info: an address of its own; port 0: none */
	struct text params, data, headers; /* JSON objects */
	int64_t created_ms, updated_ms;    /* since 1970-01-01 UTC */
	int64_t timeout_ms;                /* of a call; 0: the server's default */
	enum node_kind kind;               /* of the nodes that it is asked at: HTTP or GraphQL */
};

struct service {
	struct text space; /* namespace */
	struct text key;
	struct text name; /* as first registered */
	struct text version;
	struct text settings;            /* JSON object */
	struct text shown;               /* of the settings, to whom may look at the service */
	int protect_percent;             /* as its settings say; -1: they do not */
	const struct node *const *nodes; /* by key: an own node comes first */
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
/* The same, or the one of that key if it is not empty, with the revision of the log at which it was
 * so. */
struct service_list index_snapshot(
	struct index *index, struct text space, struct text key, int64_t *revision);
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
/* Its own node's address, or NULL: what GetServer shows. */
const struct node *service_own_node(const struct service *service);

/* --- picking --------------------------------------------------------------------------------
 *
 * A node is up if it is enabled, not failing and not flapping. If at most protect_percent of the
 * enabled nodes of a kind are up (0: never), checks are not believed: all enabled ones count as up.
 * Nodes of weight 0 are picked only if there is no other. A service's settings may say its own
 * "protectPercent", a number from 0 to 100.
 */
void index_protect(int percent); /* the server's own; once, at start */

/* The next one of the weighted round robin among the nodes of that kind that are up and not among
 * the tried ones; NULL if there is none. */
const struct node *service_pick(const struct service *service, enum node_kind kind,
	const struct node *const *tried, size_t tried_count);
bool node_is_up(const struct node *node); /* as said above */
/* Whether service_pick() may give that node. */
bool node_available(const struct service *service, const struct node *node);
/* A call would find a node now, or an own address of some action. */
bool service_available(const struct service *service);
bool action_available(const struct service *service, const struct action *action);

/* protocol://host:port, the node's base and the uri (at a GraphQL node the base alone); brackets
 * round an IPv6 address; an own address of the action wins over the node (NULL: none), the action's
 * protocol over the node's. "" if there is no address. */
struct text action_url(const struct action *action, const struct node *node, struct arena *a);

/* Letters of ASCII in lower case, in the arena. */
struct text index_key(struct text name, struct arena *a);

/* --- changing: one thread ------------------------------------------------------------------- */

struct index *index_new(void);
void index_free(struct index **index); /* NULL allowed; clears the pointer */

enum index_change_kind {
	INDEX_PUT_SERVICE,
	INDEX_DELETE_SERVICE,
	INDEX_PUT_NODE,
	INDEX_DELETE_NODE,
	INDEX_EXPIRE_NODE,
	INDEX_PUT_ACTION,
	INDEX_DELETE_ACTION
};

/* A row of the change log. Texts live as long as whoever made it says. */
struct index_change {
	enum index_change_kind kind;
	int64_t revision; /* 0 of a loaded state, like all that follows up to the author */
	int part;
	int64_t at_ms;
	struct text author_address, author_application, author_user, author_trace;
	struct text space, service_key;
	struct text key; /* of the node or action */
	/* By kind, of what is put; copied by the index. A service's actions and nodes stay as they
	 * are, but for its own node: that is service->nodes[0], or none. */
	struct service *service;
	struct node *node;
	struct action *action;
};

/* Applies the changes in order, visible all at once, and with them the revision. A node or an
 * action of a service that is not there is left out: its deletion came first. */
void index_apply(
	struct index *index, const struct index_change *changes, size_t count, int64_t revision);
/* The changes become the whole content. */
void index_replace(
	struct index *index, const struct index_change *changes, size_t count, int64_t revision);

#endif
