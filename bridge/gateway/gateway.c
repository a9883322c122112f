/*
 * Gateway: places are found by their loop, of which there are a few. The sweep of forward.c runs
 * while something is under way.
 */
#include "bridge/gateway/gateway.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "bridge/gateway/forward.h"

struct network {
	struct in6_addr address; /* IPv4 mapped */
	int bits;
};

struct gateway {
	struct gateway_options options;
	struct text prefix; /* "/api/" */
	struct network *trusted;
	size_t trusted_count;
	struct sockaddr_storage *own;
	size_t own_count;
	struct limit_store *limits;
	struct cache_store *cache;
	struct gateway_place *places;
	int count;
};

static _Thread_local struct gateway_place *here;

/* --- networks ------------------------------------------------------------------------------- */

static bool read_address(const char *string, struct in6_addr *out, int *width)
{
	struct in_addr v4;
	*width = 128;
	if (inet_pton(AF_INET6, string, out) == 1)
		return true;
	if (inet_pton(AF_INET, string, &v4) != 1)
		return false;
	*width = 32;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, 4);
	return true;
}

/* "10.0.0.0/8", "::1" */
static bool read_network(const char *string, struct network *out)
{
	char address[INET6_ADDRSTRLEN];
	struct text t = text_of(string);
	size_t slash = text_find(t, '/', 0);
	uint64_t bits;
	int width;
	if (slash >= sizeof(address))
		return false;
	memcpy(address, string, slash);
	address[slash] = '\0';
	if (!read_address(address, &out->address, &width))
		return false;
	bits = (uint64_t)width;
	if (slash < t.size &&
		(!text_to_uint64(text_from(t, slash + 1), &bits) || bits > (uint64_t)width))
		return false;
	out->bits = (int)bits + 128 - width;
	return true;
}

static bool contains(const struct network *n, const struct in6_addr *a)
{
	int whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(&n->address, a, (size_t)whole) != 0)
		return false;
	return !rest || !((n->address.s6_addr[whole] ^ a->s6_addr[whole]) >> (8 - rest));
}

/* "10.1.2.3" of "10.1.2.3:4711", "::1" of "[::1]:80" and of itself. */
static struct text host_of(struct text peer)
{
	size_t colon = text_find(peer, ':', 0);
	if (peer.size && peer.data[0] == '[')
		return text_from(text_until(peer, text_find(peer, ']', 0)), 1);
	return text_find(peer, ':', colon + 1) < peer.size ? peer : text_until(peer, colon);
}

bool gateway_trusts(const struct gateway *g, struct text peer)
{
	char string[INET6_ADDRSTRLEN];
	struct in6_addr address;
	struct text host = host_of(peer);
	int width;
	if (!g->trusted_count || host.size >= sizeof(string))
		return false;
	memcpy(string, host.data, host.size);
	string[host.size] = '\0';
	if (!read_address(string, &address, &width))
		return false;
	for (size_t i = 0; i < g->trusted_count; i++)
		if (contains(&g->trusted[i], &address))
			return true;
	return false;
}

/* --- life ----------------------------------------------------------------------------------- */

static bool read_trusted(struct gateway *g)
{
	const struct option_list *list = g->options.trusted;
	for (size_t i = 0; list && i < list->count; i++) {
		g->trusted =
			check_realloc(g->trusted, (g->trusted_count + 1) * sizeof(*g->trusted));
		if (!read_network(list->items[i], &g->trusted[g->trusted_count++])) {
			log_event(LOG_ERROR, "no network of trusted proxies",
				LOG_TEXT("network", list->items[i]));
			return false;
		}
	}
	return true;
}

struct gateway *gateway_new(const struct gateway_options *options)
{
	struct gateway *g = check_calloc(1, sizeof(*g));
	size_t size = strlen(options->path) + 3;
	char *prefix = check_malloc(size);
	snprintf(prefix, size, "/%s/", options->path);
	g->options = *options;
	g->prefix = text_of(prefix);
	g->count = rpc_threads(options->rpc);
	g->places = check_calloc((size_t)g->count, sizeof(*g->places));
	g->limits = limit_memory_open(options->limit_keys);
	g->cache = cache_memory_open(options->cache_bytes);
	if (!read_trusted(g))
		gateway_free(&g);
	return g;
}

void gateway_free(struct gateway **g)
{
	if (!*g)
		return;
	limit_close((*g)->limits);
	cache_close((*g)->cache);
	free((*g)->own);
	free((*g)->trusted);
	free((*g)->places);
	free((char *)(*g)->prefix.data);
	free(*g);
	*g = NULL;
}

const struct gateway_options *gateway_settings(const struct gateway *g)
{
	return &g->options;
}

bool gateway_claims(
	const struct gateway *g, struct text path, struct text *service, struct text *rest)
{
	if (!text_starts(path, g->prefix))
		return false;
	struct text behind = text_from(path, g->prefix.size);
	size_t slash = text_find(behind, '/', 0);
	*service = text_until(behind, slash);
	*rest = slash < behind.size ? text_from(behind, slash) : TEXT("/");
	return service->size > 0;
}

