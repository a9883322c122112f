/*
 * Upstream: what Call and CallStream have in common: the request that an action is asked with, and
 * the nodes that it goes to.
 *
 * A node that was never reached (its name is not resolved, it refuses or does not take the
 * connection, or Junction may not connect to its address) has done nothing: the request goes to
 * another one, to three in all, within the time that the action may take. What may have arrived is
 * never sent again. The failure is that of the last node. An action with an address of its own
 * (server_info) has no other.
 */
#ifndef JUNCTION_SERVER_REGISTRY_UPSTREAM_H
#define JUNCTION_SERVER_REGISTRY_UPSTREAM_H

#include "base/metric.h"
#include "server/call.h"

#define UPSTREAM_CONNECT_TIMEOUT_MS 5000    /* name resolution included */
#define UPSTREAM_TIMEOUT_MS         30000   /* of an action that was registered without */
#define UPSTREAM_TIMEOUT_MS_MAX     3600000 /* that it may be registered with */

/* The fields of the request; data NULL: not given. */
struct upstream_input {
	struct text service, action, method, header, param, body;
	bool trusted; /* the server asks by its own configuration: whoever calls may */
};

/* What an optional field holds. */
static inline struct text upstream_given(bool set, const char *value)
{
	return set ? text_of(value) : (struct text){0};
}

/* Of a CallRequest or a CallStreamRequest, which have the same fields. */
#define UPSTREAM_INPUT(in)                                                                         \
	{                                                                                          \
		.service = text_of((in)->service), .action = text_of((in)->action),                \
		.method = upstream_given((in)->_method_case, (in)->method),                        \
		.header = upstream_given((in)->_header_case, (in)->header),                        \
		.param = upstream_given((in)->_param_case, (in)->param),                           \
		.body = upstream_given((in)->_body_case, (in)->body),                              \
	}

/* fetch() or fetch_open() with the step that takes the answer. */
typedef enum next upstream_send(
	struct call *c, const struct fetch_request *request, call_step *unreached);

/* False with c->status set: the names are none. */
bool upstream_check_names(struct call *c, const struct upstream_input *in);
/* Ends a step: sends the request, or fails. Uses c->state until the answer is there. */
enum next upstream_ask(struct call *c, const struct upstream_input *in, upstream_send *send);
/* When the answer is there: what c->state was before. */
void *upstream_outer_state(const struct call *c);

struct header_list;
/* The trace of the call, unless the list has one, and the hop count. */
void upstream_add_headers(struct call *c, struct header_list *list);
/* False with c->status set: the call has passed too many Junctions. */
bool upstream_check_hops(struct call *c);

/* Who is to know that a call goes to a service (its name as registered); on the call's thread, must
 * not block. Once, before the first call; or never. */
void upstream_on_call(void (*tell)(struct text service, const struct caller *caller));

/* Requests that went to another node, since the one before was not reached. */
extern struct metric upstream_other_nodes;

#endif
