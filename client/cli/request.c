/*
 * A request is made of texts, as the bridge makes one of a query string: each argument and each
 * parameter sets the field that the tables name. What a person writes in another form than the
 * field has (a duration, pairs, a check) is rewritten first.
 */
#include <ctype.h>

#include "base/json.h"
#include "client/cli/cli.h"
#include "proto/runtime/transcode.h"

enum { LIMIT = 100 };

bool cli_is_given(const struct cli *cli, enum parameter_index index)
{
	const struct given *given = &cli->given[index];
	return given->text || given->list.count || given->flag;
}

bool cli_set(struct cli *cli, const struct api_message *type, const char *field, const char *value,
	ProtobufCMessage *message)
{
	struct status status;

	if (message_field_from_text(
		    cli->arena, type, text_of(field), text_of(value), message, &status))
		return true;
	return cli_usage("%s", status.message), false;
}

/* Is the pair for the name that prefix ("name=") gives? */
static bool same_name(const struct option_list *pairs, size_t i, struct text prefix)
{
	return text_starts(text_of(pairs->items[i]), prefix);
}

/* One member: a name that is given once has a string, one given again a list. */
static void write_member(struct buffer *out, const struct option_list *pairs, struct text prefix)
{
	size_t given = 0;
	for (size_t i = 0; i < pairs->count; i++)
		given += same_name(pairs, i, prefix);
	json_write_name(out, text_until(prefix, prefix.size - 1));
	if (given > 1)
		buffer_add_char(out, '[');
	for (size_t i = 0; i < pairs->count; i++) {
		if (!same_name(pairs, i, prefix))
			continue;
		json_write_comma(out);
		json_write_string(out, text_from(text_of(pairs->items[i]), prefix.size));
	}
	if (given > 1)
		buffer_add_char(out, ']');
}

/* NAME=VALUE pairs as a JSON object. NULL after a complaint. */
static char *pairs_to_json(
	struct cli *cli, enum parameter_index index, const struct option_list *pairs)
{
	struct buffer out = {.arena = cli->arena};
	buffer_add_char(&out, '{');
	for (size_t i = 0; i < pairs->count; i++) {
		struct text name, value;
		if (!cli_split_pair(index, pairs->items[i], &name, &value))
			return NULL;
		struct text prefix = {name.data, name.size + 1};
		size_t first = 0;
		while (!same_name(pairs, first, prefix))
			first++;
		if (first == i)
			write_member(&out, pairs, prefix);
	}
	buffer_add_char(&out, '}');
	return arena_string(cli->arena, buffer_text(&out));
}

/* "500ms", "10s", "2m", "1h" in milliseconds. NULL after a complaint. */
static char *duration_to_ms(struct cli *cli, const char *flag, const char *given)
{
	int64_t ms;

	if (cli_duration(given, UNIT_MILLISECOND, UNIT_HOUR, &ms))
		return arena_printf(cli->arena, "%lld", (long long)ms);
	return cli_usage("%s: \"%s\" is no duration such as 500ms, 10s or 2m", flag, given), NULL;
}

/* "tcp" as the enum has it, "NODE_CHECK_TCP". */
static char *enum_name(struct cli *cli, const char *prefix, const char *given)
{
	char *name = arena_printf(cli->arena, "%s_%s", prefix, given);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return name;
}

/* The field's text. NULL after a complaint. */
static const char *parameter_text(struct cli *cli, enum parameter_index index)
{
	const struct given *given = &cli->given[index];

	if (parameters[index].kind == OPTION_LIST)
		return pairs_to_json(cli, index, &given->list);
	if (index == GIVEN_LEASE)
		return duration_to_ms(cli, parameters[index].flag, given->text);
	if (index == GIVEN_CHECK)
		return enum_name(cli, "NODE_CHECK", given->text);
	if (index == GIVEN_CONFIRM)
		return enum_name(cli, "CONFIRM_MODE", given->text);
	if (index == GIVEN_STATE)
		return enum_name(cli, "DELIVERY_STATE", given->text);
	if (index == GIVEN_DEAD)
		return enum_name(cli, "DELIVERY_STATE", "dead");
	if (index == GIVEN_RECEIPT || index == GIVEN_UNREAD)
		return "true";
	if (index == GIVEN_REFUSE)
		return "false"; /* the success of a confirmation */
	return given->text;
}

