/*
 * A condition compares one value of the record, x, in a way that depends on the operator's shape. A
 * field that may have several values has x stand for each of them, within EXISTS. What is not true
 * is false or, of a field that the record lacks, NULL; the operators that begin with Not are true
 * of both.
 *
 * Parts of ext are jsonb: for equality as they are, in which only what has the same type is equal;
 * in order numbers as jsonb again, texts as texts, since jsonb orders these as the database's
 * locale does. jsonpath takes names in quotes as JSON has them; a [*] goes through one array, and
 * leaves what is none as it is.
 *
 * Of a regular expression the planner believes that next to nothing matches it, and would rather
 * read and sort all records than read them in order until there are enough; of a CASE, that half
 * does.
 */
#include "server/audit/filter_condition.h"

#include "base/check.h"
#include "server/audit/filter_value.h"
#include "server/db/array.h"

enum {
	VALUES_MOST = 1000,
	PATH_NAMES_MOST = 16,
	/* A list that is longer is not asked of the index: all terms of a query have a megabyte. */
	TERM_VALUES_MOST = 64,
	TERM_BYTES_MOST = 1024,
};

enum shape { SHAPE_COMPARE, SHAPE_BETWEEN, SHAPE_LIST, SHAPE_TERMS, SHAPE_EXISTS };

struct operation {
	struct text name;
	enum shape shape;
	enum filter_use use;
	const char *sql;
	bool negated;
	size_t least, most; /* values */
};

static const struct operation operations[] = {
	{TEXT("Equal"), SHAPE_COMPARE, FILTER_EQUAL, "=", false, 1, 1},
	{TEXT("NotEqual"), SHAPE_COMPARE, FILTER_EQUAL, "=", true, 1, 1},
	{TEXT("Between"), SHAPE_BETWEEN, FILTER_ORDER, NULL, false, 2, 2},
	{TEXT("NotBetween"), SHAPE_BETWEEN, FILTER_ORDER, NULL, true, 2, 2},
	{TEXT("Like"), SHAPE_COMPARE, FILTER_LIKE, "LIKE", false, 1, 1},
	{TEXT("GreaterThan"), SHAPE_COMPARE, FILTER_ORDER, ">", false, 1, 1},
	{TEXT("GreaterThanOrEqual"), SHAPE_COMPARE, FILTER_ORDER, ">=", false, 1, 1},
	{TEXT("LessThan"), SHAPE_COMPARE, FILTER_ORDER, "<", false, 1, 1},
	{TEXT("LessThanOrEqual"), SHAPE_COMPARE, FILTER_ORDER, "<=", false, 1, 1},
	{TEXT("InList"), SHAPE_LIST, FILTER_EQUAL, NULL, false, 1, VALUES_MOST},
	{TEXT("NotInList"), SHAPE_LIST, FILTER_EQUAL, NULL, true, 1, VALUES_MOST},
	{TEXT("Match"), SHAPE_TERMS, FILTER_TERMS, "false", false, 1, 1},
	{TEXT("MatchPhrase"), SHAPE_TERMS, FILTER_TERMS, "true", false, 1, 1},
	{TEXT("Exists"), SHAPE_EXISTS, FILTER_EQUAL, NULL, false, 0, 0},
	{TEXT("NotExists"), SHAPE_EXISTS, FILTER_EQUAL, NULL, true, 0, 0},
};

/* A FilterExpr that has been read. */
struct condition {
	const struct operation *operation;
	const struct audit_field_info *field;
	struct text ext_path; /* of a part of ext: a jsonpath */
	const struct filter_value *values;
	size_t count;
};

/* --- reading it ------------------------------------------------------------------------------- */

static bool refuse(
	const struct filter_building *b, const char *path, const char *member, const char *rule)
{
	return status_field(
		b->status, b->arena, arena_printf(b->arena, "%s.%s", path, member), "%s", rule);
}

/* $."a"[*]...[*]."b"[*]...[*] of "a.b". False if a name is empty or there are too many. */
static bool read_ext_path(struct arena *a, struct text names, struct text *path)
{
	struct buffer out = {.arena = a};
	size_t at = 0;

	buffer_add_char(&out, '$');
	for (int count = 0; at <= names.size; count++) {
		size_t end = text_find(names, '.', at);

		if (end == at || count == PATH_NAMES_MOST)
			return false;
		buffer_add_char(&out, '.');
		json_write_string(&out, (struct text){names.data + at, end - at});
		for (int i = 0; i < JSON_DEPTH; i++)
			buffer_add_text(&out, TEXT("[*]"));
		at = end + 1;
	}
	*path = buffer_text(&out);
	return true;
}

static bool read_field(
	struct filter_building *b, struct text name, const char *path, struct condition *c)
{
	const struct text ext = TEXT("ext.");
	int field = text_starts(name, ext) ? AUDIT_EXT : audit_field_named(name);

