/* What is written of a request. What comes back is tested with the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "server/audit/field.h"
#include "server/audit/record.h"
#include "server/registry/node_health.h"

/* audit.append's parameters. */
enum {
	ID,
	EVENT_TIME,
	OPT_TYPE,
	RESULT_TYPE,
	SEVERITY,
	NAMESPACE,
	SOURCE_NODE,
	CONTENT,
	TARGET,
	USER_NAME,
	APPLICATION,
	ROLES,
	ADDRESS,
	NODE,
	TRACE_ID,
	EXT,
	IDEMPOTENCY_KEY,
	REQUEST_HASH,
	IDEMPOTENCY_MS,
};

static struct arena *a;
static struct status status;
static struct record record;
static struct caller caller;
static Audit__WriteRequest request;

static void start_anew(void)
{
	caller = (struct caller){.space = TEXT("default")};
	request = (Audit__WriteRequest)AUDIT__WRITE_REQUEST__INIT;
	request._opt_type_case = AUDIT__WRITE_REQUEST___OPT_TYPE_OPT_TYPE;
	request._result_type_case = AUDIT__WRITE_REQUEST___RESULT_TYPE_RESULT_TYPE;
	request.content = (char *)"pump 3 started";
	request.source_node = (char *)"plc-7";
	request.namespace_ = (char *)"plant";
	request.severity = (char *)"Info";
}

static int set_up(void **state)
{
	a = arena_new(0);
	start_anew();
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&a);
	return 0;
}

static void read_it(void)
{
	bool good = record_read(a, &caller, &request, &record, &status);
	if (!good)
		print_error("%s\n", status.message);
	assert_true(good);
}

static void assert_column(int column, const char *value)
{
	struct text t = record.columns[column];
	assert_true(text_equal(t, text_of(value)));
	assert_non_null(t.data);
}

