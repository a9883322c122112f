/* What notices say: which variant of a template, and how contents are read and kept. */
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/notice/template/content_priv.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define BEGIN "event.position_at(clock_timestamp()) / 1000000 * 1000000"

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	content_stop();
	test_postgres_stop(&postgres);
	return 0;
}

/* --- variants --------------------------------------------------------------------------------- */

static struct variants read_variants(struct arena *a, const char *json)
{
	struct variants v;
	struct status status = {0};

	if (!variants_read(a, text_of(json), &v, &status) || !variants_compile(a, &v, &status))
		fail_msg("%s: %s", json, status.message);
	return v;
}

static void the_variant_that_fits_best_is_picked(void **state)
{
	static const struct {
		const char *channel, *language;
		int picked;
	} table[] = {
		{"mail", "zh-CN", 6},
		{"mail", "ZH-cn", 6},
		{"mail", "zh-Hans-CN", 5},
		{"mail", "zh-TW", 5},
		{"mail", "zha", 4},
		{"mail", "zh", 5},
		{"mail", "en", 4},
		{"mail", "", 4},
		{"site", "zh-CN", 2},
		{"site", "zh", 2}, /* narrower, but better than another */
		{"site", "", 1},
		{"sms", "zh-CN", 3},
		{"sms", "", 3},
		{"wechat", "fr", 1},
	};
	struct arena *a = arena_new(0);
	struct variants v = read_variants(a,
		"[{\"channel\":\"dingtalk\",\"language\":\"fr\"},{\"language\":\"en\"},"
		"{\"language\":\"zh-CN\"},{\"channel\":\"sms\",\"language\":\"en\"},"
		"{\"channel\":\"mail\"},{\"channel\":\"mail\",\"language\":\"zh\"},"
		"{\"channel\":\"mail\",\"language\":\"zh-CN\"}]");
	struct variants other = read_variants(a, "[{\"channel\":\"sms\"},{\"channel\":\"mail\"}]");

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct variant *picked =
			variants_pick(&v, text_of(table[i].channel), text_of(table[i].language));

		if (picked - v.list != table[i].picked)
			fail_msg("%s, %s: variant %td", table[i].channel, table[i].language,
				picked - v.list);
	}
	assert_ptr_equal(variants_pick(&other, TEXT("site"), TEXT("zh")), other.list);
	arena_free(&a);
}

static void what_must_be_given_comes_from_all_texts(void **state)
{
	struct arena *a = arena_new(0);
	struct variants v = read_variants(a,
		"[{\"subject\":\"{{a}}{{title}}\",\"body\":\"{{b.x}}{{#c}}{{d}}{{/c}}\"},"
		"{\"language\":\"en\",\"html\":\"{{e}}{{user}}{{a}}\"}]");
	const struct text author[] = {TEXT("z"), TEXT("e"), TEXT("time")};
	size_t count;
	const struct text *needed = variants_needed(a, &v, author, 3, &count);
	const char *wanted[] = {"z", "e", "time", "a", "b"};

	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(arena_string(a, needed[i]), wanted[i]);
	assert_true(variants_have(&v, TEXT("user")));
	assert_true(variants_have(&v, TEXT("d")));
	assert_true(variants_have(&v, TEXT("message"))); /* the second one's body */
	assert_false(variants_have(&v, TEXT("receipt")));
	arena_free(&a);
}

