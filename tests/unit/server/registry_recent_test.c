/* Cursors, and what is kept of the log in memory: its bounds, its gaps, its readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "proto/runtime/guard.h"
#include "server/registry/recent.h"

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

/* --- cursors -------------------------------------------------------------------------------- */

static void a_cursor_is_read_as_it_is_written(void **state)
{
	static const char *const texts[] = {
		"0", "17", "17.3", "17.0", "9223372036854775807", "9223372036854775807.2147483646"};
	struct cursor cursor;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_true(cursor_read(text_of(texts[i]), &cursor));
		assert_string_equal(cursor_write(arena, cursor), texts[i]);
	}
	assert_true(cursor_read(TEXT("17"), &cursor));
	assert_int_equal(cursor.part, RECENT_WHOLE);
}

static void what_is_no_cursor_is_refused(void **state)
{
	static const char *const texts[] = {"", ".", "1.", ".1", "-1", "+1", " 1", "1 ", "1.-1",
		"1.+1", "1. 1", "1.1.1", "1e3", "0x1", "9223372036854775808", "1.2147483648", "x"};
	struct cursor cursor;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(cursor_read(text_of(texts[i]), &cursor));
}

static void cursors_are_ordered_as_the_log(void **state)
{
	const struct cursor order[] = {{1, 0}, {1, 1}, {1, 9}, {1, RECENT_WHOLE}, {2, 0}, {2, 1}};

	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 6; j++)
			assert_int_equal(cursor_compare(order[i], order[j]), (i > j) - (i < j));
}

/* --- what is kept --------------------------------------------------------------------------- */

static const struct recent_wish all = {
	.space = {"s", 1}, .service_key = {"", 0}, .most_bytes = SIZE_MAX};

static struct index_change deletion(const char *space, const char *key, int64_t revision, int part)
{
	return (struct index_change){
		.kind = INDEX_DELETE_SERVICE,
		.revision = revision,
		.part = part,
		.at_ms = 1,
		.space = text_of(space),
		.service_key = text_of(key),
		.key = text_of(key),
		.author_address = TEXT(""),
		.author_application = TEXT(""),
		.author_user = TEXT(""),
		.author_trace = TEXT(""),
	};
}

/* A revision of so many parts. */
static void add(struct recent *r, const char *space, const char *key, int64_t revision, int parts)
{
	struct index_change *changes = arena_array(arena, (size_t)parts, sizeof *changes);

	for (int i = 0; i < parts; i++)
		changes[i] = deletion(space, key, revision, i + 1);
	recent_add(r, changes, (size_t)parts, revision, false);
}

static struct recent *holding(size_t count, int64_t first, int64_t last)
{
	struct recent *r = recent_new(count, SIZE_MAX);

	recent_add(r, NULL, 0, first - 1, true);
	for (int64_t i = first; i <= last; i++)
		add(r, "s", "k", i, 1);
	return r;
}

/* How many follow, as a result; the cursor moves. */
static size_t following(struct recent *r, const struct recent_wish *wish, struct cursor *cursor)
{
	struct recent_batch batch;
	enum recent_result result = recent_read(r, wish, cursor, &batch);
	size_t count = batch.count;

	assert_int_equal(result, count ? RECENT_FOUND : RECENT_NOTHING);
	recent_release(&batch);
	return count;
}

static void assert_result(struct recent *r, int64_t revision, int part, enum recent_result wanted)
{
	struct cursor cursor = {revision, part};
	struct recent_batch batch;

	assert_int_equal(recent_read(r, &all, &cursor, &batch), wanted);
	assert_int_equal(cursor.revision, revision);
	assert_int_equal(cursor.part, part);
	assert_int_equal(batch.count, 0);
}

static void what_follows_a_cursor_is_read(void **state)
{
	struct recent *r = holding(10, 5, 9);
	struct cursor cursor = {6, RECENT_WHOLE};

	assert_int_equal(following(r, &all, &cursor), 3);
	assert_int_equal(cursor_compare(cursor, (struct cursor){9, RECENT_WHOLE}), 0);
	assert_int_equal(following(r, &all, &cursor), 0);
	cursor = (struct cursor){4, RECENT_WHOLE};
	assert_int_equal(following(r, &all, &cursor), 5);
	assert_result(r, 3, RECENT_WHOLE, RECENT_TOO_OLD);
	assert_result(r, 4, 7, RECENT_TOO_OLD);
	assert_result(r, 10, 0, RECENT_AHEAD);
	recent_free(&r);
	assert_null(r);
}

