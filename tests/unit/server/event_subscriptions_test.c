/* Snapshots of subscriptions: what is read from rows, and who gets an event. */
#include "server/event/subscription/subscriptions.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

#include "server/event/subscription/condition.h"
#include "server/seal.h"
#include "tests/support/event_rows.h"
#include "tests/support/plain_topic.h"

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	arena_free(&arena);
	return 0;
}

#define assert_text(is, string) assert_string_equal((is).data, string)

static struct subscriptions_row row(const char *kind, const char *value)
{
	return (struct subscriptions_row){text_of(kind), text_of(value)};
}

/* --- what is read --------------------------------------------------------------------------- */

#define PUSHED                                                                                     \
	"{\"id\" : \"0b8a\", \"namespace\" : \"default\", \"name\" : \"mails\", \"queue\" : 7, "   \
	"\"patterns\" : [\"user.*\",\"order.**\"], "                                               \
	"\"conditions\" : [{\"path\":\"a.b\",\"values\":[1,\"x\"]},{\"path\":\"c\"}], "            \
	"\"target\" : \"url\", \"url\" : \"https://a.example/x\", \"service\" : null, "            \
	"\"confirm\" : \"explicit\", \"ackWindowMs\" : 1000, \"timeoutMs\" : 2000, "               \
	"\"concurrency\" : 3, \"rate\" : 2.5, \"encryptStored\" : true, "                          \
	"\"pushKey\" : \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\", "                         \
	"\"pushKeyId\" : \"k1\", \"origin\" : \"api\", \"enabled\" : false, "                      \
	"\"secrets\" : [{\"secret\" : \"bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldw==\", "          \
	"\"expires\" : null}, {\"secret\" : \"b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ=\", "                \
	"\"expires\" : 1700000000123}]}"
#define POLLED                                                                                     \
	"{\"id\":\"11\",\"namespace\":\"default\",\"name\":\"all\",\"queue\":9,\"patterns\":["     \
	"\"**\"],\"conditions\":null,\"target\":\"service\",\"url\":null,\"service\":\"app\","     \
	"\"confirm\":\"auto\",\"ackWindowMs\":600000,\"timeoutMs\":15000,\"concurrency\":32,"      \
	"\"rate\":0,\"encryptStored\":false,\"pushKey\":null,\"pushKeyId\":null,"                  \
	"\"origin\":\"configuration\",\"enabled\":true,\"secrets\":[]}"

static const struct subscriptions *make_small(void)
{
	const struct subscriptions_row rows[] = {
		row("queue",
			"{\"id\":9,\"namespace\":\"default\",\"group\":\"g\",\"member\":\"11\","
			"\"paused\":true,\"generation\":5}"),
		row("queue", "{\"id\":7,\"namespace\":\"default\",\"group\":\"g\",\"member\":\"\","
			     "\"paused\":false,\"generation\":1}"),
		row("subscription", PUSHED),
		row("subscription", POLLED),
	};

	return subscriptions_make(rows, sizeof rows / sizeof rows[0], 42);
}

static void a_subscription_has_all_that_its_row_says(void **state)
{
	const struct subscriptions *s = make_small();
	const struct subscription *one = subscriptions_by_id(s, TEXT("0b8a"));
	unsigned char key[SEAL_PUBLIC_KEY];

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)i;
	assert_int_equal(subscriptions_revision(s), 42);
	assert_int_equal(subscriptions_count(s), 2);
	assert_non_null(one);
	assert_text(one->name, "mails");
	assert_text(one->space, "default");
	assert_int_equal(one->queue, 7);
	assert_int_equal(one->pattern_count, 2);
	assert_text(one->patterns[1], "order.**");
	assert_int_equal(one->condition_count, 2);
	assert_int_equal(one->conditions[0].value_count, 2);
	assert_int_equal(one->conditions[1].value_count, 0);
	assert_int_equal(one->target, TARGET_URL);
	assert_text(one->url, "https://a.example/x");
	assert_int_equal(one->service.size, 0);
	assert_true(one->explicit);
	assert_int_equal(one->ack_window_ms, 1000);
	assert_int_equal(one->timeout_ms, 2000);
	assert_int_equal(one->concurrency, 3);
	assert_true(one->rate == 2.5);
	assert_true(one->encrypt_stored);
	assert_memory_equal(one->push_key, key, sizeof key);
	assert_text(one->push_key_id, "k1");
	assert_false(one->enabled);
	assert_int_equal(one->secret_count, 2);
	assert_true(text_equal(one->secrets[0].bytes, TEXT("new-new-new-new-new-new-new-new")));
	assert_true(one->secrets[0].expires_ms == INT64_MAX);
	assert_true(text_equal(one->secrets[1].bytes, TEXT("old-old-old-old-old-old")));
	assert_true(one->secrets[1].expires_ms == 1700000000123);
	subscriptions_release(&s);
	assert_null(s);
}

