/*
 * Upstream pool: a place is an endpoint with the connections there are to it, and is gone with the
 * last of them. Kept ones stand in two lists, that of their place, of which the newest is taken,
 * and that of the pool in the order in which their time is up, for which there is one timer.
 */
#include "bridge/gateway/upstream_pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/table.h"

TAILQ_HEAD(connection_list, connection);

struct place {
	struct upstream_pool *pool;
	struct endpoint *endpoint;
	size_t connections;
	size_t kept_count;
	struct connection_list kept;
};

struct upstream_pool {
	struct upstream_pool_options options;
	struct egress_policy policy;
	struct sockaddr_storage *own; /* of the policy */
	SSL_CTX *tls;                 /* NULL: not needed yet */
	struct table places;
	struct connection_list kept;
	struct loop_timer *timer; /* while any is kept */
	struct upstream_queue due;
};

/* --- places ----------------------------------------------------------------------------------- */

static struct text key_of(struct endpoint *const *e)
{
	return (struct text){(const char *)e, sizeof(*e)};
}

static struct place *place_of(struct upstream_pool *pool, struct endpoint *e)
{
	struct place *p = table_get(&pool->places, key_of(&e));
	if (p)
		return p;
	p = check_calloc(1, sizeof(*p));
	p->pool = pool;
	p->endpoint = endpoint_hold_more(e);
	TAILQ_INIT(&p->kept);
	table_put(&pool->places, key_of(&p->endpoint), p);
	return p;
}

static void leave_place(struct place *p)
{
	if (--p->connections)
		return;
	table_remove(&p->pool->places, key_of(&p->endpoint));
	endpoint_release(&p->endpoint);
	free(p);
}

/* --- the end of connections ------------------------------------------------------------------- */

static void take_out(struct connection *c)
{
	TAILQ_REMOVE(&c->place->kept, c, link);
	TAILQ_REMOVE(&c->place->pool->kept, c, queue);
	c->place->kept_count--;
}

static void free_connection(struct connection *c)
{
	leave_place(c->place);
	free(c);
}

static void close_kept(struct connection *c)
{
	take_out(c);
	wire_close(&c->wire);
	free_connection(c);
}

void connection_close(struct connection **c)
{
	if (!*c)
		return;
	wire_close(&(*c)->wire);
	free_connection(*c);
	*c = NULL;
}

struct wire *connection_give(struct connection **c)
{
	static const struct wire_events nobody;
	struct wire *w = (*c)->wire;
	wire_give(w, &nobody, NULL);
	wire_hold(w, true);
	free_connection(*c);
	*c = NULL;
	return w;
}

/* --- kept ones -------------------------------------------------------------------------------- */

static void on_unasked(void *connection, struct text bytes)
{
	(void)bytes;
	close_kept(connection);
}

static void on_lost(void *connection)
{
	close_kept(connection);
}

static const struct wire_events kept_events = {.received = on_unasked, .lost = on_lost};

static uint64_t now_of(const struct upstream_pool *pool)
{
	return uv_now(loop_uv(pool->options.loop));
}

static void set_timer(struct upstream_pool *pool);

static void on_timer(void *arg)
{
	struct upstream_pool *pool = arg;
	struct connection *c;
	uint64_t age = (uint64_t)pool->options.idle_ms, now = now_of(pool);
	while ((c = TAILQ_FIRST(&pool->kept)) && c->kept + age <= now)
		close_kept(c);
	loop_timer_stop(&pool->timer);
	set_timer(pool);
}

static void set_timer(struct upstream_pool *pool)
{
	const struct connection *c = TAILQ_FIRST(&pool->kept);
	if (!c || pool->timer)
		return;
	uint64_t due = c->kept + (uint64_t)pool->options.idle_ms, now = now_of(pool);
	pool->timer = loop_after(pool->options.loop, due > now ? due - now : 0, on_timer, pool);
}

void connection_keep(struct connection **connection)
{
	struct connection *c = *connection;
	struct place *p = c->place;
	struct upstream_pool *pool = p->pool;
	if (!wire_takes(c->wire) || !pool->options.idle_per_endpoint) {
		connection_close(connection);
		return;
	}
	*connection = NULL;
	if (p->kept_count == pool->options.idle_per_endpoint)
		close_kept(TAILQ_LAST(&p->kept, connection_list));
	c->user = NULL;
	c->used = true;
	c->kept = now_of(pool);
	wire_give(c->wire, &kept_events, c);
	TAILQ_INSERT_HEAD(&p->kept, c, link);
	TAILQ_INSERT_TAIL(&pool->kept, c, queue);
	p->kept_count++;
	set_timer(pool);
}

