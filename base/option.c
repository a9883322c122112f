/* The command line is read first and the environment afterwards, for what was not given: so --help
 * answers whatever the environment holds, and a wrong variable that a flag overrules stops nobody.
 */
#include "base/option.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

struct reading {
	const struct option_program *program;
	bool *given; /* by index of the option */
	char **next; /* argument to look at */
	char **rest; /* where the next argument that is no option goes */
};

void option_refuse(const struct option_program *program, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ".\nTry '%s --help'.\n", program->name);
	exit(2);
}

static void add_item(struct option_list *list, const char *item, size_t size)
{
	char *copy = check_malloc(size + 1);

	memcpy(copy, item, size);
	copy[size] = '\0';
	list->items = check_realloc(list->items, (list->count + 2) * sizeof(*list->items));
	list->items[list->count++] = copy;
	list->items[list->count] = NULL;
}

static void empty_list(struct option_list *list)
{
	*list = (struct option_list){.items = check_calloc(1, sizeof(*list->items))};
}

static void set_list(struct option_list *list, const char *separated)
{
	empty_list(list);
	while (*separated) {
		size_t size = strcspn(separated, ",");
		struct text item = text_trim((struct text){separated, size});
		if (item.size)
			add_item(list, item.data, item.size);
		separated += size + (separated[size] == ',');
	}
}

/* source is how the user wrote the option: its flag or its variable. */
static void set_number(const struct option_program *program, const struct option *o,
	const char *source, const char *value)
{
	int64_t number;

	if (text_to_int64(text_of(value), &number) && number >= o->minimum &&
		number <= o->maximum) {
		*(int64_t *)o->value = number;
		return;
	}
	option_refuse(program, "%s must be a whole number from %lld to %lld%s%s, not \"%s\"",
		source, (long long)o->minimum, (long long)o->maximum, o->unit ? " " : "",
		o->unit ? o->unit : "", o->secret ? "..." : value);
}

static void set_flag(const struct option_program *program, const struct option *o,
	const char *source, const char *value)
{
	static const char *const words[] = {
		"0", "1", "false", "true", "no", "yes", "off", "on", NULL};

	for (int i = 0; words[i]; i++)
		if (text_equal_nocase(text_of(value), text_of(words[i]))) {
			*(bool *)o->value = i % 2;
			return;
		}
	option_refuse(program, "%s must be true or false, not \"%s\"", source, value);
}

/* A value out of the environment or the table. */
static void set_value(const struct option_program *program, const struct option *o,
	const char *source, const char *value)
{
	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)o->value = value;
		break;
	case OPTION_LIST:
		set_list(o->value, value);
		break;
	case OPTION_NUMBER:
		set_number(program, o, source, value);
		break;
	case OPTION_FLAG:
		set_flag(program, o, source, value);
		break;
	}
}

static void set_nothing(const struct option *o)
{
	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)o->value = NULL;
		break;
	case OPTION_LIST:
		empty_list(o->value);
		break;
	case OPTION_NUMBER:
		*(int64_t *)o->value = 0;
		break;
	case OPTION_FLAG:
		*(bool *)o->value = false;
		break;
	}
}

/* A variable that is set but empty counts as not set: that is how compose files leave one out. */
static void set_otherwise(const struct option_program *program, const struct option *o)
{
	const char *value = o->environment ? getenv(o->environment) : NULL;

	if (value && *value)
		set_value(program, o, o->environment, value);
	else if (o->fallback)
		set_value(program, o, o->name, o->fallback);
	else
		set_nothing(o);
}

/* The value of an option: behind the "=", else the next argument. */
static const char *take_value(struct reading *r, const struct option *o, const char *equals)
{
	if (equals)
		return equals + 1;
	if (!*r->next)
		option_refuse(r->program, "%s needs a value%s%s%s", o->name, o->unit ? " (" : "",
			o->unit ? o->unit : "", o->unit ? ")" : "");
	return *r->next++;
}

