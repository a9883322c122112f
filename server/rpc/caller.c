/*
 * Who calls: read from a call's metadata and connection.
 *
 * junction-* metadata says what the bridge knows of the caller behind it. It counts only over the
 * unix socket, which nobody else may open; from elsewhere it is ignored, since anybody could
 * write it.
 */
#include "server/rpc/internal.h"

#include <grpc/support/alloc.h>
#include <stdlib.h>

enum { NAMESPACE_MAX = 64, REQUEST_ID_MAX = 128, HOPS_MAX = 1000 };

static bool is_lower_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool all_lower_hex(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (!is_lower_hex(t.data[i]))
			return false;
	return true;
}

static bool all_zero(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] != '0')
			return false;
	return true;
}

/* W3C trace context: version-trace-parent-flags; a later version may be longer. False if it is
 * none, which by that standard means: as if it were not there. */
static bool trace_of_parent(struct text value, struct text *trace)
{
	if (value.size < 55 || value.data[2] != '-' || value.data[35] != '-' ||
		value.data[52] != '-')
		return false;
	struct text version = {value.data, 2}, id = {value.data + 3, 32};
	struct text parent = {value.data + 36, 16}, flags = {value.data + 53, 2};
	if (text_equal(version, TEXT("00")) ? value.size != 55
					    : value.size > 55 && value.data[55] != '-')
		return false;
	*trace = id;
	return all_lower_hex(version) && !text_equal(version, TEXT("ff")) && all_lower_hex(id) &&
	       !all_zero(id) && all_lower_hex(parent) && !all_zero(parent) && all_lower_hex(flags);
}

static bool is_request_id(struct text value)
{
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] < '!' || value.data[i] > '~')
			return false;
	return value.size > 0 && value.size <= REQUEST_ID_MAX;
}

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

/* splitmix64: trace ids have to differ, not to be a secret. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static struct text own_trace(struct rpc_call *c)
{
	uint64_t words[2] = {random_next(&c->queue->random), random_next(&c->queue->random)};
	char *id = arena_alloc(c->base.arena, 33);
	for (int i = 0; i < 32; i++)
		id[i] = "0123456789abcdef"[words[i / 16] >> (4 * (i % 16)) & 15];
	id[32] = '\0';
	return (struct text){id, 32};
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
	struct text space, parent, request_id, address, hops;
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
		{TEXT("traceparent"), &found->parent},
		{TEXT("x-request-id"), &found->request_id},
		{TEXT("junction-caller-address"), &found->address},
		{TEXT("junction-hops"), &found->hops},
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
	char *peer = grpc_call_get_peer(c->call);
	if (strncmp(peer, "unix:", 5) != 0) {
		caller->address = address_of_peer(c->base.arena, peer);
	} else {
		int64_t hops;
		caller->address = arena_text(c->base.arena, found->address);
		if (text_to_int64(found->hops, &hops) && hops > 0)
			caller->hops = hops < HOPS_MAX ? (int)hops : HOPS_MAX;
	}
	gpr_free(peer);
}

static void read_trace(struct rpc_call *c, const struct found *found)
{
	struct caller *caller = &c->base.caller;
	struct text trace;
	if (found->parent.data && trace_of_parent(found->parent, &trace))
		caller->trace = arena_text(c->base.arena, trace);
	else if (is_request_id(found->request_id))
		caller->trace = arena_text(c->base.arena, found->request_id);
	else
		caller->trace = own_trace(c);
}

bool rpc_read_caller(struct rpc_call *c, const grpc_metadata_array *metadata)
{
	struct caller *caller = &c->base.caller;
	struct found found = {0};
	find_all(metadata, &found);
	read_peer(c, &found);
	read_trace(c, &found);
	caller->space = caller->application = caller->user = TEXT("");
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
