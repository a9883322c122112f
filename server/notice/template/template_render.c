/* Rendering: a walk over the nodes, with the values that open sections stand for on a stack. What
 * is looked at and written is counted, since lists within lists multiply. */
#include "base/check.h"
#include "server/notice/template/escape.h"
#include "server/notice/template/template_priv.h"

/* What a name stands for: JSON, NULL if there is none; or a built-in text. */
struct value {
	const struct json *json;
	const struct template_builtin *builtin;
};

struct rendering {
	const struct template_values *values;
	enum template_escape escape;
	enum place place;
	struct buffer *out;
	size_t begin; /* of it */
	size_t steps;
	struct value stack[TEMPLATE_DEPTH];
	int depth;
	struct status *status;
};

static bool goes_on(struct rendering *r)
{
	if (r->out->size - r->begin > TEMPLATE_RENDERED_MAX)
		return status_set(r->status, r->out->arena, STATUS_RESOURCE_EXHAUSTED,
			"what the template makes of the parameters is larger than %d bytes",
			TEMPLATE_RENDERED_MAX);
	return r->steps <= TEMPLATE_STEPS_MAX ||
	       status_set(r->status, r->out->arena, STATUS_RESOURCE_EXHAUSTED,
		       "the lists of the parameters are too large for the template");
}

/* --- looking up ------------------------------------------------------------------------------- */

static const struct json *member(struct rendering *r, const struct json *object, struct text name)
{
	const struct json *m = object && object->type == JSON_OBJECT ? object->first : NULL;

	while (m && !text_equal(m->name, name)) {
		r->steps++;
		m = m->next;
	}
	return m;
}

/* The innermost thing of that name. */
static struct value find(struct rendering *r, struct text name)
{
	const struct template_values *v = r->values;
	struct value found = {0};

	for (int i = r->depth - 1; i >= 0 && !found.json; i--)
		found.json = member(r, r->stack[i].json, name);
	if (!found.json)
		found.json = member(r, v->params, name);
	for (size_t i = 0; i < v->builtin_count && !found.json && !found.builtin; i++)
		if (text_equal(v->builtins[i].name, name))
			found.builtin = &v->builtins[i];
	return found;
}

static struct value look_up(struct rendering *r, struct text path)
{
	size_t end = text_find(path, '.', 0);

	if (end == 0) /* "." */
		return r->depth > 0 ? r->stack[r->depth - 1] : (struct value){0};
	struct value found = find(r, text_until(path, end));
	while (end < path.size) {
		path = text_from(path, end + 1);
		end = text_find(path, '.', 0);
		found = (struct value){.json = member(r, found.json, text_until(path, end))};
	}
	return found;
}

/* Of a number: whether it has a digit other than 0 before its exponent. */
static bool is_other_than_zero(struct rendering *r, struct text number)
{
	for (size_t i = 0; i < number.size && number.data[i] != 'e' && number.data[i] != 'E'; i++) {
		r->steps++;
		if (number.data[i] >= '1' && number.data[i] <= '9')
			return true;
	}
	return false;
}

static bool is_there(struct rendering *r, struct value v)
{
	if (!v.json)
		return v.builtin && v.builtin->value.size > 0;
	switch (v.json->type) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_TRUE:
		return true;
	case JSON_NUMBER:
		return is_other_than_zero(r, v.json->raw);
	case JSON_STRING:
		return v.json->string.size > 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return v.json->count > 0;
	}
	return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct text text_of_value(struct value v)
{
	if (!v.json)
		return v.builtin ? v.builtin->value : TEXT("");
	switch (v.json->type) {
	case JSON_NULL:
		return TEXT("");
	case JSON_STRING:
		return v.json->string;
	default:
		return v.json->raw;
	}
}

static void write_value(struct rendering *r, struct value v)
{
	struct text text = text_of_value(v);

	r->place = escape_value(
		r->out, r->escape, r->place, !v.json && v.builtin && v.builtin->link, text);
	r->steps += text.size;
}

static bool render_all(struct rendering *r, const struct node *first);

static bool render_with(struct rendering *r, const struct node *section, struct value v)
{
	CHECK(r->depth < TEMPLATE_DEPTH);
	r->steps++;
	r->stack[r->depth++] = v;
	bool good = render_all(r, section->first);
	r->depth--;
	return good;
}

static bool render_section(struct rendering *r, const struct node *section)
{
	struct value v = look_up(r, section->text);

	if (!is_there(r, v))
		return true;
	if (!v.json || v.json->type != JSON_ARRAY)
		return render_with(r, section, v);
	for (const struct json *i = v.json->first; i; i = i->next)
		if (!render_with(r, section, (struct value){.json = i}))
			return false;
	return true;
}

static bool render_inverted(struct rendering *r, const struct node *section)
{
	return is_there(r, look_up(r, section->text)) || render_all(r, section->first);
}

static bool render_node(struct rendering *r, const struct node *node)
{
	r->steps++;
	if (!goes_on(r))
		return false;
	switch (node->kind) {
	case NODE_TEXT:
		buffer_add_text(r->out, node->text);
		r->place = escape_place(r->escape, r->place, node->text);
		return true;
	case NODE_VALUE:
		write_value(r, look_up(r, node->text));
		return true;
	case NODE_SECTION:
		return render_section(r, node);
	case NODE_INVERTED:
		return render_inverted(r, node);
	}
	return false;
}

static bool render_all(struct rendering *r, const struct node *first)
{
	for (const struct node *node = first; node; node = node->next)
		if (!render_node(r, node))
			return false;
	return goes_on(r);
}

bool template_render(const struct template *t, const struct template_values *values,
	enum template_escape escape, struct buffer *out, struct status *status)
{
	struct rendering r = {
		.values = values,
		.escape = escape,
		.out = out,
		.begin = out->size,
		.status = status,
	};

	return render_all(&r, t->first);
}