static void set_given(struct reading *r, const struct option *o, const char *equals)
{
	bool *given = &r->given[o - r->program->options];

	if (o->kind == OPTION_FLAG) {
		if (equals)
			option_refuse(r->program, "%s takes no value", o->name);
		*(bool *)o->value = true;
	} else if (o->kind == OPTION_LIST) {
		const char *item = take_value(r, o, equals);
		if (!*given)
			empty_list(o->value);
		add_item(o->value, item, strlen(item));
	} else {
		set_value(r->program, o, o->name, take_value(r, o, equals));
	}
	*given = true;
}

static void print_and_exit(const struct option_program *program, bool help)
{
	if (help)
		option_help(program);
	else
		printf("%s %s\n", program->name, JUNCTION_VERSION);
	exit(fflush(stdout) ? 1 : 0);
}

static void read_option(struct reading *r, const char *argument)
{
	const char *equals = strchr(argument, '=');
	struct text name = {argument, equals ? (size_t)(equals - argument) : strlen(argument)};

	if (text_equal(name, TEXT("--help")) || text_equal(name, TEXT("--version")))
		print_and_exit(r->program, text_equal(name, TEXT("--help")));
	for (const struct option *o = r->program->options; o->name; o++)
		if (text_equal(name, text_of(o->name))) {
			set_given(r, o, equals);
			return;
		}
	option_refuse(r->program, "there is no option %.*s", TEXT_ARGS(name));
}

static size_t count_options(const struct option_program *program)
{
	size_t count = 0;

	while (program->options[count].name)
		count++;
	return count;
}

void option_read(const struct option_program *program, int argc, char **argv, char ***arguments)
{
	size_t count = count_options(program);
	struct reading r = {.program = program, .given = check_calloc(count, sizeof(bool))};
	bool options = true;

	r.next = argv + (argc > 0);
	*arguments = r.rest = r.next;
	while (*r.next) {
		char *argument = *r.next++;
		if (options && strcmp(argument, "--") == 0)
			options = false;
		else if (options && argument[0] == '-' && argument[1])
			read_option(&r, argument);
		else
			*r.rest++ = argument;
	}
	*r.rest = NULL;
	for (size_t i = 0; i < count; i++)
		if (!r.given[i])
			set_otherwise(program, &program->options[i]);
	free(r.given);
}

bool option_address(const char *text, char host[256], int *port)
{
	struct text t = text_of(text), name;
	size_t colon = t.size;
	uint64_t number;

	while (colon && t.data[colon - 1] != ':')
		colon--;
	if (!colon || !text_to_uint64(text_from(t, colon), &number) || number > 65535 ||
		t.data[colon] == '-')
		return false;
	name = text_until(t, colon - 1);
	if (text_starts(name, TEXT("["))) {
		if (name.size < 4 || name.data[name.size - 1] != ']')
			return false;
		name = text_until(text_from(name, 1), name.size - 2);
	} else if (text_find(name, ':', 0) < name.size) {
		return false; /* an IPv6 address without brackets */
	}
	if (name.size > 255 || strcspn(text, " \t\r\n/") < t.size ||
		text_find(name, '[', 0) < name.size || text_find(name, ']', 0) < name.size)
		return false;
	if (name.size)
		memcpy(host, name.data, name.size);
	host[name.size] = '\0';
	*port = (int)number;
	return true;
}

bool option_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return strcmp(host, "localhost") == 0;
}

bool option_local(const char *target)
{
	char host[256];
	int port;

	return strncmp(target, "unix:", 5) == 0 ||
	       (option_address(target, host, &port) && option_loopback(host));
}

const char *option_admin(const struct option_program *program, const char *given, bool insecure)
{
	char host[256];
	int port;

	if (strcmp(given, "none") == 0)
		return NULL;
	if (!option_address(given, host, &port))
		option_refuse(program, "--admin must be ADDRESS:PORT or none, not \"%s\"", given);
	if (!option_loopback(host) && !insecure)
		option_refuse(program,
			"--admin %s can be reached from other machines, and whoever reaches it is "
			"obeyed; say --insecure if that is meant",
			given);
	return given;
}