static void what_is_not_given_is_empty(void **state)
{
	const struct subscriptions *s = make_small();
	const struct subscription *one = subscriptions_by_name(s, TEXT("default"), TEXT("all"));

	assert_non_null(one);
	assert_int_equal(one->target, TARGET_SERVICE);
	assert_text(one->service, "app");
	assert_int_equal(one->url.size, 0);
	assert_int_equal(one->condition_count, 0);
	assert_null(one->push_key);
	assert_int_equal(one->push_key_id.size, 0);
	assert_false(one->explicit);
	assert_true(one->enabled);
	assert_text(one->origin, "configuration");
	assert_int_equal(one->secret_count, 0);
	assert_null(subscriptions_by_name(s, TEXT("other"), TEXT("all")));
	assert_null(subscriptions_by_name(s, TEXT("default"), TEXT("All")));
	assert_null(subscriptions_by_id(s, TEXT("12")));
	subscriptions_release(&s);
}

static void queues_have_their_subscriptions(void **state)
{
	const struct subscriptions *s = make_small();
	const struct event_queue *group = subscriptions_group(s, TEXT("default"), TEXT("g"));
	const struct event_queue *broadcast = subscriptions_queue(s, 9);

	assert_int_equal(subscriptions_queue_count(s), 2);
	assert_int_equal(group->id, 7);
	assert_false(group->paused);
	assert_int_equal(group->member_count, 1);
	assert_ptr_equal(group->members[0], subscriptions_by_id(s, TEXT("0b8a")));
	assert_text(broadcast->member, "11");
	assert_text(broadcast->group, "g");
	assert_true(broadcast->paused);
	assert_int_equal(broadcast->generation, 5);
	assert_int_equal(broadcast->member_count, 1);
	assert_ptr_equal(broadcast->members[0], subscriptions_by_id(s, TEXT("11")));
	assert_null(subscriptions_queue(s, 8));
	assert_null(subscriptions_group(s, TEXT("other"), TEXT("g")));
	assert_null(subscriptions_group(s, TEXT("default"), TEXT("h")));
	subscriptions_release(&s);
}

static void nothing_at_all_is_a_snapshot_too(void **state)
{
	const struct subscriptions *s = subscriptions_make(NULL, 0, 1);

	assert_int_equal(subscriptions_count(s), 0);
	assert_null(subscriptions_queue(s, 1));
	assert_int_equal(
		subscriptions_match(s, arena, TEXT("default"), TEXT("a"), TEXT("null")).count, 0);
	subscriptions_release(&s);
	subscriptions_release(&s);
}

