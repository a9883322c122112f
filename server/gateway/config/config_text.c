/* One pass of recursive descent, at most JSON_DEPTH deep. Whether braces hold members or values is
 * decided by what follows the first name or string. A function is read up to its end as text
 * without blanks, and compared with the one that is known. */
#include "server/gateway/config/config_text.h"

#include <stdlib.h>

#include "base/json.h"
#include "server/gateway/config/config_token.h"

static bool read_value(struct config_reader *r, struct config_value *value);

/* --- functions -------------------------------------------------------------------------------- */

/* The document's default of rateLimit.key, behind its arguments. */
#define DEFAULT_KEY                                                                                \
	"{returnreq.headers[\"x-forwarded-for\"]||req.connection.remoteAddress||"                  \
	"req.socket.remoteAddress||req.connection.socket.remoteAddress}"

/* Appends what follows up to the end of the function: the brace that closes its body. False: there
 * is none. */
static bool add_function(struct config_reader *r, struct buffer *b)
{
	struct text string;
	int depth = 0;

	for (char c; config_token_skip_blanks(r) && (c = config_token_peek(r)) != '\0';) {
		if (c == '"' || c == '\'') {
			if (!config_token_string(r, &string))
				return false;
			buffer_printf(b, "\"%.*s\"", TEXT_ARGS(string));
			continue;
		}
		depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
		if (depth < 0)
			return false;
		config_token_advance(r);
		if (c != ';')
			buffer_add_char(b, c);
		if (c == '}' && depth == 0)
			return true;
	}
	return false;
}

static bool is_default_key(struct text function)
{
	static const struct text known[] = {TEXT("(req)=>" DEFAULT_KEY), TEXT("req=>" DEFAULT_KEY),
		TEXT("function(req)" DEFAULT_KEY)};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (text_equal(function, known[i]))
			return true;
	return false;
}

static bool is_limit_key(const struct config_value *value)
{
	const struct config_value *limit = value->parent;

	if (limit && limit->parent && limit->parent->type == CONFIG_LIST)
		limit = limit->parent;
	return limit && text_equal(value->name, TEXT("key")) &&
	       text_equal(limit->name, TEXT("rateLimit"));
}

/* word: what has been read of it. */
static bool read_function(struct config_reader *r, struct text word, struct config_value *value)
{
	struct buffer b = {.arena = r->arena};

	value->type = CONFIG_FUNCTION;
	buffer_add_text(&b, word);
	if (add_function(r, &b) && is_default_key(buffer_text(&b)) && is_limit_key(value))
		return true;
	return config_token_refuse(r, value->line,
		"a function is not read, but for the documented default of rateLimit.key");
}

/* --- what braces hold ------------------------------------------------------------------------- */

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool is_name_next(const struct config_reader *r)
{
	return is_quote(config_token_peek(r)) || config_token_starts_name(r);
}

static bool read_name(struct config_reader *r, struct text *name)
{
	if (!is_name_next(r))
		return config_token_expected(r, "a name");
	return is_quote(config_token_peek(r)) ? config_token_string(r, name)
					      : config_token_name(r, name);
}

/* Whether a name and a colon follow, or a name and the arguments of a function. */
static bool is_member_next(struct config_reader r)
{
	struct text name;

	if (!is_name_next(&r) || !read_name(&r, &name) || !config_token_skip_blanks(&r))
		return false;
	char c = config_token_peek(&r);
	return c == ':' || c == '(';
}

/* A member up to its value; the value's line is where it begins, its own until then. */
static bool read_member_name(struct config_reader *r, struct config_value *member)
{
	if (!read_name(r, &member->name) || !config_token_skip_blanks(r))
		return false;
	r->here = member;
	if (config_token_peek(r) == '(')
		return read_function(r, member->name, member);
	if (!config_token_take(r, ':'))
		return config_token_expected(r, "\":\"");
	return config_token_skip_blanks(r);
}