static void a_subject_is_cut_between_characters(void **state)
{
	struct arena *a = arena_new(0);
	struct variants v = read_variants(a, "[{\"subject\":\"x{{t}}\"}]");
	struct buffer json = {.arena = a};
	struct status status = {0};
	struct variant_facts facts = {.message = TEXT("m")};
	struct rendered rendered;

	buffer_add_text(&json, TEXT("{\"t\":\""));
	for (int i = 0; i < 400; i++)
		buffer_add_text(&json, TEXT("\xe6\x9d\x8e"));
	buffer_add_text(&json, TEXT("\"}"));
	assert_true(variant_render(v.list, a, json_read(a, buffer_text(&json), &status), &facts,
		false, &rendered, &status));
	assert_int_equal(rendered.subject.size, 1000);
	assert_int_equal(text_utf8_error(rendered.subject), 1000);
	facts.title = text_until(rendered.subject, 997);
	v = read_variants(a, "[{\"subject\":\"{{title}}\xe6\x9d\x8eyz\"}]");
	assert_true(variant_render(v.list, a, NULL, &facts, false, &rendered, &status));
	assert_int_equal(rendered.subject.size, 1000);
	v = read_variants(a, "[{\"subject\":\"x{{title}}\xe6\x9d\x8eyz\"}]");
	assert_true(variant_render(v.list, a, NULL, &facts, false, &rendered, &status));
	assert_int_equal(rendered.subject.size, 998);
	arena_free(&a);
}

/* --- contents --------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct wanted {
	struct content_job job;
	const struct content *contents[2000];
	enum status_code code;
	bool done;
};

static void arrived(
	struct content_job *job, const struct content *const *contents, const struct status *error)
{
	struct wanted *w = (struct wanted *)job;

	pthread_mutex_lock(&mutex);
	CHECK(!w->done);
	for (size_t i = 0; contents && i < job->count; i++)
		w->contents[i] = contents[i] ? content_share(contents[i]) : NULL;
	w->code = error ? error->code : STATUS_OK;
	w->done = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static struct wanted wanted;

/* Those of wanted.contents are to be released. */
static enum status_code get(const int64_t *positions, size_t count)
{
	wanted = (struct wanted){
		.job = {.positions = positions,
			.count = count,
			.deadline = CLOCK_NEVER,
			.done = arrived},
	};
	content_get(lanes, &wanted.job);
	pthread_mutex_lock(&mutex);
	while (!wanted.done)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	return wanted.code;
}

static void release_all(void)
{
	for (size_t i = 0; i < wanted.job.count; i++)
		content_release(&wanted.contents[i]);
}

/* Notices at the positions begin + 1 to begin + count. */
static void insert_notices(int64_t begin, int count, const char *message, const char *rest)
{
	char sql[1000];

	snprintf(sql, sizeof(sql),
		"INSERT INTO notice.notice (position, notice_id, time, namespace, sender, title, "
		"message, channels, deliveries, node, template, template_version, params, reply, "
		"personal, trace_id, attachments) SELECT %lld + i, gen_random_uuid(), "
		"'2026-01-02 03:04:05.678Z', 'n', 'sender', 'title ' || i, %s, '{site}', 1, 'node',"
		" %s FROM generate_series(1, %d) AS i",
		(long long)begin, message, rest, count);
	test_sql(url, sql);
}

#define PLAIN "NULL, NULL, NULL, false, false, NULL, '{}'"

static int64_t new_begin(void)
{
	static int64_t begins;

	return test_sql_number(url, "SELECT " BEGIN) + ++begins * 10000;
}

static void contents_are_what_was_sent(void **state)
{
	int64_t begin = new_begin(), positions[] = {begin + 2, begin + 1, begin + 9, begin + 2};
	struct arena *a = arena_new(0);
	struct rendered rendered;
	struct content_target target = {.channel = TEXT("site"), .markdown = true};
	struct status status = {0};

	insert_notices(begin, 2, "'{{title}} *' || i", PLAIN);
	assert_int_equal(get(positions, 4), STATUS_OK);
	assert_null(wanted.contents[2]);
	assert_ptr_equal(wanted.contents[0], wanted.contents[3]);
	assert_int_equal(wanted.contents[0]->position, begin + 2);
	assert_string_equal(wanted.contents[0]->title.data, "title 2");
	assert_string_equal(wanted.contents[1]->title.data, "title 1");
	assert_string_equal(wanted.contents[1]->sender.data, "sender");
	assert_string_equal(wanted.contents[1]->space.data, "n");
	assert_int_equal(wanted.contents[1]->notice_id.size, 36);
	assert_true(wanted.contents[1]->time_ms == INT64_C(1767323045678));
	assert_int_equal(wanted.contents[1]->template_id.size, 0);
	assert_int_equal(wanted.contents[1]->attachment_count, 0);
	assert_null(wanted.contents[1]->params);
	assert_true(content_render(wanted.contents[1], a, &target, &rendered, &status));
	assert_string_equal(rendered.subject.data, "title 1");
	assert_string_equal(rendered.body.data, "{{title}} *1"); /* neither read nor escaped */
	assert_int_equal(rendered.html.size, 0);
	assert_string_equal(rendered.params.data, "{}");
	release_all();
	arena_free(&a);
}

