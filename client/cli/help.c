/* Help out of the tables: the commands, and what the .proto files say of an RPC and its fields. */
#include <stdio.h>

#include "client/cli/cli.h"

enum { WIDTH = 80, INDENT = 4 };

/* The first two columns of a command; a long form has a line of its own. */
static void write_command(struct buffer *out, const struct command *c)
{
	const char *form = arena_printf(out->arena, "%s %s", c->name, c->arguments);

	if (strlen(form) > 28)
		buffer_printf(out, "  %s\n  %-28s  ", form, "");
	else
		buffer_printf(out, "  %-28s  ", form);
}

/* Appends words from column at on, and breaks lines at the width. */
static void write_words(struct buffer *out, struct text words, size_t indent, size_t at)
{
	bool first = true;

	for (words = text_trim(words); words.size; first = false) {
		size_t blank = text_find(words, ' ', 0), line = text_find(words, '\n', 0);
		size_t size = blank < line ? blank : line;
		if (!first && at + 1 + size > WIDTH) {
			buffer_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			buffer_add_char(out, ' ');
			at++;
		}
		buffer_add_text(out, text_until(words, size));
		at += size;
		words = text_trim(text_from(words, size));
	}
	buffer_add_char(out, '\n');
}

const char *cli_purpose(struct arena *a)
{
	struct buffer out = {.arena = a};

	buffer_printf(&out, "Asks Junction what is registered, registers, watches, calls, and "
			    "passes events.\n\n"
			    "Commands:\n");
	for (const struct command *c = commands; c->name; c++) {
		write_command(&out, c);
		write_words(&out, text_of(c->purpose), 32, 32);
	}
	buffer_printf(&out,
		"\nExit codes:\n"
		"  %d  done\n"
		"  %d  refused, the reason is on standard error; or the called action answered\n"
		"     other than 2xx\n"
		"  %d  wrong usage\n"
		"  %d  Junction or the service was not reached in time\n"
		"register-node --keep goes on until Ctrl-C whether or not Junction is reached;\n"
		"watch and subscribe do once it has been reached, unless it refuses. A DURATION\n"
		"is a number with ms, s, m or h.\n",
		EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHED);
	return arena_string(a, text_trim(buffer_text(&out)));
}

/* --- of one command ----------------------------------------------------------------------------
 */

static const char *type_of(struct arena *a, const struct api_message *m, unsigned i)
{
	static const char *const names[] = {
		[PROTOBUF_C_TYPE_INT32] = "int32",
		[PROTOBUF_C_TYPE_INT64] = "int64",
		[PROTOBUF_C_TYPE_UINT32] = "uint32",
		[PROTOBUF_C_TYPE_UINT64] = "uint64",
		[PROTOBUF_C_TYPE_BOOL] = "bool",
		[PROTOBUF_C_TYPE_FLOAT] = "float",
		[PROTOBUF_C_TYPE_DOUBLE] = "double",
		[PROTOBUF_C_TYPE_STRING] = "string",
		[PROTOBUF_C_TYPE_BYTES] = "bytes",
	};
	const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
	const char *name = "number";

	if (m->fields[i].flags & API_MAP)
		return "map";
	if (m->fields[i].flags & API_RAW_JSON)
		name = "JSON";
	else if (m->fields[i].flags & API_NUMBER_AS_TEXT)
		name = "string or number";
	else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		name = ((const ProtobufCMessageDescriptor *)f->descriptor)->short_name;
	else if (f->type == PROTOBUF_C_TYPE_ENUM)
		name = ((const ProtobufCEnumDescriptor *)f->descriptor)->short_name;
	else if (f->type < sizeof(names) / sizeof(*names) && names[f->type])
		name = names[f->type];
	return f->label == PROTOBUF_C_LABEL_REPEATED ? arena_printf(a, "list of %s", name) : name;
}

static void write_message(struct buffer *out, const char *title, const struct api_message *m)
{
	const char *const *words = api_message_help[m - api_messages];

	buffer_printf(out, "\n%s%s\n", title, m->descriptor->n_fields ? ":" : ": nothing");
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		bool rest = m->fields[i].flags & API_REST;
		buffer_printf(out, "  %s (%s)\n%*s", rest ? "any other" : m->fields[i].json_name,
			type_of(out->arena, m, i), INDENT, "");
		write_words(out, text_of(words[i]), INDENT, INDENT);
	}
}

static void write_method(struct buffer *out, const struct api_method *m)
{
	const char *service = strrchr(m->service, '.');

	buffer_printf(out, "%s.%s\n", service ? service + 1 : m->service, m->name);
	write_words(out, text_of(api_method_help[m - api_methods]), 0, 0);
	write_message(out, "Request", m->input);
	write_message(out, m->server_streaming ? "Each response" : "Response", m->output);
}

static void write_usage(struct buffer *out, const struct command *c)
{
	buffer_printf(out, "Usage: junction [OPTION...] %s %s\n\n", c->name, c->arguments);
	write_words(out, text_of(c->purpose), 0, 0);
	if (c->takes)
		buffer_printf(out, "\nOptions of its own (all: junction --help):\n");
	for (int i = 0; i < GIVEN_COUNT; i++) {
		const struct parameter *p = &parameters[i];
		if (!(c->takes & UINT64_C(1) << i))
			continue;
		buffer_printf(out, "  %s%s%s\n%*s", p->flag, p->unit ? " " : "",
			p->unit ? p->unit : "", INDENT, "");
		const char *words = strstr(p->help, ": ");
		write_words(out, text_of(words ? words + 2 : p->help), INDENT, INDENT);
	}
}

int cli_help(struct cli *cli, const struct command *command, char **arguments)
{
	struct buffer out = {.arena = cli->arena};

	if (!arguments[0]) {
		printf("%s\n\nOptions: junction --help\n", cli_purpose(cli->arena));
		return EXIT_DONE;
	}
	const struct command *c = cli_command(arguments[0]);
	const struct api_method *m = c ? (c->method < 0 ? NULL : &api_methods[c->method])
				       : cli_method(cli->arena, arguments[0]);
	if (!c && !m)
		return cli_usage("there is no command or method \"%s\"", arguments[0]);
	if (c)
		write_usage(&out, c);
	if (c && m)
		buffer_printf(&out, "\nIt calls ");
	if (m)
		write_method(&out, m);
	printf("%.*s", (int)out.size, out.data);
	return EXIT_DONE;
}