	if (name.size == 0)
		return refuse(b, path, "field", "is required");
	if (field < 0)
		return refuse(b, path, "field", "must be a field of a record, or ext.<path>");
	c->field = &audit_fields[field];
	return field != AUDIT_EXT ||
	       (name.size > ext.size &&
		       read_ext_path(b->arena, text_from(name, ext.size), &c->ext_path)) ||
	       refuse(b, path, "field", "must be ext. and 1 to 16 names parted by dots");
}

static bool has_texts(const struct audit_field_info *field)
{
	return field->kind == AUDIT_KIND_TEXT || field->kind == AUDIT_KIND_TEXTS ||
	       field->kind == AUDIT_KIND_JSON;
}

static bool read_operator(
	struct filter_building *b, struct text name, const char *path, struct condition *c)
{
	const size_t count = sizeof(operations) / sizeof(operations[0]);

	for (size_t i = 0; i < count; i++)
		if (text_equal(operations[i].name, name))
			c->operation = &operations[i];
	if (name.size == 0)
		return refuse(b, path, "operator", "is required");
	if (!c->operation)
		return refuse(b, path, "operator", "is no operator");
	bool of_texts = c->operation->use == FILTER_LIKE || c->operation->use == FILTER_TERMS;
	return !of_texts || has_texts(c->field) ||
	       refuse(b, path, "operator", "wants a field of texts");
}

static bool check_count(struct filter_building *b, const struct condition *c, const char *path)
{
	const struct operation *o = c->operation;
	const char *takes = o->most == 0   ? "no value"
			    : o->most == 1 ? "one value"
			    : o->most == 2 ? "two values"
					   : "1 to 1000 values";

	return (c->count >= o->least && c->count <= o->most) ||
	       refuse(b, path, "value", arena_printf(b->arena, "%s takes %s", o->name.data, takes));
}

static bool read_values(
	struct filter_building *b, char *const *given, const char *path, struct condition *c)
{
	struct filter_value *values = arena_array(b->arena, c->count, sizeof(*values));

	if (!check_count(b, c, path))
		return false;
	for (size_t i = 0; i < c->count; i++) {
		const char *place = arena_printf(b->arena, "%s.value[%zu]", path, i);

		if (!filter_value_read(b->arena, text_of(given[i]), c->field->kind,
			    c->operation->use, place, &values[i], b->status))
			return false;
		if (c->operation->shape == SHAPE_BETWEEN && c->ext_path.data &&
			values[i].type != values[0].type)
			return status_field(b->status, b->arena, place,
				values[0].type == JSON_NUMBER ? "not a number" : "not a text");
	}
	c->values = values;
	return true;
}

/* --- as SQL ----------------------------------------------------------------------------------- */

/* The number of the $n. */
static int add_parameter(struct filter_parameters *p, struct text value)
{
	p->items[p->count] = value;
	return p->first + p->count++;
}

/* What is compared: x, and the type of what it is compared with. */
struct operand {
	const char *x;
	const char *type;
	const char *only; /* for which x this is; "" for all */
};

static struct operand ext_operand(const struct condition *c)
{
	if (c->operation->use == FILTER_EQUAL)
		return (struct operand){"v", "jsonb", ""};
	if (c->values[0].type == JSON_NUMBER)
		return (struct operand){"v", "jsonb", "jsonb_typeof(v) = 'number' AND "};
	return (struct operand){
		"(v #>> '{}') COLLATE \"C\"", "text", "jsonb_typeof(v) = 'string' AND "};
}

static struct operand operand_of(struct arena *a, const struct condition *c)
{
	const char *column = c->field->column;

	switch (c->field->kind) {
	case AUDIT_KIND_UUID:
		return (struct operand){arena_printf(a, "r.%s", column), "uuid", ""};
	case AUDIT_KIND_INTEGER:
		return (struct operand){arena_printf(a, "r.%s", column), "bigint", ""};
	case AUDIT_KIND_TIME:
		return (struct operand){
			arena_printf(a, "audit.milliseconds(r.%s)", column), "bigint", ""};
	case AUDIT_KIND_SEVERITY:
		return (struct operand){arena_printf(a, "r.%s", column), "audit.severity", ""};
	case AUDIT_KIND_TEXT:
		return (struct operand){arena_printf(a, "r.%s", column), "text", ""};
	case AUDIT_KIND_TEXTS:
		return (struct operand){"v COLLATE \"C\"", "text", ""};
	case AUDIT_KIND_JSON:
		return ext_operand(c);
	}
	CHECK(false);
}

static struct text array_of(struct arena *a, const struct condition *c)
{
	struct buffer array = {.arena = a};

