/*
 * A source is where an issuer's keys come from, and the keys that have come. All sources are under
 * one lock, which is held to look and to change, never to verify, read or fetch: a set of keys is
 * immutable and counted. A timer on the fetch lane's thread begins the fetches that are due; an
 * unknown kid only makes one due earlier. A source whose issuer has gone is freed when no fetch of
 * it is under way.
 */
#include "server/auth/token/issuer_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/table.h"

enum {
	TICK_MS = 50,
	TIMEOUT_MS = 5000,
	BODY_LIMIT = 64 * 1024,
};

struct keys {
	atomic_int references;
	struct jwt_key_set set;
};

struct source {
	struct text name, jwks, jwks_url; /* as the issuer's */
	uint64_t seen;                    /* by which round of issuer_keys_changed() */
	struct keys *keys;                /* NULL: there are none yet */
	int64_t begun, due;               /* the last fetch and the next one, on clock_now() */
	bool fetching;
	atomic_bool gone;

	/* The fetch lane's thread's. */
	struct arena *arena;
	struct fetch_request request;
	struct fetch_job job;
	bool failing;
};

static struct {
	struct issuer_keys_options options;
	struct loop_task starting;
	pthread_mutex_t lock; /* guards the table and the sources */
	struct table sources;
	uint64_t round;
	atomic_uint_fast64_t generation; /* raised when the keys have changed */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER, .sources = {.exact = true}};

/* --- metric ----------------------------------------------------------------------------------- */

enum outcome { FETCHED, FAILED, OUTCOMES };

static const char *outcome_name(size_t index)
{
	return index == FETCHED ? "fetched" : "failed";
}

static struct metric fetches = {
	.name = "junction_auth_issuer_fetches_total",
	.help = "Fetches of the keys of outside issuers.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

/* --- keys ------------------------------------------------------------------------------------- */

static struct keys *keys_of(const struct jwt_key_set *set)
{
	struct keys *keys = check_calloc(1, sizeof(*keys));

	atomic_init(&keys->references, 1);
	keys->set = *set;
	return keys;
}

static void release_keys(struct keys *keys)
{
	if (!keys || atomic_fetch_sub(&keys->references, 1) > 1)
		return;
	jwt_key_set_free(&keys->set);
	free(keys);
}

/* --- sources ---------------------------------------------------------------------------------- */

static struct text copy(struct text t)
{
	char *bytes = check_malloc(t.size + 1);

	memcpy(bytes, t.data, t.size);
	bytes[t.size] = '\0';
	return (struct text){bytes, t.size};
}

static void read_given(struct source *s)
{
	struct arena *a = arena_new(0);
	struct jwt_key_set set;
	struct status status;

	if (jwt_key_set_read(s->jwks, &set, &status, a))
		s->keys = keys_of(&set);
	else
		log_event(LOG_ERROR, "issuer's keys cannot be read", LOG_SLICE("issuer", s->name),
			LOG_TEXT("reason", status.message));
	arena_free(&a);
}

static struct source *source_new(const struct issuer *issuer)
{
	struct source *s = check_calloc(1, sizeof(*s));

	s->name = copy(issuer->name);
	s->jwks = copy(issuer->jwks);
	s->jwks_url = copy(issuer->jwks_url);
	s->due = s->jwks_url.size ? clock_now() : CLOCK_NEVER;
	if (s->jwks.size)
		read_given(s);
	return s;
}

static void source_free(struct source *s)
{
	release_keys(s->keys);
	free((char *)s->name.data);
	free((char *)s->jwks.data);
	free((char *)s->jwks_url.data);
	free(s);
}

/* Under the lock. */
static void forget(struct source *s)
{
	table_remove(&known.sources, s->name);
	atomic_store(&s->gone, true);
	if (!s->fetching)
		source_free(s);
}

/* Under the lock; NULL if there is none, or it is of the issuer as it was. */
static struct source *source_of(const struct issuer *issuer)
{
	struct source *s = table_get(&known.sources, issuer->name);

	return s && text_equal(s->jwks_url, issuer->jwks_url) && text_equal(s->jwks, issuer->jwks)
		       ? s
		       : NULL;
}

/* --- following the directory ------------------------------------------------------------------ */

static void put(const struct issuer *issuer)
{
	struct source *s, *before, *made;

	pthread_mutex_lock(&known.lock);
	s = source_of(issuer);
	if (s)
		s->seen = known.round;
	pthread_mutex_unlock(&known.lock);
	if (s)
		return;
	made = source_new(issuer);
	made->seen = known.round;
	pthread_mutex_lock(&known.lock);
	before = table_get(&known.sources, issuer->name);
	if (before)
		forget(before);
	table_put(&known.sources, made->name, made);
	atomic_fetch_add(&known.generation, 1);
	call_gate_changed();
	pthread_mutex_unlock(&known.lock);
}

/* Under the lock. */
static struct source *first_unseen(void)
{
	struct table_cursor cursor = {0};
	struct source *s;

