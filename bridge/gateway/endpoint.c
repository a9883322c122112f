/*
 * Endpoint: a table of those that are held. References go up and down without the lock, but for the
 * last one.
 *
 * The window is a ring of buckets, each begun when an outcome comes a tenth of the window after the
 * one before began; rules with different windows share it, the shorter one deciding how fine it is.
 * `until` says without the lock whether an endpoint is left alone: 0, or when it is to be tried.
 *
 * Which request is the trial is not known when it ends: others may still be under way that went
 * there before the endpoint was left alone (`older` of them). As long as there are any, a failure
 * is taken for one of theirs, and a success for the trial's. A trial that takes longer than the
 * endpoint was left alone makes way for another one.
 */
#include "bridge/gateway/endpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/table.h"

enum { BUCKETS = 10, GROWTH_MAX = 10 /* times half_open_ms */ };

struct bucket {
	int64_t begun;
	int outcomes, failures;
};

struct endpoint_health {
	struct endpoint endpoint; /* what others see */
	atomic_uint references;
	struct text key; /* in the table */
	pthread_mutex_t lock;
	atomic_int_fast64_t until;
	/* The rest under the lock. */
	struct bucket buckets[BUCKETS];
	unsigned newest;
	int unreached;      /* in a row */
	int older;          /* begun before it was left alone, not ended yet */
	int64_t wait;       /* how long it is left alone, before it is varied */
	int64_t trial_ends; /* when another trial may begin; 0: none is under way */
};

static struct table endpoints = {.exact = true};
static pthread_mutex_t endpoints_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- metrics --------------------------------------------------------------------------------- */

enum change { LEFT_ALONE, TAKEN_AGAIN, CHANGES };

static const char *change_name(size_t index)
{
	static const char *const names[CHANGES] = {"left_alone", "taken_again"};
	return names[index];
}

static struct metric changes = {
	.name = "junction_gateway_endpoint_changes_total",
	.help = "Endpoints that began to be left alone, or to be taken again.",
	.kind = METRIC_COUNTER,
	.labels = {{"change", change_name, CHANGES}},
};

static struct metric left_alone = {
	.name = "junction_gateway_endpoints_left_alone",
	.help = "Endpoints that are left alone, since they failed too often.",
	.kind = METRIC_GAUGE,
};

static void register_metrics(void)
{
	metric_register(&changes);
	metric_register(&left_alone);
}

/* --- holding --------------------------------------------------------------------------------- */

/* The key becomes the endpoint's. */
static struct endpoint *make(const char *host, int port, bool tls, bool configured, char *key)
{
	struct endpoint_health *h = check_calloc(1, sizeof(*h));
	h->endpoint = (struct endpoint){
		.host = check_strdup(host),
		.port = port,
		.tls = tls,
		.configured = configured,
		.health = h,
	};
	h->key = text_of(key);
	CHECK(!pthread_mutex_init(&h->lock, NULL));
	table_put(&endpoints, h->key, h);
	return &h->endpoint;
}

static void destroy(struct endpoint_health *h)
{
	CHECK(atomic_load(&h->endpoint.outstanding) == 0);
	if (atomic_load(&h->until))
		metric_add(&left_alone, 0, -1);
	pthread_mutex_destroy(&h->lock);
	free((char *)h->key.data);
	free((char *)h->endpoint.host);
	free(h);
}

struct endpoint *endpoint_hold(const char *host, int port, bool tls, bool configured)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t size = strlen(host) + 32;
	char *key = check_malloc(size);
	snprintf(key, size, "%s %d%s%s", host, port, tls ? " tls" : "",
		configured ? " configured" : "");
	pthread_once(&once, register_metrics);
	pthread_mutex_lock(&endpoints_lock);
	struct endpoint_health *h = table_get(&endpoints, text_of(key));
	struct endpoint *e = h ? &h->endpoint : make(host, port, tls, configured, key);
	atomic_fetch_add(&e->health->references, 1);
	pthread_mutex_unlock(&endpoints_lock);
	if (h)
		free(key);
	return e;
}

struct endpoint *endpoint_hold_more(struct endpoint *e)
{
	atomic_fetch_add(&e->health->references, 1);
	return e;
}

void endpoint_release(struct endpoint **e)
{
	if (!*e)
		return;
	struct endpoint_health *h = (*e)->health;
	unsigned references = atomic_load(&h->references);
	*e = NULL;
	while (references > 1)
		if (atomic_compare_exchange_weak(&h->references, &references, references - 1))
			return;
	pthread_mutex_lock(&endpoints_lock);
	bool last = atomic_fetch_sub(&h->references, 1) == 1;
	if (last)
		table_remove(&endpoints, h->key);
	pthread_mutex_unlock(&endpoints_lock);
	if (last)
		destroy(h);
}

/* --- the window ------------------------------------------------------------------------------ */

static void count(struct endpoint_health *h, int64_t window, bool failed, int64_t now)
{
	struct bucket *b = &h->buckets[h->newest];
	if (!b->outcomes || now - b->begun >= window / BUCKETS) {
		h->newest = b->outcomes ? (h->newest + 1) % BUCKETS : h->newest;
		b = &h->buckets[h->newest];
		*b = (struct bucket){.begun = now};
	}
	b->outcomes++;
	b->failures += failed;
}

static struct bucket sum(const struct endpoint_health *h, int64_t window, int64_t now)
{
	struct bucket all = {0};
	for (int i = 0; i < BUCKETS; i++)
		if (h->buckets[i].begun > now - window) {
			all.outcomes += h->buckets[i].outcomes;
			all.failures += h->buckets[i].failures;
		}
	return all;
}

/* --- leaving alone --------------------------------------------------------------------------- */

