/* The last line is the name of an event, the lines before it are patterns: each matches if and only
 * if it does by the definition, and the queues that get the event are those of the ones that do. */
#include "base/check.h"
#include "server/event/subscription/topic.h"
#include "tests/support/event_rows.h"
#include "tests/support/plain_topic.h"

enum { PATTERNS = 16 };

/* Pattern i has queue i. */
struct trial {
	struct arena *arena;
	struct text name;
	struct subscriptions_row rows[2 * PATTERNS];
	size_t row_count;
	int wanted[PATTERNS];
	size_t wanted_count;
};

static bool is_registered(struct text pattern)
{
	return !topic_pattern_fault(pattern) && text_utf8_error(pattern) == pattern.size;
}

static void add_pattern(struct trial *t, int id, struct text pattern)
{
	struct buffer list = {.arena = t->arena};
	bool matches = topic_matches(pattern, t->name);

	CHECK(matches == plain_matches(pattern, t->name));
	if (!is_registered(pattern))
		return;
	buffer_add_char(&list, '[');
	json_write_string(&list, pattern);
	buffer_add_char(&list, ']');
	t->rows[t->row_count++] = event_queue_row(t->arena, id, "n");
	t->rows[t->row_count++] = event_subscription_row(
		t->arena, id, "n", id, arena_string(t->arena, buffer_text(&list)), "null", false);
	if (matches)
		t->wanted[t->wanted_count++] = id;
}

static void check_match(const struct trial *t)
{
	const struct subscriptions *s = subscriptions_make(t->rows, t->row_count, 1);
	struct subscriptions_match found =
		subscriptions_match(s, t->arena, TEXT("n"), t->name, TEXT("null"));

	CHECK(subscriptions_count(s) * 2 == t->row_count);
	CHECK(found.count == t->wanted_count);
	for (size_t i = 0; i < found.count; i++)
		CHECK(found.queues[i] == t->wanted[i]);
	subscriptions_release(&s);
}

static size_t last_line(struct text input)
{
	size_t from = input.size;

	while (from > 0 && input.data[from - 1] != '\n')
		from--;
	return from;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input = {size ? (const char *)data : "", size};
	size_t name_at = last_line(input), from = 0, end;
	struct trial t = {.name = text_from(input, name_at)};

	if (t.name.size > PLAIN_NAME_MAX)
		return 0;
	t.arena = arena_new(0);
	for (int id = 0; id < PATTERNS && from < name_at; id++, from = end + 1) {
		end = text_find(input, '\n', from);
		if (end - from <= TOPIC_MAX)
			add_pattern(&t, id, text_until(text_from(input, from), end - from));
	}
	check_match(&t);
	(void)topic_name_fault(t.name);
	arena_free(&t.arena);
	return 0;
}