static void contents_have_their_version_of_the_template(void **state)
{
	int64_t begin = new_begin(), position = begin + 1;
	struct arena *a = arena_new(0);
	struct rendered rendered;
	struct content_target target = {
		TEXT("mail"), TEXT("zh-CN"), TEXT("li"), TEXT("http://r/t")};
	struct status status = {0};

	test_sql(url,
		"INSERT INTO notice.template (namespace, id, version, variants, deleted) VALUES "
		"('n', 't', 1, '[{\"subject\":\"{{title}}\\u0021\",\"body\":\"{{code}} {{user}} "
		"{{sender}} {{noticeId}} {{time}} {{receipt}} {{message}}\","
		"\"html\":\"<b>{{code}}</b>\",\"provider_template\":\"SMS_1\"}]', true),"
		"('n', 't', 2, '[{}]', false);"
		"INSERT INTO notice.attachment (id, namespace, name, content_type, size) VALUES "
		"('00000000-0000-0000-0000-000000000001', 'n', 'a\"b.txt', 'text/plain', 3),"
		"('00000000-0000-0000-0000-000000000002', 'n', 'c', 'image/png', 4)");
	insert_notices(begin, 1, "'m'",
		"'t', 1, '{\"code\":\"<\\u0031>\"}', true, true, 'abc', "
		"'{00000000-0000-0000-0000-000000000002,00000000-0000-0000-0000-000000000003,"
		"00000000-0000-0000-0000-000000000001}'");
	assert_int_equal(get(&position, 1), STATUS_OK);
	const struct content *c = wanted.contents[0];
	assert_non_null(c);
	assert_true(c->reply && c->personal);
	assert_string_equal(c->trace_id.data, "abc");
	assert_string_equal(c->template_id.data, "t");
	assert_int_equal(c->attachment_count, 2);
	assert_string_equal(c->attachments[0].content_type.data, "image/png");
	assert_int_equal(c->attachments[0].size, 4);
	assert_string_equal(c->attachments[1].name.data, "a\"b.txt");
	assert_string_equal(c->attachments[1].id.data, "00000000-0000-0000-0000-000000000001");
	assert_true(content_render(c, a, &target, &rendered, &status));
	assert_string_equal(rendered.subject.data, "title 1!");
	assert_string_equal(rendered.body.data,
		arena_printf(a, "<1> li sender %s 2026-01-02T03:04:05Z http://r/t m",
			c->notice_id.data));
	assert_string_equal(rendered.html.data, "<b>&lt;1&gt;</b>");
	assert_true(text_equal(rendered.provider_template, TEXT("SMS_1")));
	assert_string_equal(rendered.params.data, "{\"code\":\"<\\u0031>\"}");
	target.markdown = true;
	assert_true(content_render(c, a, &target, &rendered, &status));
	assert_true(text_starts(rendered.body, TEXT("\\<1\\> li sender ")));
	release_all();
	arena_free(&a);
}