static void tell(const struct endpoint_health *h, enum change change, const char *reason)
{
	const struct endpoint *e = &h->endpoint;
	bool v6 = strchr(e->host, ':');
	char address[320];
	snprintf(address, sizeof(address), v6 ? "[%s]:%d" : "%s:%d", e->host, e->port);
	log_event(change == LEFT_ALONE ? LOG_WARN : LOG_INFO,
		change == LEFT_ALONE ? "endpoint left alone" : "endpoint taken again",
		LOG_TEXT("address", address), LOG_TEXT("reason", reason));
	metric_add(&changes, change, 1);
	metric_add(&left_alone, 0, change == LEFT_ALONE ? 1 : -1);
}

/* The wait, varied by up to a fifth both ways. */
static int64_t vary(int64_t wait)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	return wait / 5 * 4 + (int64_t)((double)wait * 0.4 * random / UINT32_MAX);
}

static void leave_alone(struct endpoint_health *h, int64_t wait, const char *reason, int64_t now)
{
	h->wait = wait;
	h->older = atomic_load(&h->endpoint.outstanding);
	h->trial_ends = 0;
	atomic_store(&h->until, now + vary(wait));
	tell(h, LEFT_ALONE, reason);
}

static void take_again(struct endpoint_health *h)
{
	memset(h->buckets, 0, sizeof(h->buckets));
	h->unreached = 0;
	h->trial_ends = 0;
	atomic_store(&h->until, 0);
	tell(h, TAKEN_AGAIN, "a request succeeded");
}

/* One that failed before its time, since there was no other endpoint, says nothing new. */
static void fail_trial(
	struct endpoint_health *h, const Registry__RouteBreaker *breaker, int64_t now)
{
	int64_t most = breaker->half_open_ms * CLOCK_MS * GROWTH_MAX;
	if (now >= atomic_load(&h->until))
		h->wait += h->wait / 2;
	if (h->wait > most)
		h->wait = most;
	h->trial_ends = 0;
	atomic_store(&h->until, now + vary(h->wait));
}

static void end_trial(struct endpoint_health *h, const Registry__RouteBreaker *breaker,
	enum endpoint_outcome outcome, int64_t now)
{
	bool old = h->older > 0 && (!h->trial_ends || outcome != ENDPOINT_ANSWERED);
	if (old)
		h->older--;
	else if (h->trial_ends && outcome == ENDPOINT_ANSWERED)
		take_again(h);
	else if (h->trial_ends && outcome == ENDPOINT_UNKNOWN)
		h->trial_ends = 0;
	else if (h->trial_ends)
		fail_trial(h, breaker, now);
}

static void judge(struct endpoint_health *h, const Registry__RouteBreaker *breaker,
	enum endpoint_outcome outcome, int64_t now)
{
	int64_t window = breaker->window_ms * CLOCK_MS, wait = breaker->half_open_ms * CLOCK_MS;
	char reason[64];
	h->unreached = outcome == ENDPOINT_NOT_REACHED ? h->unreached + 1 : 0;
	count(h, window, outcome != ENDPOINT_ANSWERED, now);
	if (outcome == ENDPOINT_ANSWERED)
		return;
	struct bucket all = sum(h, window, now);
	if (breaker->consecutive > 0 && h->unreached >= breaker->consecutive) {
		snprintf(reason, sizeof(reason), "not reached %d times in a row", h->unreached);
		leave_alone(h, wait, reason, now);
	} else if (breaker->percent > 0 && all.outcomes >= breaker->volume &&
		   (int64_t)all.failures * 100 >= (int64_t)all.outcomes * breaker->percent) {
		snprintf(reason, sizeof(reason), "%d of %d requests failed", all.failures,
			all.outcomes);
		leave_alone(h, wait, reason, now);
	}
}

/* --- requests -------------------------------------------------------------------------------- */

bool endpoint_is_open(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now)
{
	struct endpoint_health *h = e->health;
	int64_t until = atomic_load(&h->until);
	if (!breaker || !until)
		return true;
	if (now < until)
		return false;
	pthread_mutex_lock(&h->lock);
	bool open = now >= h->trial_ends;
	pthread_mutex_unlock(&h->lock);
	return open;
}

/* force: also if it may not go there. */
static bool begin(
	struct endpoint *e, const Registry__RouteBreaker *breaker, bool force, int64_t now)
{
	struct endpoint_health *h = e->health;
	bool may = true;
	if (breaker && atomic_load(&h->until)) {
		pthread_mutex_lock(&h->lock);
		int64_t until = atomic_load(&h->until);
		may = !until || force || (now >= until && now >= h->trial_ends);
		if (until && may && now >= h->trial_ends)
			h->trial_ends = now + h->wait;
		pthread_mutex_unlock(&h->lock);
	}
	if (may)
		atomic_fetch_add(&e->outstanding, 1);
	return may;
}

bool endpoint_begin(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now)
{
	return begin(e, breaker, false, now);
}

void endpoint_begin_anyway(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now)
{
	begin(e, breaker, true, now);
}

int64_t endpoint_trial_time(struct endpoint *e)
{
	return atomic_load(&e->health->until);
}

void endpoint_end(struct endpoint *e, const Registry__RouteBreaker *breaker,
	enum endpoint_outcome outcome, int64_t now)
{
	struct endpoint_health *h = e->health;
	atomic_fetch_sub(&e->outstanding, 1);
	if (!breaker)
		return;
	pthread_mutex_lock(&h->lock);
	if (atomic_load(&h->until))
		end_trial(h, breaker, outcome, now);
	else if (outcome != ENDPOINT_UNKNOWN)
		judge(h, breaker, outcome, now);
	pthread_mutex_unlock(&h->lock);
}