ProtobufCMessage *cli_request(struct cli *cli, const struct command *command,
	const struct api_method *method, const char *const *fields, char **arguments)
{
	ProtobufCMessage *request = message_new(cli->arena, method->input);

	for (int i = 0; fields[i] && arguments[i]; i++)
		if (!cli_set(cli, method->input, fields[i], arguments[i], request))
			return NULL;
	for (int i = 0; i < GIVEN_COUNT; i++) {
		if (!parameters[i].field || !cli_is_given(cli, i))
			continue;
		if (message_field_named(method->input, text_of(parameters[i].field)) < 0)
			return cli_usage("this %s takes no %s", command->name, parameters[i].flag),
			       NULL;
		const char *text = parameter_text(cli, i);
		if (!text || !cli_set(cli, method->input, parameters[i].field, text, request))
			return NULL;
	}
	return request;
}

ProtobufCMessage *cli_message(
	struct arena *a, const struct api_message *type, struct text text, const char *where)
{
	const struct transcode_options options = {.refuse_unknown = true};
	struct status status;
	const struct json *json = json_read(a, text, &status);
	ProtobufCMessage *message = message_new(a, type);

	if (json && message_from_json(a, type, json, &options, message, &status))
		return message;
	return cli_usage("%s%s", where, status.message), NULL;
}

bool cli_duration(const char *given, enum duration_unit least, enum duration_unit most, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		[UNIT_MILLISECOND] = {"ms", 1},
		[UNIT_SECOND] = {"s", 1000},
		[UNIT_MINUTE] = {"m", 60000},
		[UNIT_HOUR] = {"h", 3600000},
		[UNIT_DAY] = {"d", 86400000},
	};
	size_t digits = strspn(given, "0123456789");
	int64_t number;

	for (int i = (int)least; i <= (int)most; i++)
		if (digits < 10 && strcmp(given + digits, units[i].name) == 0 &&
			text_to_int64((struct text){given, digits}, &number)) {
			*ms = number * units[i].ms;
			return true;
		}
	return false;
}

bool cli_limit(struct cli *cli, int64_t *limit)
{
	const char *given = cli->given[GIVEN_LIMIT].text;

	*limit = LIMIT;
	return !given || (text_to_int64(text_of(given), limit) && *limit >= 1) ||
	       (cli_usage("--limit: must be a number from 1 on"), false);
}

bool cli_split_pair(
	enum parameter_index index, const char *given, struct text *name, struct text *value)
{
	struct text pair = text_of(given);
	size_t equals = text_find(pair, '=', 0);

	if (equals == 0 || equals == pair.size)
		return cli_usage("%s: \"%s\" is not %s", parameters[index].flag, given,
			       parameters[index].unit),
		       false;
	*name = text_until(pair, equals);
	*value = text_from(pair, equals + 1);
	return true;
}

bool cli_split(struct cli *cli, const char *full, char *parts[2])
{
	struct text name = text_of(full);
	size_t dot = text_find(name, '.', 0);
	if (dot == 0 || dot + 1 >= name.size)
		return cli_usage("\"%s\" is not SERVICE.ACTION", full), false;
	parts[0] = arena_string(cli->arena, text_until(name, dot));
	parts[1] = arena_string(cli->arena, text_from(name, dot + 1));
	return true;
}

bool cli_split_address(struct cli *cli, const char *address, char *parts[2])
{
	char host[256];
	int port;

	if (!option_address(address, host, &port) || !*host || !port)
		return false;
	parts[0] = arena_string(cli->arena, text_of(host));
	parts[1] = arena_printf(cli->arena, "%d", port);
	return true;
}
