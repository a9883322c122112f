/* Builds any Filter, of JSON if it is one, else of protobuf's bytes. The SQL is made of our own
 * words, and has all its parameters; what is refused has a path in the filter. */
#include <ctype.h>
#include <stdlib.h>

#include "base/check.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"
#include "server/audit/filter.h"

enum { FIRST_PARAMETER = 3, PARAMETERS_MOST = 1024 };

/* All that filters are made of, but for numbers and what is no letter. */
static const char *const words[] = {"ALL", "AND", "ANY", "AS", "BETWEEN", "C", "CASE", "COLLATE",
	"ELSE", "END", "EXISTS", "FROM", "IS", "LIKE", "NOT", "NULL", "OR", "SELECT", "THEN",
	"TRUE", "WHEN", "WHERE", "address", "application", "audit", "bigint", "content",
	"event_time", "ext", "ext_values", "false", "field_query", "fold", "id", "jsonb",
	"jsonb_typeof", "jsonpath", "milliseconds", "namespace", "node", "number", "opt_type", "r",
	"result_type", "role", "roles", "severity", "source", "source_node", "string", "string_agg",
	"target", "text", "text_pattern", "text_query", "time", "trace", "trace_id", "true",
	"tsquery", "unnest", "user", "user_name", "uuid", "v"};

static void check_word(struct text word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (text_equal(word, text_of(words[i])))
			return;
	CHECK(false);
}

/* Of the letters and _ from start on: where they end. */
static size_t word_end(struct text sql, size_t start)
{
	size_t end = start;

	while (end < sql.size && (isalpha((unsigned char)sql.data[end]) || sql.data[end] == '_'))
		end++;
	return end;
}

static void check_sql(struct arena *a, const struct filter_sql *f)
{
	bool used[PARAMETERS_MOST] = {false};
	const char *sql = arena_string(a, f->sql);

	CHECK(f->parameter_count <= PARAMETERS_MOST);
	for (size_t at = 0, end; at < f->sql.size; at = end) {
		end = word_end(f->sql, at);
		if (end > at) {
			check_word((struct text){sql + at, end - at});
		} else if (sql[at] == '$') {
			char *after;
			long number = strtol(sql + at + 1, &after, 10) - FIRST_PARAMETER;
			CHECK(number >= 0 && number < f->parameter_count);
			used[number] = true;
			end = (size_t)(after - sql);
		} else {
			CHECK(strchr(" ()<>=~.,:[]\"'{}|&#", sql[at]));
			end = at + 1;
		}
	}
	for (int i = 0; i < f->parameter_count; i++) {
		CHECK(used[i]);
		CHECK(!memchr(f->parameters[i].data, '\0', f->parameters[i].size));
		CHECK(text_utf8_error(f->parameters[i]) == f->parameters[i].size);
	}
}

static const Audit__Filter *read(struct arena *a, struct text text)
{
	const struct api_message *type = api_message_named("junction.v1.Filter");
	const struct transcode_options options = {0};
	struct status status = {.message = ""};
	const struct json *value = json_read(a, text, &status);
	ProtobufCMessage *message = message_new(a, type);

	if (!value)
		return (const Audit__Filter *)guard_unpack(
			a, &audit__filter__descriptor, text, &status);
	return message_from_json(a, type, value, &options, message, &status)
		       ? (const Audit__Filter *)message
		       : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct status status = {.message = ""};
	const Audit__Filter *in = read(a, (struct text){size ? (const char *)data : "", size});
	struct filter filter;

	if (in && filter_build(a, in, FIRST_PARAMETER, &filter, &status)) {
		check_sql(a, &filter.condition);
		if (filter.terms.sql.data)
			check_sql(a, &filter.terms);
	} else if (in) {
		CHECK(status.code == STATUS_INVALID_ARGUMENT);
		CHECK(text_starts(text_of(status.field), TEXT("filter")));
		CHECK(text_utf8_error(text_of(status.message)) == strlen(status.message));
	}
	arena_free(&a);
	return 0;
}