static void what_cannot_be_read_is_left_out(void **state)
{
	int64_t begin = new_begin(), positions[] = {begin + 1, begin + 2, begin + 11};

	insert_notices(begin, 2, "'m'", "'gone', 1, NULL, false, false, NULL, '{}'");
	insert_notices(begin + 10, 1, "'m'", PLAIN);
	assert_int_equal(get(positions, 3), STATUS_OK);
	assert_null(wanted.contents[0]);
	assert_null(wanted.contents[1]);
	assert_true(wanted.contents[2]->position == begin + 11);
	release_all();
}

static void large_contents_come_in_rounds(void **state)
{
	enum { COUNT = 40 };
	int64_t begin = new_begin(), positions[COUNT + 1];

	insert_notices(begin, COUNT, "repeat('x', 256 * 1024 - 2) || i % 10", PLAIN);
	for (int i = 0; i <= COUNT; i++) /* the last one is not there */
		positions[i] = begin + 1 + (i * 17) % (COUNT + 1);
	assert_int_equal(get(positions, COUNT + 1), STATUS_OK);
	for (int i = 0; i <= COUNT; i++) {
		if (positions[i] == begin + COUNT + 1)
			assert_null(wanted.contents[i]);
		else
			assert_true(wanted.contents[i]->position == positions[i]);
	}
	release_all();
}

static void what_was_read_is_kept_a_while(void **state)
{
	int64_t begin = new_begin(), positions[1000];

	insert_notices(begin, 1500, "'m'", PLAIN);
	for (int i = 0; i < 1000; i++)
		positions[i] = begin + 1 + i;
	assert_int_equal(get(positions, 1000), STATUS_OK);
	release_all();
	assert_int_equal(get(positions, 100), STATUS_OK); /* the last ones used now */
	release_all();
	for (int i = 0; i < 500; i++)
		positions[500 + i] = begin + 1001 + i;
	assert_int_equal(get(positions + 500, 500), STATUS_OK);
	release_all();
	assert_int_equal(content_cache_count(), CONTENTS_MAX);
	test_sql(url, "DELETE FROM notice.notice");
	assert_int_equal(get(positions, 1000), STATUS_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(!!wanted.contents[i], i < 100 || i >= 500);
	content_stop();
	assert_string_equal(wanted.contents[7]->title.data, "title 8");
	release_all();
	assert_int_equal(content_cache_count(), 0);
	assert_int_equal(get(positions, 1), STATUS_OK);
	assert_null(wanted.contents[0]);
}

static void what_is_kept_is_bounded_in_bytes(void **state)
{
	enum { COUNT = 300 };
	int64_t begin = new_begin(), positions[COUNT];

	insert_notices(begin, COUNT, "repeat('x', 256 * 1024)", PLAIN);
	for (int i = 0; i < COUNT; i++)
		positions[i] = begin + 1 + i;
	assert_int_equal(get(positions, COUNT), STATUS_OK);
	release_all();
	assert_in_range(content_cache_count(), 200, (64 << 20) / (256 * 1024));
	test_sql(url, "DELETE FROM notice.notice");
}

static void a_database_that_is_away_is_told(void **state)
{
	struct lanes_options options = trial_options(url);
	struct lanes *before = lanes;
	int64_t position = 1;

	options.database_url = "host=/nowhere";
	lanes = lanes_start(&options);
	assert_int_equal(get(&position, 1), STATUS_UNAVAILABLE);
	lanes_stop(&lanes);
	lanes = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_variant_that_fits_best_is_picked),
		cmocka_unit_test(what_must_be_given_comes_from_all_texts),
		cmocka_unit_test(a_subject_is_cut_between_characters),
		cmocka_unit_test(contents_are_what_was_sent),
		cmocka_unit_test(contents_have_their_version_of_the_template),
		cmocka_unit_test(what_cannot_be_read_is_left_out),
		cmocka_unit_test(large_contents_come_in_rounds),
		cmocka_unit_test(what_was_read_is_kept_a_while),
		cmocka_unit_test(what_is_kept_is_bounded_in_bytes),
		cmocka_unit_test(a_database_that_is_away_is_told),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