static void what_cannot_be_read_is_left_out(void **state)
{
	char longest[300];

	memset(longest, 'a', sizeof longest);
	const struct subscriptions_row rows[] = {
		event_queue_row(arena, 1, "n"),
		row("queue", "{\"id\":\"x\"}"),
		row("other", "{}"),
		row("subscription", "{"),
		row("subscription", "{\"id\":\"9\"}"),
		event_subscription_row(arena, 1, "n", 1, "[\"a\"]", "null", false),
		event_subscription_row(arena, 2, "n", 2, "[\"no.such.queue\"]", "null", false),
		event_subscription_row(arena, 3, "n", 1,
			arena_printf(arena, "[\"%.300s\"]", longest), "null", false),
		event_subscription_row(
			arena, 4, "n", 1, "[\"a\"]", "[{\"path\":\"\",\"values\":[]}]", false),
		event_subscription_row(arena, 5, "n", 1, "[5]", "null", false),
	};
	const struct subscriptions *s = subscriptions_make(rows, sizeof rows / sizeof rows[0], 1);

	assert_int_equal(subscriptions_queue_count(s), 1);
	assert_int_equal(subscriptions_count(s), 1);
	assert_text(subscriptions_at(s, 0)->id, "1");
	assert_int_equal(subscriptions_queue(s, 1)->member_count, 1);
	subscriptions_release(&s);
}

/* What stands at an address now, be it still in use or not; false: nothing. */
static bool peek(const void *address, char *bytes, size_t size)
{
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t got = pread(memory, bytes, size, (off_t)(uintptr_t)address);

	close(memory);
	return got == (ssize_t)size;
}

static void no_secret_outlives_its_snapshot(void **state)
{
	const struct subscriptions *s = make_small(), *other;
	const struct subscription *one = subscriptions_by_id(s, TEXT("0b8a"));
	struct text secrets[] = {one->secrets[0].bytes, one->secrets[1].bytes};
	char bytes[32];

	assert_true(peek(secrets[0].data, bytes, secrets[0].size));
	assert_memory_equal(bytes, "new-new-", 8);
	other = make_small();
	subscriptions_release(&s);
	for (int i = 0; i < 2; i++)
		if (peek(secrets[i].data, bytes, secrets[i].size))
			assert_null(memmem(bytes, secrets[i].size, i ? "old-old" : "new-new", 7));
	assert_true(text_equal(subscriptions_by_id(other, TEXT("0b8a"))->secrets[1].bytes,
		TEXT("old-old-old-old-old-old")));
	subscriptions_release(&other);
}

/* --- who gets an event ---------------------------------------------------------------------- */

/* "1 5": the queues. */
static const char *match(
	const struct subscriptions *s, const char *space, const char *name, const char *data)
{
	struct subscriptions_match found =
		subscriptions_match(s, arena, text_of(space), text_of(name), text_of(data));
	struct buffer b = {.arena = arena};

	for (size_t i = 0; i < found.count; i++)
		buffer_printf(&b, "%s%d", i ? " " : "", found.queues[i]);
	buffer_printf(&b, "%s", found.encrypt_stored ? " encrypted" : "");
	return arena_string(arena, buffer_text(&b));
}

static void each_queue_gets_it_once(void **state)
{
	const struct subscriptions_row rows[] = {
		event_queue_row(arena, 5, "n"),
		event_queue_row(arena, 1, "n"),
		event_queue_row(arena, 3, "n"),
		event_subscription_row(
			arena, 1, "n", 5, "[\"user.*\",\"user.created\"]", "null", false),
		event_subscription_row(arena, 2, "n", 5, "[\"**\"]", "null", false),
		event_subscription_row(arena, 3, "n", 1, "[\"user.**\",\"*.b\"]", "null", false),
		event_subscription_row(arena, 4, "n", 3, "[\"user.cre*\"]", "null", false),
		event_subscription_row(arena, 5, "n", 3, "[\"user.cre*\"]", "null", false),
	};
	const struct subscriptions *s = subscriptions_make(rows, sizeof rows / sizeof rows[0], 1);

	assert_string_equal(match(s, "n", "user.created", "null"), "1 3 5");
	assert_string_equal(match(s, "n", "user.b", "null"), "1 5");
	assert_string_equal(match(s, "n", "user", "null"), "5");
	assert_string_equal(match(s, "n", "a.b", "null"), "1 5");
	assert_string_equal(match(s, "n", "User.created", "null"), "5");
	assert_string_equal(match(s, "n", "a.B", "null"), "5");
	subscriptions_release(&s);
}

