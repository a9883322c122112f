/*
 * audit, audit-write and audit-export. What a person asks for is made a request in JSON, and that
 * one as any other; records that are written come as JSON anyway.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api.gen.h"
#include "base/clock.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "junction/v1/audit.pb-c.h"
#include "proto/runtime/time_text.h"

enum { PAGE = 1000, COLUMNS = 6 };

#define DAY INT64_C(86400000)

/* --- what is asked for ------------------------------------------------------------------------ */

/* "30m": that long before now. */
static bool time_before_now(const char *given, int64_t *ms)
{
	if (!cli_duration(given, UNIT_SECOND, UNIT_DAY, ms))
		return false;
	*ms = clock_unix_ms() - *ms;
	return true;
}

/* fallback: if it is not given. False after a complaint. */
static bool read_time(struct cli *cli, enum parameter_index index, int64_t fallback, int64_t *ms)
{
	const char *given = cli->given[index].text;

	*ms = fallback;
	if (!given || time_before_now(given, ms) || !moment_from_text(text_of(given), ms))
		return true;
	return cli_usage(
		       "%s: \"%s\" is no time such as 30m, 7d, 2026-11-22 or '2026-11-22 08:30:00'",
		       parameters[index].flag, given),
	       false;
}

static void write_condition(
	struct buffer *out, struct text field, const char *operator, struct text value)
{
	json_write_comma(out);
	buffer_add_text(out, TEXT("{\"field\":"));
	json_write_string(out, field);
	buffer_printf(out, ",\"operator\":\"%s\",\"value\":", operator);
	json_write_string(out, value);
	buffer_add_char(out, '}');
}

/* The text, --where and --filter, all of which must hold. False after a complaint. */
static bool write_filter(struct cli *cli, struct buffer *out, const char *text)
{
	const struct option_list *where = &cli->given[GIVEN_WHERE].list;
	const char *filter = cli->given[GIVEN_FILTER].text;

	if (!text && !where->count && !filter)
		return true;
	json_write_name(out, TEXT("filter"));
	buffer_add_text(out, TEXT("{\"expr\":["));
	if (text)
		write_condition(out, TEXT("content"), "MatchPhrase", text_of(text));
	for (size_t i = 0; i < where->count; i++) {
		struct text field, value;
		if (!cli_split_pair(GIVEN_WHERE, where->items[i], &field, &value))
			return false;
		write_condition(out, field, "Equal", value);
	}
	buffer_printf(out, "],\"subFilter\":[%s]}", filter ? filter : "");
	return true;
}

/* A request without its last members and its end. False after a complaint. */
static bool begin_request(
	struct cli *cli, struct buffer *out, int64_t since, bool newest_first, const char *text)
{
	int64_t from, until;

	if (!read_time(cli, GIVEN_SINCE, since, &from) ||
		!read_time(cli, GIVEN_UNTIL, clock_unix_ms(), &until))
		return false;
	buffer_printf(out, "{\"startTime\":%lld,\"endTime\":%lld",
		(long long)(newest_first ? until : from), (long long)(newest_first ? from : until));
	return write_filter(cli, out, text);
}

/* --- audit ------------------------------------------------------------------------------------ */

static const char *or_dash(struct arena *a, const char *text)
{
	return text && *text ? plain(a, text) : "-";
}

static void show_records(struct arena *a, const Audit__FindResult *page, bool head)
{
	static const char *const heads[COLUMNS] = {
		"TIME", "SEVERITY", "NAMESPACE", "SOURCE", "USER", "CONTENT"};
	const char **cells = arena_array(a, (page->n_records + 1) * COLUMNS, sizeof(*cells));
	const char **row = cells;

	if (head) {
		memcpy(row, heads, sizeof(heads));
		row += COLUMNS;
	}
	for (size_t i = 0; i < page->n_records; i++, row += COLUMNS) {
		const Audit__AuditRecord *r = page->records[i];
		row[0] = clock_local(a, r->time);
		row[1] = or_dash(a, r->severity);
		row[2] = or_dash(a, r->namespace_);
		row[3] = or_dash(a, r->source_node);
		row[4] = or_dash(a, r->user);
		row[5] = or_dash(a, r->content);
	}
	table_print(a, cells, (size_t)(row - cells) / COLUMNS, COLUMNS);
}

