/* Compiling: one pass from tag to tag. A tag that opens, closes or says nothing, and stands alone
 * on its line, takes the line with it, so that lists have no blank lines in between. */
#include "base/table.h"
#include "server/notice/template/template_priv.h"

struct named {
	struct text name;
	bool required;
	struct named *next;
};

struct opened {
	struct text name;
	int line;
	struct node **rest; /* where what follows the section is hung */
};

struct compiling {
	struct arena *arena;
	struct text text;
	size_t at;
	int line; /* there */
	const char *field;
	struct status *status;
	struct node **end; /* where the next node is hung */
	struct opened opened[TEMPLATE_DEPTH];
	int depth;
	struct table known; /* of struct named */
	struct named *names, **last_name;
	size_t required;
};

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct compiling *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *rule = arena_vprintf(c->arena, format, args);
	va_end(args);
	return status_field(c->status, c->arena, c->field, "line %d: %s", c->line, rule);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

bool template_is_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++)
		if (!is_name_char(name.data[i]))
			return false;
	return name.size > 0 && name.size <= TEMPLATE_NAME_MAX;
}

static bool is_path(struct text path)
{
	size_t from = 0;

	for (size_t end; from <= path.size; from = end + 1) {
		end = text_find(path, '.', from);
		if (!template_is_name(text_from(text_until(path, end), from)))
			return false;
	}
	return path.size <= TEMPLATE_NAME_MAX;
}

static bool name_holds(struct compiling *c, struct text name)
{
	if (name.size == 0)
		return refuse(c, "a tag has no name");
	if (text_equal(name, TEXT(".")))
		return c->depth > 0 || refuse(c, "{{.}} stands outside of all sections");
	return is_path(name) || refuse(c,
					"a name must be letters, digits, \"_\" and \"-\", with "
					"\".\" between those of members, at most %d bytes",
					TEMPLATE_NAME_MAX);
}

static bool note_name(struct compiling *c, struct text path, bool required)
{
	struct text name = text_until(path, text_find(path, '.', 0));
	struct named *known = table_get(&c->known, name);

	if (name.size == 0)
		return true; /* {{.}} */
	if (!known) {
		if (c->known.count == TEMPLATE_NAMES_MAX)
			return refuse(c, "there are more than %d names", TEMPLATE_NAMES_MAX);
		known = ARENA_NEW(c->arena, struct named);
		known->name = name;
		table_put(&c->known, name, known);
		*c->last_name = known;
		c->last_name = &known->next;
	}
	c->required += required && !known->required;
	known->required |= required;
	return true;
}

