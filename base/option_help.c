/* --help: one column of options with their units, one of sentences, wrapped to a terminal of 80.
 * What a reader needs to set an option stands behind its sentence: default, range, variable. */
#include <stdio.h>

#include "base/arena.h"
#include "base/option.h"

#define WIDTH       80
#define COLUMN_MOST 34 /* an option wider than this has its sentence on the next line */

static const char *left_column(struct arena *a, const struct option *o)
{
	if (o->kind == OPTION_FLAG)
		return arena_printf(a, "  %s", o->name);
	return arena_printf(a, "  %s %s", o->name, o->unit ? o->unit : "VALUE");
}

static void add_default(struct buffer *b, const struct option *o)
{
	if (!o->fallback || o->kind == OPTION_FLAG)
		return;
	if (o->secret)
		buffer_printf(b, " Has a default.");
	else if (!*o->fallback)
		buffer_printf(b, " Default: empty.");
	else if (o->kind == OPTION_NUMBER && o->unit)
		buffer_printf(b, " Default: %s %s.", o->fallback, o->unit);
	else
		buffer_printf(b, " Default: %s.", o->fallback);
}

static struct text right_column(struct arena *a, const struct option *o)
{
	struct buffer b = {.arena = a};

	buffer_printf(&b, "%s", o->help);
	if (o->kind == OPTION_LIST)
		buffer_printf(&b, " May be given several times.");
	add_default(&b, o);
	if (o->kind == OPTION_NUMBER && (o->minimum != INT64_MIN || o->maximum != INT64_MAX))
		buffer_printf(
			&b, " Range: %lld to %lld.", (long long)o->minimum, (long long)o->maximum);
	if (o->environment)
		buffer_printf(&b, " Environment: %s.", o->environment);
	return buffer_text(&b);
}

/* The words of t from column indent on; the first line already is there. */
static void print_wrapped(struct text t, size_t indent)
{
	size_t at = indent;

	while ((t = text_trim(t)).size) {
		size_t size = text_find(t, ' ', 0);
		if (at > indent && at + 1 + size > WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		}
		at += (size_t)printf(
			"%s%.*s", at > indent ? " " : "", TEXT_ARGS(text_until(t, size)));
		t = text_from(t, size);
	}
	putchar('\n');
}

static void print_option(struct arena *a, const struct option *o, size_t indent)
{
	const char *left = left_column(a, o);
	bool fits = strlen(left) + 2 <= indent;

	printf("%-*s", fits ? (int)indent : 0, left);
	if (!fits)
		printf("\n%*s", (int)indent, "");
	print_wrapped(right_column(a, o), indent);
}

void option_help(const struct option_program *program)
{
	static const struct option common[] = {
		{.name = "--help", .kind = OPTION_FLAG, .help = "Print this help and exit."},
		{.name = "--version", .kind = OPTION_FLAG, .help = "Print the version and exit."}};
	struct arena *a = arena_new(0);
	size_t indent = strlen(left_column(a, &common[1])) + 2;

	for (const struct option *o = program->options; o->name; o++) {
		size_t width = strlen(left_column(a, o)) + 2;
		if (width > indent && width <= COLUMN_MOST)
			indent = width;
	}
	printf("Usage: %s\n\n%s\n\nOptions:\n", program->synopsis, program->purpose);
	for (const struct option *o = program->options; o->name; o++)
		print_option(a, o, indent);
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		print_option(a, &common[i], indent);
	arena_free(&a);
}
