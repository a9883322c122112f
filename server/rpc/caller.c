/*
 * Who calls: read from a call's metadata and connection.
 *
 * junction-* metadata says what the bridge knows of the caller behind it. It counts only over the
 * unix socket, which nobody else may open, and with the bridge's certificate; from elsewhere it is
 * ignored, since anybody could write it; but for junction-exposed, which only takes rights away.
 */
#include "server/rpc/internal.h"

#include <grpc/support/alloc.h>
#include <stdlib.h>

enum { NAMESPACE_MAX = 64, HOPS_MAX = 1000 };

static bool is_namespace(struct text value)
{
	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '.'))
			return false;
	}
	return value.size > 0 && value.size <= NAMESPACE_MAX;
}

/* "ipv4:127.0.0.1:4711" and "ipv6:%5B::1%5D:4711" without the scheme and the escapes. */
static struct text address_of_peer(struct arena *a, const char *peer)
{
	const char *colon = strchr(peer, ':');
	struct buffer b = {.arena = a};
	for (const char *p = colon ? colon + 1 : ""; *p; p++) {
		bool bracket = strncmp(p, "%5B", 3) == 0 || strncmp(p, "%5D", 3) == 0;
		buffer_add_char(&b, bracket ? (p[2] == 'B' ? '[' : ']') : *p);
		p += bracket ? 2 : 0;
	}
	return buffer_text(&b);
}

/* --- metadata --------------------------------------------------------------------------------- */

/* What was found, still in grpc's memory; data NULL: not there. */
struct found {
	struct text space, address, hops;
	struct text authorization, forwarded, forwarded_for, via, exposed;
	struct trace_given trace;
};

static struct text slice_text(const grpc_slice *slice)
{
	return (struct text){(const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

/* Of a repeated key the first counts. */
static void find_all(const grpc_metadata_array *metadata, struct found *found)
{
	const struct {
		struct text key;
		struct text *value;
	} wanted[] = {
		{TEXT("x-namespace"), &found->space},
		{TEXT("traceparent"), &found->trace.parent},
		{TEXT("tracestate"), &found->trace.state},
		{TEXT("x-request-id"), &found->trace.request_id},
		{TEXT("junction-caller-address"), &found->address},
		{TEXT("junction-hops"), &found->hops},
		{TEXT("junction-exposed"), &found->exposed},
		{TEXT("authorization"), &found->authorization},
		{TEXT("forwarded"), &found->forwarded},
		{TEXT("x-forwarded-for"), &found->forwarded_for},
		{TEXT("via"), &found->via},
	};
	for (size_t i = 0; i < metadata->count; i++) {
		struct text key = slice_text(&metadata->metadata[i].key);
		for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++)
			if (!wanted[k].value->data && text_equal(key, wanted[k].key))
				*wanted[k].value = slice_text(&metadata->metadata[i].value);
	}
}

static void read_peer(struct rpc_call *c, const struct found *found)
{
	struct caller *caller = &c->base.caller;
	const struct tls *tls = c->queue->rpc->tls;
	char *peer = grpc_call_get_peer(c->call);
	int64_t hops;
	caller->bridge = strncmp(peer, "unix:", 5) == 0 || (tls && tls_is_bridge(tls, c->call));
	if (caller->bridge) {
		caller->address = arena_text(c->base.arena, found->address);
		if (text_to_int64(found->hops, &hops) && hops > 0)
			caller->hops = hops < HOPS_MAX ? (int)hops : HOPS_MAX;
	} else {
		caller->address = address_of_peer(c->base.arena, peer);
	}
	gpr_free(peer);
}

static void read_credentials(struct rpc_call *c, const struct found *found)
{
	struct caller *caller = &c->base.caller;

	c->base.given.authorization = arena_text(c->base.arena, found->authorization);
	/* A bridge that is not known as one, at a TCP port: who is behind it is not known either.
	 */
	caller->forwarded = found->forwarded.data || found->forwarded_for.data || found->via.data ||
			    text_equal(found->exposed, TEXT("proxy")) ||
			    (found->exposed.data && !caller->bridge);
	c->base.given.exposed = caller->forwarded || found->exposed.data;
}

bool rpc_read_caller(struct rpc_call *c, const grpc_metadata_array *metadata)
{
	struct caller *caller = &c->base.caller;
	struct found found = {0};
	find_all(metadata, &found);
	read_peer(c, &found);
	read_credentials(c, &found);
	trace_begin(&caller->trace, c->base.arena, &found.trace);
	caller->space = caller->application = caller->user = caller->roles = TEXT("");
	if (!found.space.data) {
		caller->space = TEXT("default");
		return true;
	}
	if (!is_namespace(found.space))
		return status_field(&c->base.status, c->base.arena, "x-namespace",
			"must be 1 to %d letters, digits, '-', '_' or '.'", NAMESPACE_MAX);
	caller->space = arena_text(c->base.arena, found.space);
	return true;
}