	for (size_t i = 0; i < c->count; i++)
		array_add(&array, c->ext_path.data ? c->values[i].raw : c->values[i].text);
	return array_text(&array);
}

/* Of a part of ext that is compared for equality, the JSON. */
static int add_value(struct filter_building *b, const struct condition *c, size_t i)
{
	bool json = c->ext_path.data && c->operation->use == FILTER_EQUAL;

	return add_parameter(&b->parameters, json ? c->values[i].raw : c->values[i].text);
}

static void add_comparison(struct filter_building *b, const struct condition *c)
{
	struct operand o = operand_of(b->arena, c);
	struct buffer *out = &b->condition;
	int first;

	buffer_printf(out, "%s", o.only);
	switch (c->operation->shape) {
	case SHAPE_COMPARE:
		buffer_printf(
			out, "%s %s $%d::%s", o.x, c->operation->sql, add_value(b, c, 0), o.type);
		break;
	case SHAPE_BETWEEN:
		first = add_value(b, c, 0);
		buffer_printf(out, "%s BETWEEN $%d::%s AND $%d::%s", o.x, first, o.type,
			add_value(b, c, 1), o.type);
		break;
	case SHAPE_LIST:
		buffer_printf(out, "%s = ANY ($%d::%s[])", o.x,
			add_parameter(&b->parameters, array_of(b->arena, c)), o.type);
		break;
	case SHAPE_TERMS:
		buffer_printf(out,
			"CASE WHEN audit.fold(%s) ~ audit.text_pattern($%d::text, %s) THEN true "
			"ELSE false END",
			o.x, add_value(b, c, 0), c->operation->sql);
		break;
	case SHAPE_EXISTS:
		buffer_add_text(out, TEXT("true"));
		break;
	}
}

static void add_positive(struct filter_building *b, const struct condition *c)
{
	struct buffer *out = &b->condition;

	if (c->field->kind == AUDIT_KIND_JSON) {
		buffer_printf(out,
			"EXISTS (SELECT FROM audit.ext_values(r.ext, $%d::jsonpath) AS v "
			"WHERE ",
			add_parameter(&b->parameters, c->ext_path));
		add_comparison(b, c);
		buffer_add_char(out, ')');
	} else if (c->operation->shape == SHAPE_EXISTS) {
		buffer_printf(out, "r.%s IS NOT NULL", c->field->column);
	} else if (c->field->kind == AUDIT_KIND_TEXTS) {
		buffer_printf(
			out, "EXISTS (SELECT FROM unnest(r.%s) AS v WHERE ", c->field->column);
		add_comparison(b, c);
		buffer_add_char(out, ')');
	} else {
		add_comparison(b, c);
	}
}

/* --- for the index ---------------------------------------------------------------------------- */

static bool short_enough(const struct condition *c)
{
	size_t bytes = 0;

	for (size_t i = 0; i < c->count; i++)
		bytes += c->values[i].text.size;
	return c->count <= TERM_VALUES_MOST && bytes <= TERM_BYTES_MOST;
}

static struct text terms_of(struct filter_building *b, const struct condition *c)
{
	const char *indexed = c->field->indexed;
	struct filter_parameters *p = &b->term_parameters;

	if (c->operation->negated || !short_enough(c))
		return (struct text){0};
	if (c->operation->shape == SHAPE_TERMS && c->field == &audit_fields[AUDIT_CONTENT])
		return text_of(arena_printf(b->arena, "audit.text_query($%d::text, %s)",
			add_parameter(p, c->values[0].text), c->operation->sql));
	if (indexed && c->operation->shape == SHAPE_COMPARE && c->operation->use == FILTER_EQUAL)
		return text_of(arena_printf(b->arena, "audit.field_query('%s', $%d::text)", indexed,
			add_parameter(p, c->values[0].text)));
	if (indexed && c->operation->shape == SHAPE_LIST)
		return text_of(arena_printf(b->arena,
			"(SELECT string_agg(audit.field_query('%s', v)::text, ' | ')::tsquery "
			"FROM unnest($%d::text[]) AS v)",
			indexed, add_parameter(p, array_of(b->arena, c))));
	return (struct text){0};
}

/* --- all of it -------------------------------------------------------------------------------- */

bool filter_add_condition(struct filter_building *b, const Audit__FilterExpr *in, const char *path,
	struct text *terms)
{
	struct condition c = {.count = in->n_value};

	if (!read_field(b, text_of(in->field), path, &c) ||
		!read_operator(b, text_of(in->operator_), path, &c) ||
		!read_values(b, in->value, path, &c))
		return false;
	buffer_add_char(&b->condition, '(');
	add_positive(b, &c);
	buffer_add_text(&b->condition, c.operation->negated ? TEXT(") IS NOT TRUE") : TEXT(")"));
	*terms = terms_of(b, &c);
	return true;
}