static void namespaces_are_apart(void **state)
{
	const struct subscriptions_row rows[] = {
		event_queue_row(arena, 1, "n"),
		event_queue_row(arena, 2, "m"),
		event_subscription_row(arena, 1, "n", 1, "[\"a\"]", "null", false),
		event_subscription_row(arena, 2, "m", 2, "[\"a\"]", "null", false),
	};
	const struct subscriptions *s = subscriptions_make(rows, sizeof rows / sizeof rows[0], 1);

	assert_string_equal(match(s, "n", "a", "null"), "1");
	assert_string_equal(match(s, "m", "a", "null"), "2");
	assert_string_equal(match(s, "N", "a", "null"), "");
	subscriptions_release(&s);
}

#define IS_ONE "[{\"path\":\"x\",\"values\":[1]}]"

static void conditions_are_asked_of_each(void **state)
{
	const struct subscriptions_row rows[] = {
		event_queue_row(arena, 1, "n"),
		event_queue_row(arena, 2, "n"),
		event_subscription_row(arena, 1, "n", 1, "[\"a\"]", IS_ONE, false),
		event_subscription_row(arena, 2, "n", 2, "[\"a\"]",
			"[{\"path\":\"x\",\"values\":[1,2]},{\"path\":\"y\"}]", false),
		event_subscription_row(arena, 3, "n", 2, "[\"b\"]", IS_ONE, false),
	};
	const struct subscriptions *s = subscriptions_make(rows, sizeof rows / sizeof rows[0], 1);
	const struct subscription *one = subscriptions_by_id(s, TEXT("1"));

	assert_string_equal(match(s, "n", "a", "null"), "");
	assert_string_equal(match(s, "n", "a", "{\"x\":1.0}"), "1");
	assert_string_equal(match(s, "n", "a", "{\"y\":0,\"x\":1}"), "1 2");
	assert_string_equal(match(s, "n", "a", "{\"y\":0,\"x\":2}"), "2");
	assert_string_equal(match(s, "n", "b", "{\"y\":0,\"x\":2}"), "");
	assert_true(subscription_wants(one, TEXT("a"), TEXT("{\"x\":1}")));
	assert_false(subscription_wants(one, TEXT("a"), TEXT("{\"x\":2}")));
	assert_false(subscription_wants(one, TEXT("b"), TEXT("{\"x\":1}")));
	subscriptions_release(&s);
}

/* Of a queue whose first member takes all, those that are left out must not be missed. */
static void one_that_wants_it_encrypted_is_enough(void **state)
{
	const struct subscriptions_row rows[] = {
		event_queue_row(arena, 1, "n"),
		event_queue_row(arena, 2, "n"),
		event_subscription_row(arena, 1, "n", 1, "[\"a\"]", "null", false),
		event_subscription_row(arena, 2, "n", 1, "[\"a\"]", IS_ONE, true),
		event_subscription_row(arena, 3, "n", 2, "[\"b\"]", "null", false),
		event_subscription_row(arena, 4, "n", 2, "[\"b\"]", "null", true),
		event_subscription_row(arena, 5, "n", 2, "[\"*\"]", "null", false),
	};
	const struct subscriptions *s = subscriptions_make(rows, sizeof rows / sizeof rows[0], 1);

	assert_string_equal(match(s, "n", "a", "null"), "1 2");
	assert_string_equal(match(s, "n", "a", "{\"x\":1}"), "1 2 encrypted");
	assert_string_equal(match(s, "n", "b", "null"), "2 encrypted");
	assert_string_equal(match(s, "n", "c", "null"), "2");
	subscriptions_release(&s);
}

/* --- by the definition ---------------------------------------------------------------------- */

enum { QUEUES = 40, SUBSCRIPTIONS = 400, PATTERNS = 3 };

struct made_up {
	int queue;
	bool encrypted, space_n;
	struct text patterns[PATTERNS];
	int pattern_count;
	int wanted; /* value of "x", or -1: it has no condition */
};

static struct text make_up_levels(bool wild)
{
	static const char *const parts[] = {"a", "b", "ab", "*", "**", "?", "a*", "*b", "a?"};
	struct buffer b = {.arena = arena};
	int levels = 1 + rand() % 4;