static void nothing_is_known_before_the_first_load(void **state)
{
	struct recent *r = recent_new(10, SIZE_MAX);

	assert_result(r, 1, 0, RECENT_AHEAD);
	recent_free(&r);
}

static void the_ring_keeps_the_latest(void **state)
{
	struct recent *r = holding(3, 1, 10);
	struct cursor cursor = recent_floor(r);

	assert_int_equal(cursor_compare(cursor, (struct cursor){7, 1}), 0);
	assert_int_equal(following(r, &all, &cursor), 3);
	assert_result(r, 7, 0, RECENT_TOO_OLD);
	recent_free(&r);
}

static void bytes_are_bounded_even_within_a_revision(void **state)
{
	struct recent *r = recent_new(100, 2000);
	struct cursor cursor;

	recent_add(r, NULL, 0, 6, true);
	add(r, "s", "k", 7, 90);
	cursor = recent_floor(r);
	assert_int_equal(cursor.revision, 7);
	size_t kept = following(r, &all, &cursor);
	assert_in_range(kept, 1, 40);
	assert_int_equal(cursor_compare(cursor, (struct cursor){7, RECENT_WHOLE}), 0);
	assert_result(r, 7, 90 - (int)kept - 1, RECENT_TOO_OLD);
	recent_free(&r);
}

static void one_that_is_too_large_leaves_nothing(void **state)
{
	struct recent *r = recent_new(100, 10);
	struct cursor cursor = {7, 2};

	recent_add(r, NULL, 0, 6, true);
	add(r, "s", "k", 7, 2);
	assert_int_equal(following(r, &all, &cursor), 0);
	assert_result(r, 7, 1, RECENT_TOO_OLD);
	recent_free(&r);
}

static void a_large_revision_comes_in_pieces(void **state)
{
	struct recent *r = recent_new(1000, SIZE_MAX);
	struct cursor cursor = {6, RECENT_WHOLE};

	recent_add(r, NULL, 0, 6, true);
	add(r, "s", "k", 7, RECENT_MOST * 2 + 1);
	assert_int_equal(following(r, &all, &cursor), RECENT_MOST);
	assert_int_equal(cursor_compare(cursor, (struct cursor){7, RECENT_MOST}), 0);
	assert_int_equal(following(r, &all, &cursor), RECENT_MOST);
	assert_int_equal(following(r, &all, &cursor), 1);
	assert_int_equal(cursor.part, RECENT_WHOLE);
	recent_free(&r);
}

static void a_batch_has_a_bound_of_bytes(void **state)
{
	struct recent *r = holding(10, 1, 5);
	struct recent_wish wish = all;
	struct cursor cursor = {0, RECENT_WHOLE};

	wish.most_bytes = 1;
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(following(r, &wish, &cursor), 1);
		assert_int_equal(cursor.revision, i);
	}
	assert_int_equal(following(r, &wish, &cursor), 0);
	recent_free(&r);
}

static void a_gap_forgets_what_was_before(void **state)
{
	struct recent *r = holding(10, 1, 5);
	struct recent_batch batch;
	struct cursor cursor = {3, RECENT_WHOLE};

	assert_int_equal(recent_read(r, &all, &cursor, &batch), RECENT_FOUND);
	recent_add(r, NULL, 0, 9, true);
	assert_int_equal(batch.count, 2); /* still held */
	recent_release(&batch);
	assert_result(r, 8, RECENT_WHOLE, RECENT_TOO_OLD);
	assert_result(r, 9, RECENT_WHOLE, RECENT_NOTHING);
	/* Back to where the database is that has lost something. */
	recent_add(r, NULL, 0, 4, true);
	assert_result(r, 9, RECENT_WHOLE, RECENT_AHEAD);
	assert_result(r, 3, RECENT_WHOLE, RECENT_TOO_OLD);
	recent_free(&r);
}