static void assert_refused(const char *field, const char *rule)
{
	assert_false(record_read(a, &caller, &request, &record, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, field);
	assert_string_equal(status.message, arena_printf(a, "%s: %s", field, rule));
}

static char *repeated(size_t count, const char *before, const char *after)
{
	char *x = arena_alloc(a, count + 1);
	memset(x, 'x', count);
	x[count] = '\0';
	return arena_printf(a, "%s%s%s", before, x, after);
}

static void what_is_required_makes_a_record(void **state)
{
	static const int null[] = {EVENT_TIME, TARGET, USER_NAME, APPLICATION, ROLES, ADDRESS,
		TRACE_ID, EXT, IDEMPOTENCY_KEY, REQUEST_HASH, IDEMPOTENCY_MS};

	read_it();
	assert_int_equal(record.columns[ID].size, 36);
	assert_int_equal(record.columns[ID].data[14], '7');
	assert_column(OPT_TYPE, "0");
	assert_column(RESULT_TYPE, "0");
	assert_column(SEVERITY, "info");
	assert_column(NAMESPACE, "plant");
	assert_column(SOURCE_NODE, "plc-7");
	assert_column(CONTENT, "pump 3 started");
	assert_true(text_equal(record.columns[NODE], node_name()));
	for (size_t i = 0; i < sizeof(null) / sizeof(null[0]); i++)
		assert_null(record.columns[null[i]].data);
}

static void all_that_is_given_is_in_it(void **state)
{
	caller.user = TEXT("anna");
	caller.application = TEXT("console");
	caller.roles = TEXT("{\"admin\",\"dba\"}");
	caller.address = TEXT("10.0.0.1:4711");
	caller.trace.id = TEXT("0af7651916cd43dd8448eb211c80319c");
	request._event_time_case = AUDIT__WRITE_REQUEST___EVENT_TIME_EVENT_TIME;
	request.event_time = -1;
	request.opt_type = INT32_MIN;
	request.result_type = INT32_MAX;
	request.target = (char *)"pump 3";
	request.ext = (char *)" {\"b\":1.50, \"a\":\"\\u0000\"} ";
	request.idempotency_key = (char *)"k";
	record_start(2);
	read_it();
	assert_column(EVENT_TIME, "1969-12-31T23:59:59.999Z");
	assert_column(OPT_TYPE, "-2147483648");
	assert_column(RESULT_TYPE, "2147483647");
	assert_column(TARGET, "pump 3");
	assert_column(USER_NAME, "anna");
	assert_column(APPLICATION, "console");
	assert_column(ROLES, "{\"admin\",\"dba\"}");
	assert_column(ADDRESS, "10.0.0.1:4711");
	assert_column(TRACE_ID, "0af7651916cd43dd8448eb211c80319c");
	assert_column(EXT, " {\"b\":1.50, \"a\":\"\\u0000\"} ");
	assert_column(IDEMPOTENCY_KEY, "k");
	assert_int_equal(record.columns[REQUEST_HASH].size, 2 + 64);
	assert_column(IDEMPOTENCY_MS, "7200000");
}

static void what_is_required_is_missed_by_name(void **state)
{
	request._opt_type_case = 0;
	assert_refused("optType", "is required");
	start_anew();
	request._result_type_case = 0;
	assert_refused("resultType", "is required");
	start_anew();
	request.content = (char *)"";
	assert_refused("content", "is required");
	start_anew();
	request.source_node = (char *)"";
	assert_refused("sourceNode", "is required");
	start_anew();
	request.namespace_ = (char *)"";
	assert_refused("namespace", "is required");
	start_anew();
	request.severity = (char *)"";
	assert_refused("severity", "is required");
}

static void lengths_are_counted_in_bytes(void **state)
{
	const struct {
		char **text;
		const char *field;
		size_t most;
		const char *before, *after;
	} limits[] = {
		{&request.content, "content", 65536, "ä", ""},
		{&request.source_node, "sourceNode", 255, "ä", ""},
		{&request.namespace_, "namespace", 255, "ä", ""},
		{&request.target, "target", 1024, "ä", ""},
		{&request.ext, "ext", 65536, "{\"ä\":\"", "\"}"},
		{&request.idempotency_key, "idempotencyKey", 255, "ä", ""},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t around = strlen(limits[i].before) + strlen(limits[i].after);

		*limits[i].text =
			repeated(limits[i].most - around, limits[i].before, limits[i].after);
		read_it();
		*limits[i].text =
			repeated(limits[i].most - around + 1, limits[i].before, limits[i].after);
		assert_refused(limits[i].field,
			arena_printf(a, "must have at most %zu bytes", limits[i].most));
		start_anew();
	}
}

static void times_are_of_four_digit_years(void **state)
{
	request._event_time_case = AUDIT__WRITE_REQUEST___EVENT_TIME_EVENT_TIME;
	request.event_time = AUDIT_TIME_FIRST;
	read_it();
	assert_column(EVENT_TIME, "0001-01-01T00:00:00.000Z");
	request.event_time = AUDIT_TIME_LAST;
	read_it();
	assert_column(EVENT_TIME, "9999-12-31T23:59:59.999Z");
	request.event_time = AUDIT_TIME_FIRST - 1;
	assert_refused("eventTime", "must be milliseconds of the years 1 to 9999");
	request.event_time = INT64_MAX;
	assert_refused("eventTime", "must be milliseconds of the years 1 to 9999");
}

static void ext_is_an_object(void **state)
{
	request.ext = (char *)"[]";
	assert_refused("ext", "must be a JSON object");
	request.ext = (char *)"null";
	assert_refused("ext", "must be a JSON object");
	request.ext = (char *)"{\"a\":1,\"a\":2}";
	assert_refused("ext", "invalid JSON at byte 7: duplicate member \"a\"");
	request.ext = (char *)"{}";
	read_it();
	assert_column(EXT, "{}");
}

static void what_is_nobodys_is_refused(void **state)
{
	request.severity = (char *)"fatal";
	assert_refused("severity", "must be debug, info, notice, warning, error, critical, alert, "
				   "emergency or a number from 7 to 0");
	start_anew();
	request.namespace_ = (char *)"junction.audit";
	assert_refused("namespace", "is the server's own");
	request.namespace_ = (char *)"junction.auth";
	assert_refused("namespace", "is the server's own");
	request.namespace_ = (char *)"junction.notice";
	assert_refused("namespace", "is the server's own");
	request.namespace_ = (char *)"junction.audits";
	read_it();
}

static void the_servers_own_record_tells_of_the_caller(void **state)
{
	const struct own_record own = {
		.space = RECORD_AUTH,
		.opt_type = 10,
		.result_type = 1,
		.severity = "warning",
		.content = TEXT("login refused"),
		.target = TEXT("user:anna"),
	};

	caller.address = TEXT("10.0.0.1:5");
	record_make(a, &caller, &own, &record);
	assert_int_equal(record.columns[ID].size, 36);
	assert_column(NAMESPACE, "junction.auth");
	assert_column(OPT_TYPE, "10");
	assert_column(RESULT_TYPE, "1");
	assert_column(SEVERITY, "warning");
	assert_column(CONTENT, "login refused");
	assert_column(TARGET, "user:anna");
	assert_column(ADDRESS, "10.0.0.1:5");
	assert_true(text_equal(record.columns[SOURCE_NODE], node_name()));
	assert_null(record.columns[EXT].data);
	assert_null(record.columns[USER_NAME].data);
}

static struct text hash_now(void)
{
	request.idempotency_key = (char *)"k";
	read_it();
	return record.columns[REQUEST_HASH];
}

static void the_hash_tells_requests_apart(void **state)
{
	struct text first = hash_now();

	assert_true(text_equal(first, hash_now()));
	request._event_time_case = AUDIT__WRITE_REQUEST___EVENT_TIME_EVENT_TIME;
	assert_false(text_equal(first, hash_now()));
	start_anew();
	request.content = (char *)"pump 3 starte";
	request.source_node = (char *)"dplc-7";
	assert_false(text_equal(first, hash_now()));
	start_anew();
	caller.user = TEXT("anna");
	assert_true(text_equal(first, hash_now()));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_required_makes_a_record),
		TEST(all_that_is_given_is_in_it),
		TEST(what_is_required_is_missed_by_name),
		TEST(lengths_are_counted_in_bytes),
		TEST(times_are_of_four_digit_years),
		TEST(ext_is_an_object),
		TEST(what_is_nobodys_is_refused),
		TEST(the_servers_own_record_tells_of_the_caller),
		TEST(the_hash_tells_requests_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
