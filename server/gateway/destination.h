/*
 * Destination: what a request to a service comes to, as Route and ExplainRoute see it: service,
 * rule, action, who calls and whether he may, nodes. On the call's thread; texts live in its arena.
 */
#ifndef JUNCTION_SERVER_GATEWAY_DESTINATION_H
#define JUNCTION_SERVER_GATEWAY_DESTINATION_H

#include "server/call.h"
#include "server/gateway/rules.h"

struct destination {
	const struct service *service; /* held */
	const struct rules *rules;     /* held */
	const struct rule *rule;
	struct text full_name, method;
	struct text path;   /* as rules see it */
	struct text *names; /* by which it is judged: the path, and the actions registered for */
	size_t name_count;  /* method and path */
	const char *action; /* the first of these; "": there is none */
	enum node_kind kind;
};

/* False with c->status set: there is no such service, or the path is none. To be released in any
 * case. */
bool destination_find(struct call *c, struct text service, struct text method, struct text path,
	bool upgrade, struct destination *destination);
void destination_release(struct destination *destination);

/* Whether that caller may. */
void destination_judge(struct call *c, const struct destination *destination,
	const struct caller *caller, struct call_verdict *verdict);

/* It is of the kind and may be asked. */
bool destination_takes(const struct destination *destination, const struct node *node);
Registry__RouteNodes *destination_nodes(struct arena *a, const struct destination *destination);
Registry__RouteKind destination_kind(const struct destination *destination);

#endif