/* --- new ones --------------------------------------------------------------------------------- */

static const char *refuse(void *arg, const struct sockaddr *address, char reason[128])
{
	const struct connection *c = arg;
	struct egress_policy policy = c->place->pool->policy;
	policy.loopback |= c->place->endpoint->configured;
	return egress_refusal(&policy, address, reason);
}

/* The system's authorities are many: they are read when the first https node is connected to. */
static SSL_CTX *tls_of(struct upstream_pool *pool)
{
	const char *file = pool->options.ca_file;
	if (pool->tls)
		return pool->tls;
	pool->tls = wire_tls_new("http/1.1");
	if (!wire_tls_trust(pool->tls, file))
		log_event(LOG_ERROR, "no https node is trusted: its authorities cannot be read",
			LOG_TEXT("file", file ? file : "the system's"));
	return pool->tls;
}

static void open_wire(struct connection *c)
{
	const struct endpoint *e = c->place->endpoint;
	struct upstream_pool *pool = c->place->pool;
	char target[300];
	bool bare = strchr(e->host, ':') != NULL;
	snprintf(target, sizeof(target), bare ? "[%s]:%d" : "%s:%d", e->host, e->port);
	c->wire =
		wire_open(loop_uv(pool->options.loop), &(struct wire_options){
							       .target = target,
							       .tls = e->tls ? tls_of(pool) : NULL,
							       .name = e->host,
							       .refuse = refuse,
							       .events = &upstream_wire_events,
							       .arg = c,
						       });
}

/* The newest; NULL: there is none. What has come unasked would be taken for the answer to the next
 * request. With its last connection a place is gone. */
static struct connection *first_kept(struct upstream_pool *pool, struct endpoint *e)
{
	struct place *p;
	struct connection *c = NULL;
	while ((p = table_get(&pool->places, key_of(&e))) && (c = TAILQ_FIRST(&p->kept)) &&
		!wire_is_quiet(c->wire))
		close_kept(c);
	return p ? c : NULL;
}

struct connection *connection_take(
	struct upstream_pool *pool, struct endpoint *e, bool fresh, struct upstream *user)
{
	struct connection *c = fresh ? NULL : first_kept(pool, e);
	if (c) {
		take_out(c);
		wire_give(c->wire, &upstream_wire_events, c);
	} else {
		c = check_calloc(1, sizeof(*c));
		c->place = place_of(pool, e);
		c->place->connections++;
		open_wire(c);
	}
	c->user = user;
	return c;
}

/* --- the pool --------------------------------------------------------------------------------- */

static bool tell_due(void *arg)
{
	struct upstream_pool *pool = arg;
	bool any = !TAILQ_EMPTY(&pool->due);
	while (!TAILQ_EMPTY(&pool->due))
		upstream_tell(&pool->due);
	return any;
}

struct upstream_pool *upstream_pool_open(const struct upstream_pool_options *options)
{
	struct upstream_pool *pool = check_calloc(1, sizeof(*pool));
	pool->options = *options;
	pool->places.exact = true;
	TAILQ_INIT(&pool->kept);
	TAILQ_INIT(&pool->due);
	if (options->ca_file)
		tls_of(pool);
	loop_before_wait(options->loop, tell_due, pool);
	return pool;
}

void upstream_pool_close(struct upstream_pool **p)
{
	struct upstream_pool *pool = *p;
	struct connection *c;
	if (!pool)
		return;
	while ((c = TAILQ_FIRST(&pool->kept)))
		close_kept(c);
	CHECK(!pool->places.count && TAILQ_EMPTY(&pool->due));
	loop_timer_stop(&pool->timer);
	loop_forget_wait(pool->options.loop, pool);
	table_clear(&pool->places);
	wire_tls_release(&pool->tls);
	free(pool->own);
	free(pool);
	*p = NULL;
}

void upstream_pool_allow(struct upstream_pool *pool, const struct egress_policy *policy)
{
	size_t size = policy->own_count * sizeof(*policy->own);
	free(pool->own);
	pool->own = check_malloc(size + 1);
	if (size)
		memcpy(pool->own, policy->own, size);
	pool->policy = *policy;
	pool->policy.own = pool->own;
}

struct upstream_queue *upstream_pool_due(struct upstream_pool *pool)
{
	return &pool->due;
}

struct loop *upstream_pool_loop(const struct upstream_pool *pool)
{
	return pool->options.loop;
}