static int by_name(const void *a, const void *b)
{
	const struct config_value *x = *(const struct config_value *const *)a;
	const struct config_value *y = *(const struct config_value *const *)b;
	int order = text_compare(x->name, y->name);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool names_differ(struct config_reader *r, const struct config_value *object)
{
	const struct config_value **members = arena_array(r->arena, object->count, sizeof *members);
	size_t count = 0;

	for (const struct config_value *m = object->first; m; m = m->next)
		members[count++] = m;
	qsort(members, count, sizeof *members, by_name);
	for (size_t i = 1; i < count; i++)
		if (text_equal(members[i - 1]->name, members[i]->name)) {
			r->here = members[i];
			return config_token_refuse(r, members[i]->line, "is there twice");
		}
	return true;
}

static struct config_value *add_child(
	struct config_reader *r, struct config_value *parent, struct config_value *last)
{
	struct config_value *child = ARENA_NEW(r->arena, struct config_value);

	child->parent = parent;
	child->index = parent->count++;
	child->line = r->line;
	if (last)
		last->next = child;
	else
		parent->first = child;
	return child;
}

/* Up to the bracket that closes. */
static bool read_children(struct config_reader *r, struct config_value *parent, char close)
{
	const char *expected = close == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"";
	struct config_value *last = NULL;

	for (;;) {
		r->here = parent;
		if (!config_token_skip_blanks(r))
			return false;
		if (config_token_take(r, close))
			return true;
		last = add_child(r, parent, last);
		if (parent->type == CONFIG_OBJECT ? !read_member_name(r, last) : false)
			return false;
		if (!read_value(r, last))
			return false;
		r->here = parent;
		int line = r->line;
		if (!config_token_skip_blanks(r))
			return false;
		if (!config_token_take(r, ',') && config_token_peek(r) != close && r->line == line)
			return config_token_expected(r, expected);
	}
}

static bool read_container(struct config_reader *r, struct config_value *value)
{
	char close = config_token_peek(r) == '{' ? '}' : ']';

	if (r->depth == JSON_DEPTH)
		return config_token_refuse(r, r->line, "is nested deeper than %d", JSON_DEPTH);
	r->depth++;
	config_token_advance(r);
	if (!config_token_skip_blanks(r))
		return false;
	bool list = close == ']' || (config_token_peek(r) != '}' && !is_member_next(*r));
	value->type = list ? CONFIG_LIST : CONFIG_OBJECT;
	if (!read_children(r, value, close))
		return false;
	r->depth--;
	return list || names_differ(r, value);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_arrow_next(struct config_reader r)
{
	return config_token_skip_blanks(&r) && config_token_take(&r, '=') &&
	       config_token_peek(&r) == '>';
}

static bool read_word(struct config_reader *r, struct config_value *value)
{
	int line = r->line;
	struct text word;

	if (!config_token_name(r, &word))
		return false;
	if (text_equal(word, TEXT("function")) || text_equal(word, TEXT("async")) ||
		is_arrow_next(*r))
		return read_function(r, word, value);
	if (text_equal(word, TEXT("null")))
		value->type = CONFIG_NULL;
	else if (text_equal(word, TEXT("true")))
		value->type = CONFIG_TRUE;
	else if (text_equal(word, TEXT("false")))
		value->type = CONFIG_FALSE;
	else if (text_equal(word, TEXT("Infinity")) || text_equal(word, TEXT("NaN")))
		return config_token_refuse(r, line, "must be a finite number");
	else
		return config_token_refuse(r, line, "a text must stand in quotes");
	return true;
}

static bool read_value(struct config_reader *r, struct config_value *value)
{
	char c = config_token_peek(r);

	r->here = value;
	value->line = r->line;
	if (c == '{' || c == '[')
		return read_container(r, value);
	if (is_quote(c)) {
		value->type = CONFIG_STRING;
		return config_token_string(r, &value->text);
	}
	if (c == '(')
		return read_function(r, TEXT(""), value);
	if (config_token_starts_name(r))
		return read_word(r, value);
	if (c && strchr("0123456789+-.", c)) {
		value->type = CONFIG_NUMBER;
		return config_token_number(r, &value->text);
	}
	return config_token_expected(r, "a value");
}

static bool read_file(struct config_reader *r, struct config_value *root)
{
	if (!config_token_skip_blanks(r) || !read_value(r, root))
		return false;
	r->here = root;
	if (!config_token_skip_blanks(r))
		return false;
	config_token_take(r, ';');
	if (!config_token_skip_blanks(r))
		return false;
	return r->at == r->text.size ||
	       config_token_refuse(r, r->line, "something stands behind the end");
}

/* The reader itself sees only well-formed characters. */
static bool is_text(struct config_reader *r)
{
	struct text t = r->text;
	size_t ill = text_utf8_error(t), nul = text_find(t, '\0', 0);

	while (r->at < t.size && r->at < ill && r->at < nul)
		config_token_advance(r);
	if (nul < ill)
		return config_token_refuse(r, r->line, "must not hold NUL");
	if (ill < t.size)
		return config_token_refuse(r, r->line, "ill-formed UTF-8");
	r->at = 0;
	r->line = 1;
	return true;
}

bool config_text_read(struct arena *a, struct text file, struct text content,
	const struct config_value **root, const char **error)
{
	struct config_reader r = {.arena = a, .file = file, .text = content, .line = 1};
	struct config_value *value = ARENA_NEW(a, struct config_value);

	*root = value;
	if (is_text(&r) && read_file(&r, value))
		return true;
	*error = r.error;
	return false;
}