static void list_names(const struct compiling *c, struct template *t)
{
	struct text *names = arena_array(c->arena, c->known.count, sizeof(*names));
	struct text *required = arena_array(c->arena, c->required, sizeof(*required));

	t->names = names;
	t->required = required;
	for (const struct named *n = c->names; n; n = n->next) {
		names[t->name_count++] = n->name;
		if (n->required)
			required[t->required_count++] = n->name;
	}
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct node *add_node(struct compiling *c, enum node_kind kind, struct text text)
{
	struct node *node = ARENA_NEW(c->arena, struct node);

	*node = (struct node){.kind = kind, .text = text};
	*c->end = node;
	c->end = &node->next;
	return node;
}

static void add_text(struct compiling *c, size_t until)
{
	if (until > c->at)
		add_node(c, NODE_TEXT, text_from(text_until(c->text, until), c->at));
}

static bool open_section(struct compiling *c, enum node_kind kind, struct text name)
{
	struct node *node;

	if (!name_holds(c, name) || !note_name(c, name, false))
		return false;
	if (c->depth == TEMPLATE_DEPTH)
		return refuse(c, "sections nest deeper than %d", TEMPLATE_DEPTH);
	node = add_node(c, kind, name);
	c->opened[c->depth++] = (struct opened){name, c->line, c->end};
	c->end = &node->first;
	return true;
}

static bool close_section(struct compiling *c, struct text name)
{
	const struct opened *opened;

	if (c->depth == 0)
		return refuse(c, "{{/ }} closes no section");
	if (!name_holds(c, name))
		return false;
	opened = &c->opened[c->depth - 1];
	if (!text_equal(name, opened->name))
		return refuse(c, "{{/%.*s}} stands where {{/%.*s}} is expected, of line %d",
			TEXT_ARGS(name), TEXT_ARGS(opened->name), opened->line);
	c->end = opened->rest;
	c->depth--;
	return true;
}

static bool add_value(struct compiling *c, struct text name)
{
	if (!name_holds(c, name) || !note_name(c, name, c->depth == 0))
		return false;
	add_node(c, NODE_VALUE, name);
	return true;
}

/* --- tags ------------------------------------------------------------------------------------- */

static bool add_tag(struct compiling *c, struct text tag)
{
	struct text name = tag.size > 0 ? text_trim(text_from(tag, 1)) : tag;

	switch (tag.size > 0 ? tag.data[0] : '\0') {
	case '!':
		return true;
	case '#':
		return open_section(c, NODE_SECTION, name);
	case '^':
		return open_section(c, NODE_INVERTED, name);
	case '/':
		return close_section(c, name);
	case '>':
		return refuse(c, "{{> }} is not known: a template takes no other one in");
	case '{':
		return refuse(c, "{{{ }}} is not known: all values are escaped");
	case '&':
		return refuse(c, "{{& }} is not known: all values are escaped");
	case '=':
		return refuse(c, "{{= =}} is not known: tags are always {{ }}");
	default:
		return add_value(c, tag);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether what lies from open to *close stands alone on its line; then that is *from to *close. */
static bool is_alone(const struct compiling *c, size_t *from, size_t open, size_t *close)
{
	size_t begin = open, end = *close;

	while (begin > c->at && is_blank(c->text.data[begin - 1]))
		begin--;
	if (begin > 0 && c->text.data[begin - 1] != '\n')
		return false;
	while (end < c->text.size && is_blank(c->text.data[end]))
		end++;
	if (end + 1 < c->text.size && c->text.data[end] == '\r' && c->text.data[end + 1] == '\n')
		end++;
	if (end < c->text.size && c->text.data[end] != '\n')
		return false;
	*from = begin;
	*close = end < c->text.size ? end + 1 : end;
	return true;
}

static void count_lines(struct compiling *c, size_t from, size_t until)
{
	while ((from = text_find(text_until(c->text, until), '\n', from) + 1) <= until)
		c->line++;
}

/* Where both of two such bytes stand first, or the text's end. */
static size_t find_pair(struct text t, char byte, size_t from)
{
	while ((from = text_find(t, byte, from)) + 1 < t.size)
		if (t.data[++from] == byte)
			return from - 1;
	return t.size;
}

static bool compile_tag(struct compiling *c, size_t open)
{
	size_t until = open, close = find_pair(c->text, '}', open + 2);

	count_lines(c, c->at, open);
	if (close == c->text.size)
		return refuse(c, "{{ is not closed");
	struct text tag = text_trim(text_from(text_until(c->text, close), open + 2));
	close += 2;
	if (tag.size > 0 && memchr("#^/!", tag.data[0], 4))
		is_alone(c, &until, open, &close);
	add_text(c, until);
	if (!add_tag(c, tag))
		return false;
	count_lines(c, open, close);
	c->at = close;
	return true;
}

static bool compile(struct compiling *c)
{
	size_t open;

	while ((open = find_pair(c->text, '{', c->at)) < c->text.size)
		if (!compile_tag(c, open))
			return false;
	add_text(c, c->text.size);
	if (c->depth == 0)
		return true;
	c->line = c->opened[c->depth - 1].line;
	return refuse(c, "section \"%.*s\" is not closed", TEXT_ARGS(c->opened[c->depth - 1].name));
}

const struct template *template_compile(
	struct arena *a, struct text text, const char *field, struct status *status)
{
	struct template *t = ARENA_NEW(a, struct template);
	struct node *first = NULL;
	struct compiling c = {
		.arena = a,
		.text = text,
		.line = 1,
		.field = field,
		.status = status,
		.end = &first,
		.known = {.exact = true},
	};
	bool good;

	c.last_name = &c.names;
	good = compile(&c);
	list_names(&c, t);
	table_clear(&c.known);
	t->first = first;
	return good ? t : NULL;
}

const struct text *template_required(const struct template *t, size_t *count)
{
	*count = t->required_count;
	return t->required;
}

bool template_has(const struct template *t, struct text name)
{
	for (size_t i = 0; i < t->name_count; i++)
		if (text_equal(t->names[i], name))
			return true;
	return false;
}
