/*
 * Match in process: subscriptions as a server has them, and events matched against them one after
 * the other.
 *
 * usage: bench_match PATTERNS SECONDS
 * prints one line of JSON: {"load_ms":, "mb":, "patterns":, "asked":, "matched":, "p50_ns":,
 * "p99_ns":}; matched: queues that get an event, on average
 *
 * Of 20 patterns of a service 14 are names, 4 are "service.thing.*", one is "service.**" and one
 * has a wildcard within a level; each has a subscription. Ten subscriptions share a queue. Events
 * are of all services alike, so a pattern more changes little about how many an event meets.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/event/subscription/subscriptions.h"

enum { OF_SERVICE = 20, PER_QUEUE = 10, THINGS = 8, ACTIONS = 8, NAMES = 1 << 16, MOST = 1 << 22 };

static const char *const actions[ACTIONS] = {
	"created", "updated", "deleted", "paid", "shipped", "returned", "failed", "closed"};

static char *pattern(struct arena *a, int i)
{
	int service = i / OF_SERVICE, place = i % OF_SERVICE;

	if (place < 14)
		return arena_printf(a, "service%d.thing%d.%s", service, place % THINGS,
			actions[place / 2 % ACTIONS]);
	if (place < 18)
		return arena_printf(a, "service%d.thing%d.*", service, place - 14);
	return arena_printf(a, place == 18 ? "service%d.**" : "service%d.thing?.cr*", service);
}

static char *event(struct arena *a, int services)
{
	return arena_printf(a, "service%d.thing%d.%s", rand() % services, rand() % THINGS,
		actions[rand() % ACTIONS]);
}

static struct subscriptions_row queue_row(struct arena *a, int id)
{
	return (struct subscriptions_row){
		TEXT("queue"), text_of(arena_printf(a,
				       "{\"id\":%d,\"namespace\":\"default\",\"group\":\"group%d\","
				       "\"member\":\"\","
				       "\"paused\":false,\"generation\":1}",
				       id, id))};
}

static struct subscriptions_row subscription_row(struct arena *a, int i)
{
	return (struct subscriptions_row){TEXT("subscription"),
		text_of(arena_printf(a,
			"{\"id\":\"%08x-0000-4000-8000-000000000000\",\"namespace\":\"default\","
			"\"name\":\"subscription%d\",\"queue\":%d,\"patterns\":[\"%s\"],"
			"\"conditions\":null,\"target\":\"url\",\"url\":\"https://a.example/%d\","
			"\"service\":null,\"confirm\":\"auto\",\"ackWindowMs\":600000,"
			"\"timeoutMs\":15000,\"concurrency\":32,\"rate\":0,"
			"\"encryptStored\":false,\"pushKey\":null,\"pushKeyId\":null,"
			"\"origin\":\"api\",\"enabled\":true,\"secrets\":[{\"secret\":"
			"\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\",\"expires\":null}]}",
			i, i, i / PER_QUEUE, pattern(a, i), i))};
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static size_t match(const struct subscriptions *s, struct arena *a, const char *name)
{
	return subscriptions_match(s, a, TEXT("default"), text_of(name), TEXT("null")).count;
}

int main(int argc, char **argv)
{
	CHECK(argc == 3 && atoi(argv[1]) > 0);
	int patterns = atoi(argv[1]), queues = (patterns + PER_QUEUE - 1) / PER_QUEUE;
	int services = (patterns + OF_SERVICE - 1) / OF_SERVICE;
	struct arena *making = arena_new(0), *turn = arena_new(0);
	struct subscriptions_row *rows =
		arena_array(making, (size_t)(queues + patterns), sizeof *rows);
	char **names = arena_array(making, NAMES, sizeof *names);
	size_t asked = 0, matched = 0;

	for (int i = 0; i < queues; i++)
		rows[i] = queue_row(making, i);
	for (int i = 0; i < patterns; i++)
		rows[queues + i] = subscription_row(making, i);
	for (int i = 0; i < NAMES; i++)
		names[i] = event(making, services);

	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	int64_t began = clock_now();
	const struct subscriptions *s = subscriptions_make(rows, (size_t)(queues + patterns), 1);
	double load_ms = (double)(clock_now() - began) / 1e6;
	size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;

	int64_t *times = check_calloc(MOST, sizeof *times);
	int64_t until = clock_now() + atoi(argv[2]) * CLOCK_SECOND, now = clock_now();
	for (; asked < MOST && now < until; asked++) {
		matched += match(s, turn, names[asked % NAMES]);
		arena_clear(turn);
		int64_t then = clock_now();
		times[asked] = then - now;
		now = then;
	}
	qsort(times, asked, sizeof *times, compare);
	printf("{\"load_ms\":%.1f,\"mb\":%.2f,\"patterns\":%d,\"asked\":%zu,\"matched\":%.2f,"
	       "\"p50_ns\":%lld,\"p99_ns\":%lld}\n",
		load_ms, (double)bytes / 1e6, patterns, asked, (double)matched / (double)asked,
		(long long)times[asked / 2], (long long)times[asked * 99 / 100]);
	subscriptions_release(&s);
	arena_free(&turn);
	arena_free(&making);
	return 0;
}