int cli_audit(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	struct buffer text = {.arena = cli->arena};
	struct junction_reply *reply = NULL;
	int64_t left;
	int code = EXIT_DONE;
	bool first = true;

	if (!cli_limit(cli, &left) ||
		!begin_request(cli, &text, clock_unix_ms() - DAY, true, arguments[0]))
		return EXIT_USAGE;
	buffer_add_char(&text, '}');
	Audit__FindRequest *request = (Audit__FindRequest *)cli_message(
		cli->arena, method->input, buffer_text(&text), "--filter: ");
	if (!request)
		return EXIT_USAGE;
	request->_max_size_case = AUDIT__FIND_REQUEST___MAX_SIZE_MAX_SIZE;
	do {
		request->max_size = (int32_t)(left < PAGE ? left : PAGE);
		code = cli_invoke(cli, method, &request->base, &reply);
		if (code != EXIT_DONE)
			return code;
		const Audit__FindResult *page =
			((const Audit__FindResponse *)junction_reply_message(reply))->result;
		if (cli->json)
			cli_print_json(method->output, junction_reply_message(reply));
		else
			show_records(cli->arena, page, first);
		left -= (int64_t)page->n_records;
		request->continuation_point =
			arena_string(cli->arena, text_of(page->continuation_point));
		first = false;
		if (!page->has_next)
			left = 0;
		junction_reply_free(&reply);
	} while (left > 0);
	return code;
}

/* --- audit-export ----------------------------------------------------------------------------- */

int cli_audit_export(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	const char *format = cli->given[GIVEN_FORMAT].text;
	struct buffer text = {.arena = cli->arena};

	if (format && strcmp(format, "ndjson") != 0 && strcmp(format, "csv") != 0)
		return cli_usage("--format: must be ndjson or csv");
	if (!begin_request(cli, &text, 0, false, arguments[0]))
		return EXIT_USAGE;
	buffer_printf(&text, ",\"format\":\"EXPORT_FORMAT_%s\"}",
		format && strcmp(format, "csv") == 0 ? "CSV" : "NDJSON");
	ProtobufCMessage *request =
		cli_message(cli->arena, method->input, buffer_text(&text), "--filter: ");
	return request ? cli_save(cli, method, request) : EXIT_USAGE;
}

/* --- audit-write ------------------------------------------------------------------------------ */

/* False after a complaint, or if the server takes no more: *code is EXIT_DONE then. */
static bool put_lines(struct junction_sink *sink, FILE *file, const char *path, int *code)
{
	const struct api_message *type = api_methods[API_AUDIT_WRITE_STREAM].input;
	struct arena *a = arena_new(0);
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	bool going = true;

	for (int number = 1; going && (size = getline(&line, &room, file)) >= 0; number++) {
		struct text text = text_trim((struct text){line, (size_t)size});
		if (text.size == 0)
			continue;
		ProtobufCMessage *message =
			cli_message(a, type, text, arena_printf(a, "%s:%d: ", path, number));
		going = message && junction_sink_put(sink, message);
		if (!message)
			*code = EXIT_USAGE;
		arena_clear(a);
	}
	if (going && ferror(file)) {
		*code = cli_usage("%s: %s", path, strerror(errno));
		going = false;
	}
	free(line);
	arena_free(&a);
	return going;
}

static bool put_file(struct junction_sink *sink, const char *path, int *code)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");

	if (!file) {
		*code = cli_usage("%s: %s", path, strerror(errno));
		return false;
	}
	bool going = put_lines(sink, file, path, code);
	if (file != stdin)
		fclose(file);
	return going;
}

static int show_written(struct cli *cli, const Audit__WriteStreamResponse *response)
{
	if (cli->json) {
		cli_print_json(api_methods[API_AUDIT_WRITE_STREAM].output, &response->base);
	} else {
		printf("written %lld, repeated %lld, refused %lld\n", (long long)response->written,
			(long long)response->repeated, (long long)response->refused);
		for (size_t i = 0; i < response->n_refusals; i++)
			fprintf(stderr, "junction: record %lld: %s\n",
				(long long)response->refusals[i]->index + 1,
				plain(cli->arena, response->refusals[i]->error->message));
	}
	return response->refused ? EXIT_REFUSED : EXIT_DONE;
}

int cli_audit_write(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	struct junction_sink *sink =
		junction_sink_open(cli->client, method->path, method->output->descriptor);
	struct junction_error error;
	int code = EXIT_DONE;

	while (*arguments && put_file(sink, *arguments, &code))
		arguments++;
	if (code != EXIT_DONE) {
		junction_sink_close(&sink);
		return code;
	}
	struct junction_reply *reply = junction_sink_end(&sink, &error);
	if (!reply)
		return cli_failed(&error);
	code = show_written(cli, (const void *)junction_reply_message(reply));
	junction_reply_free(&reply);
	return code;
}