	while ((s = table_next(&known.sources, &cursor)))
		if (s->seen != known.round)
			return s;
	return NULL;
}

void issuer_keys_changed(void)
{
	const struct directory *d = directory_hold();
	struct directory_cursor cursor = {0};
	const struct issuer *issuer;
	struct source *unseen;

	known.round++;
	while ((issuer = directory_next_issuer(d, &cursor)))
		put(issuer);
	directory_release(&d);
	pthread_mutex_lock(&known.lock);
	while ((unseen = first_unseen()))
		forget(unseen);
	pthread_mutex_unlock(&known.lock);
}

/* --- fetching: the fetch lane's thread -------------------------------------------------------- */

/* NULL with the set, or what is wrong. */
static const char *judge(struct arena *a, const struct fetch_response *response,
	const struct status *error, struct jwt_key_set *set)
{
	struct status status;

	if (!response)
		return error->message;
	if (response->status != 200)
		return arena_printf(a, "status %d", response->status);
	return jwt_key_set_read(response->body, set, &status, a) ? NULL : status.message;
}

/* Said once an outage, and when it is over. */
static void tell(struct source *s, const char *wrong, size_t count)
{
	bool first = !s->keys;

	metric_add(&fetches, wrong ? FAILED : FETCHED, 1);
	if (wrong && !s->failing)
		log_event(LOG_WARN, "issuer's keys cannot be fetched", LOG_SLICE("issuer", s->name),
			LOG_TEXT("reason", wrong));
	else if (!wrong && (first || s->failing))
		log_event(LOG_INFO, "issuer's keys fetched", LOG_SLICE("issuer", s->name),
			LOG_NUMBER("keys", (int64_t)count));
	s->failing = wrong != NULL;
}

static void ended(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct source *s = (struct source *)((char *)job - offsetof(struct source, job));
	struct arena *a = s->arena;
	struct jwt_key_set set;
	struct keys *before = NULL;
	const char *wrong = judge(a, response, error, &set);
	struct keys *fetched = wrong ? NULL : keys_of(&set);

	if (!atomic_load(&s->gone))
		tell(s, wrong, fetched ? set.count : 0);
	pthread_mutex_lock(&known.lock);
	s->fetching = false;
	if (fetched) {
		before = s->keys;
		s->keys = fetched;
		atomic_fetch_add(&known.generation, 1);
		call_gate_changed();
	} else if (s->due > s->begun + known.options.cooldown_ms * CLOCK_MS) {
		s->due = s->begun + known.options.cooldown_ms * CLOCK_MS;
	}
	if (atomic_load(&s->gone))
		source_free(s);
	pthread_mutex_unlock(&known.lock);
	release_keys(before);
	arena_free(&a);
}

/* A tenth more or less, so that many servers do not ask at once. */
static int64_t scattered(int64_t interval)
{
	return interval - interval / 10 + clock_now() % (interval / 5);
}

static void begin_fetch(struct source *s, int64_t now)
{
	static const struct fetch_header accept[] = {
		{TEXT("Accept"), TEXT("application/jwk-set+json, application/json")}};

	s->arena = arena_new(0);
	s->request = (struct fetch_request){
		.method = "GET",
		.url = s->jwks_url.data,
		.headers = accept,
		.header_count = 1,
		.connect_timeout_ms = TIMEOUT_MS,
		.total_timeout_ms = TIMEOUT_MS,
		.response_limit = BODY_LIMIT,
		.fresh = true,
	};
	s->job = (struct fetch_job){
		.arena = s->arena,
		.request = &s->request,
		.deadline = CLOCK_NEVER,
		.cancelled = &s->gone,
		.done = ended,
	};
	if (!fetch_submit(known.options.fetch, &s->job)) {
		arena_free(&s->arena);
		return;
	}
	s->fetching = true;
	s->begun = now;
	s->due = now + scattered(known.options.refresh_ms * CLOCK_MS);
}

static void begin_due(void *arg)
{
	struct table_cursor cursor = {0};
	int64_t now = clock_now();
	struct source *s;

	pthread_mutex_lock(&known.lock);
	while ((s = table_next(&known.sources, &cursor)))
		if (!s->fetching && s->due <= now)
			begin_fetch(s, now);
	pthread_mutex_unlock(&known.lock);
}

/* --- verifying -------------------------------------------------------------------------------- */

/* NULL: there are none. */
static struct keys *hold_keys(const struct issuer *issuer)
{
	struct source *s;
	struct keys *keys;

	pthread_mutex_lock(&known.lock);
	s = source_of(issuer);
	keys = s ? s->keys : NULL;
	if (keys)
		atomic_fetch_add(&keys->references, 1);
	pthread_mutex_unlock(&known.lock);
	return keys;
}

static void want_fetch(const struct issuer *issuer)
{
	int64_t now = clock_now();
	struct source *s;

	pthread_mutex_lock(&known.lock);
	s = source_of(issuer);
	if (s && s->jwks_url.size) {
		int64_t earliest = s->begun + known.options.cooldown_ms * CLOCK_MS;
		int64_t wanted = earliest > now ? earliest : now;
		s->due = s->due < wanted ? s->due : wanted;
	}
	pthread_mutex_unlock(&known.lock);
}

bool issuer_keys_verify(const struct issuer *issuer, const struct jwt *jwt)
{
	struct keys *keys = hold_keys(issuer);
	bool verified = false, named = false;

	for (size_t i = 0; keys && i < keys->set.count && !verified; i++) {
		if (jwt->kid.size && !text_equal(jwt->kid, keys->set.kids[i]))
			continue;
		named = true;
		verified = jwt_verify(jwt, keys->set.keys[i]);
	}
	if (keys && jwt->kid.size && !named)
		want_fetch(issuer);
	release_keys(keys);
	return verified;
}

uint64_t issuer_keys_generation(void)
{
	return atomic_load(&known.generation);
}

/* --- life ------------------------------------------------------------------------------------- */

static void begin(struct loop_task *task)
{
	loop_every(fetch_loop(known.options.fetch), TICK_MS, begin_due, NULL);
}

void issuer_keys_start(const struct issuer_keys_options *options)
{
	metric_register(&fetches);
	known.options = *options;
	known.starting.run = begin;
	loop_post(fetch_loop(options->fetch), &known.starting);
}

void issuer_keys_stop(void)
{
	struct table_cursor cursor = {0};
	struct source *s;

	while ((s = table_next(&known.sources, &cursor)))
		source_free(s);
	table_clear(&known.sources);
}