	for (int i = 0; i < levels; i++)
		buffer_printf(&b, "%s%s", i ? "." : "",
			parts[wild && rand() % 3 == 0 ? 3 + rand() % 6 : rand() % 3]);
	return arena_text(arena, buffer_text(&b));
}

static struct subscriptions_row make_up_subscription(int id, struct made_up *m)
{
	struct buffer list = {.arena = arena};

	m->queue = 1 + rand() % QUEUES;
	m->space_n = m->queue % 4 == 0;
	m->encrypted = rand() % 10 == 0;
	m->wanted = rand() % 3 ? -1 : rand() % 3;
	m->pattern_count = 1 + rand() % PATTERNS;
	for (int i = 0; i < m->pattern_count; i++) {
		m->patterns[i] = make_up_levels(true);
		buffer_printf(&list, "%s\"%.*s\"", i ? "," : "[", TEXT_ARGS(m->patterns[i]));
	}
	return event_subscription_row(arena, id, m->space_n ? "n" : "m", m->queue,
		arena_printf(arena, "%.*s]", (int)list.size, list.data),
		m->wanted < 0
			? "null"
			: arena_printf(arena, "[{\"path\":\"x\",\"values\":[%d]}]", m->wanted),
		m->encrypted);
}

static bool wants(const struct made_up *m, struct text name, int x)
{
	bool matches = false;

	for (int i = 0; i < m->pattern_count; i++)
		matches |= plain_matches(m->patterns[i], name);
	return matches && (m->wanted < 0 || m->wanted == x);
}

/* As match() tells it. */
static const char *expect(const struct made_up *all, bool space_n, struct text name, int x)
{
	bool gets[QUEUES + 1] = {false}, encrypted = false;
	struct buffer b = {.arena = arena};

	for (int i = 0; i < SUBSCRIPTIONS; i++)
		if (all[i].space_n == space_n && wants(&all[i], name, x)) {
			gets[all[i].queue] = true;
			encrypted |= all[i].encrypted;
		}
	for (int queue = 1; queue <= QUEUES; queue++)
		if (gets[queue])
			buffer_printf(&b, "%s%d", b.size ? " " : "", queue);
	buffer_printf(&b, "%s", encrypted ? " encrypted" : "");
	return arena_string(arena, buffer_text(&b));
}

static void what_is_made_up_goes_to_who_wants_it(void **state)
{
	static struct made_up all[SUBSCRIPTIONS];
	struct subscriptions_row rows[QUEUES + SUBSCRIPTIONS];
	size_t some = 0;

	srand(2);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < QUEUES; i++)
			rows[i] = event_queue_row(arena, i + 1, (i + 1) % 4 ? "m" : "n");
		for (int i = 0; i < SUBSCRIPTIONS; i++)
			rows[QUEUES + i] = make_up_subscription(i, &all[i]);
		const struct subscriptions *s = subscriptions_make(rows, QUEUES + SUBSCRIPTIONS, 1);
		assert_int_equal(subscriptions_count(s), SUBSCRIPTIONS);
		for (int i = 0; i < 200; i++) {
			struct text name = make_up_levels(false);
			int x = rand() % 4;
			bool space_n = rand() % 2;
			const char *found = match(s, space_n ? "n" : "m", name.data,
				arena_printf(arena, "{\"x\":%d}", x));
			assert_string_equal(found, expect(all, space_n, name, x));
			some += *found != '\0';
		}
		subscriptions_release(&s);
		arena_clear(arena);
	}
	assert_true(some > 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(a_subscription_has_all_that_its_row_says),
		TEST(what_is_not_given_is_empty),
		TEST(queues_have_their_subscriptions),
		TEST(nothing_at_all_is_a_snapshot_too),
		TEST(what_cannot_be_read_is_left_out),
		TEST(no_secret_outlives_its_snapshot),
		TEST(each_queue_gets_it_once),
		TEST(namespaces_are_apart),
		TEST(conditions_are_asked_of_each),
		TEST(one_that_wants_it_encrypted_is_enough),
		TEST(what_is_made_up_goes_to_who_wants_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