/* --- egress --------------------------------------------------------------------------------- */

/* "127.0.0.1:3000", "[::]:443", ":80": numeric. */
static void add_address(struct sockaddr_storage **list, size_t *count, const char *address)
{
	char host[256], service[16];
	int port;
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	if (!option_address(address, host, &port))
		return;
	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(*host ? host : NULL, service, &hints, &found))
		return;
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		*list = check_realloc(*list, (*count + 1) * sizeof(**list));
		memset(&(*list)[*count], 0, sizeof(**list));
		memcpy(&(*list)[(*count)++], a->ai_addr, a->ai_addrlen);
	}
	freeaddrinfo(found);
}

void gateway_add_own(struct gateway *g, const char *address)
{
	add_address(&g->own, &g->own_count, address);
}

static bool same_egress(const Registry__RouteEgress *a, const Registry__RouteEgress *b)
{
	if (!a || a->loopback != b->loopback || a->private_ranges != b->private_ranges ||
		a->n_own != b->n_own)
		return false;
	for (size_t i = 0; i < a->n_own; i++)
		if (strcmp(a->own[i], b->own[i]) != 0)
			return false;
	return true;
}

static void keep_egress(struct gateway_place *p, const Registry__RouteEgress *egress)
{
	if (!p->allowed_arena)
		p->allowed_arena = arena_new(0);
	arena_clear(p->allowed_arena);
	Registry__RouteEgress *kept = ARENA_NEW(p->allowed_arena, Registry__RouteEgress);
	*kept = *egress;
	kept->own = arena_array(p->allowed_arena, egress->n_own + 1, sizeof(*kept->own));
	for (size_t i = 0; i < egress->n_own; i++)
		kept->own[i] = arena_string(p->allowed_arena, text_of(egress->own[i]));
	p->allowed = kept;
}

void gateway_allow(struct gateway_place *p, const Registry__RouteEgress *egress)
{
	const struct gateway *g = p->gateway;
	if (same_egress(p->allowed, egress))
		return;
	keep_egress(p, egress);
	struct sockaddr_storage *own = NULL;
	size_t count = 0;
	for (size_t i = 0; i < egress->n_own; i++)
		add_address(&own, &count, egress->own[i]);
	own = check_realloc(own, (count + g->own_count + 1) * sizeof(*own));
	if (g->own_count)
		memcpy(own + count, g->own, g->own_count * sizeof(*own));
	upstream_pool_allow(p->pool, &(struct egress_policy){
					     .loopback = egress->loopback,
					     .private_ranges = egress->private_ranges,
					     .own = own,
					     .own_count = count + g->own_count,
				     });
	free(own);
}

/* --- places --------------------------------------------------------------------------------- */

enum { IDLE_PER_ENDPOINT = 256, IDLE_MS = 4000 };

static void clean(void *arg, struct text space, struct text service, struct text rule)
{
	struct gateway_place *p = arg;
	cache_clean(p->cache, &(struct cache_place){space, service, rule});
}

static void open_place(void *place)
{
	struct gateway_place *p = place;
	const struct gateway_options *options = &p->gateway->options;
	p->keeper = keeper_open(&(struct keeper_options){
		.rpc = options->rpc,
		.loop = p->loop,
		.grace_ms = options->grace_ms,
		.timeout_ms = options->rpc_timeout_ms,
		.most = options->routes,
		.clean = clean,
		.arg = p,
	});
	p->pool = upstream_pool_open(&(struct upstream_pool_options){
		.loop = p->loop,
		.idle_per_endpoint = IDLE_PER_ENDPOINT,
		.idle_ms = IDLE_MS,
		.ca_file = options->ca_file,
	});
	p->sweep = loop_every(p->loop, FORWARD_STEP_MS, forward_sweep, p);
	here = p;
}

static void close_place(void *place)
{
	struct gateway_place *p = place;
	loop_timer_stop(&p->sweep);
	keeper_close(&p->keeper);
	upstream_pool_close(&p->pool);
	arena_free(&p->allowed_arena);
	here = NULL;
}

void gateway_open(struct gateway *g)
{
	for (int i = 0; i < g->count; i++) {
		struct gateway_place *p = &g->places[i];
		*p = (struct gateway_place){.gateway = g,
			.loop = rpc_loop(g->options.rpc, i),
			.limits = g->limits,
			.cache = g->cache};
		loop_run(p->loop, open_place, p);
	}
}

void gateway_close(struct gateway *g)
{
	for (int i = 0; i < g->count; i++)
		loop_run(g->places[i].loop, close_place, &g->places[i]);
}

static void end_upgrades(void *place)
{
	forward_end_upgrades(place);
}

static void end_all(void *place)
{
	forward_end_all(place);
}

void gateway_end(struct gateway *g, bool all)
{
	for (int i = 0; i < g->count; i++)
		loop_run(g->places[i].loop, all ? end_all : end_upgrades, &g->places[i]);
}

struct gateway_place *gateway_here(struct gateway *g)
{
	CHECK(here && here->gateway == g);
	return here;
}