static void readers_see_what_they_want(void **state)
{
	struct recent *r = holding(100, 1, 3);
	struct recent_wish wish = all;
	struct cursor cursor = {3, RECENT_WHOLE};

	add(r, "other", "k", 4, 5);
	assert_int_equal(following(r, &wish, &cursor), 0);
	assert_int_equal(cursor.revision, 4);
	add(r, "s", "l", 5, 2);
	wish.service_key = TEXT("k");
	assert_int_equal(following(r, &wish, &cursor), 0);
	cursor = (struct cursor){3, RECENT_WHOLE};
	wish.service_key = TEXT("l");
	assert_int_equal(following(r, &wish, &cursor), 2);
	cursor = (struct cursor){0, RECENT_WHOLE};
	wish = (struct recent_wish){TEXT("other"), TEXT("k"), SIZE_MAX};
	assert_int_equal(following(r, &wish, &cursor), 5);
	recent_free(&r);
}

static Registry__WatchResponse *packed_and_read(const struct recent_batch *batch)
{
	Registry__WatchResponse out = REGISTRY__WATCH_RESPONSE__INIT;
	struct status status;

	out.base.n_unknown_fields = (unsigned)batch->count;
	out.base.unknown_fields = (ProtobufCMessageUnknownField *)batch->changes;
	struct text wire = guard_pack(arena, &out.base);
	return (Registry__WatchResponse *)guard_unpack(
		arena, &registry__watch_response__descriptor, wire, &status);
}

/* Lengths of one, two and three bytes. */
static void changes_are_kept_as_they_are_sent(void **state)
{
	static const size_t sizes[] = {1, 120, 300, 20000};
	struct recent *r = recent_new(10, SIZE_MAX);
	struct recent_batch batch;
	struct cursor cursor = {0, RECENT_WHOLE};

	recent_add(r, NULL, 0, 0, true);
	for (int i = 0; i < 4; i++) {
		char *key = arena_zero(arena, sizes[i] + 1);
		memset(key, 'k', sizes[i]);
		add(r, "s", key, i + 1, 1);
	}
	assert_int_equal(recent_read(r, &all, &cursor, &batch), RECENT_FOUND);
	Registry__WatchResponse *read = packed_and_read(&batch);
	recent_release(&batch);
	assert_non_null(read);
	assert_int_equal(read->n_changes, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(strlen(read->changes[i]->service), sizes[i]);
		assert_int_equal(read->changes[i]->revision, i + 1);
		assert_int_equal(read->changes[i]->operation,
			REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_DELETE);
	}
	recent_free(&r);
}

/* --- threads -------------------------------------------------------------------------------- */

enum { READERS = 4, REVISIONS = 3000 };

static struct recent *shared;

/* Whoever keeps up sees every part once and in order; the ring is too small for all to do so. */
static void *read_all(void *arg)
{
	struct cursor cursor = {0, RECENT_WHOLE};
	struct recent_batch batch;

	while (cursor.revision < REVISIONS) {
		struct cursor before = cursor;
		enum recent_result result = recent_read(shared, &all, &cursor, &batch);
		if (result == RECENT_TOO_OLD)
			cursor = recent_floor(shared);
		if (cursor_compare(before, cursor) > 0)
			atomic_store((atomic_bool *)arg, true);
		for (size_t i = 0; i < batch.count; i++)
			if (batch.changes[i].data[0] != batch.changes[i].len - 1)
				atomic_store((atomic_bool *)arg, true);
		recent_release(&batch);
	}
	return NULL;
}

static void one_writes_while_others_read(void **state)
{
	pthread_t readers[READERS];
	atomic_bool wrong = false;

	shared = recent_new(50, SIZE_MAX);
	recent_add(shared, NULL, 0, 0, true);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all, &wrong), 0);
	for (int i = 1; i <= REVISIONS; i++)
		add(shared, "s", "k", i, 3);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_false(atomic_load(&wrong));
	recent_free(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_is_read_as_it_is_written),
		cmocka_unit_test(what_is_no_cursor_is_refused),
		cmocka_unit_test(cursors_are_ordered_as_the_log),
		cmocka_unit_test(what_follows_a_cursor_is_read),
		cmocka_unit_test(nothing_is_known_before_the_first_load),
		cmocka_unit_test(the_ring_keeps_the_latest),
		cmocka_unit_test(bytes_are_bounded_even_within_a_revision),
		cmocka_unit_test(one_that_is_too_large_leaves_nothing),
		cmocka_unit_test(a_large_revision_comes_in_pieces),
		cmocka_unit_test(a_batch_has_a_bound_of_bytes),
		cmocka_unit_test(a_gap_forgets_what_was_before),
		cmocka_unit_test(readers_see_what_they_want),
		cmocka_unit_test(changes_are_kept_as_they_are_sent),
		cmocka_unit_test(one_writes_while_others_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
