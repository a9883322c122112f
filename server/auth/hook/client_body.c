/* What can be read as JSON is no form: a signature over the form's fields would not cover all of
 * it. */
#include "server/auth/hook/client_body.h"

#include "base/percent.h"

struct form {
	struct arena *arena;
	struct buffer json;
	struct text names[CLIENT_FORM_MAX];
	size_t count;
};

static bool is_form(struct text type)
{
	return text_equal_nocase(text_trim(text_until(type, text_find(type, ';', 0))),
		TEXT("application/x-www-form-urlencoded"));
}

static bool has_name(const struct form *form, struct text name)
{
	for (size_t i = 0; i < form->count; i++)
		if (text_equal(form->names[i], name))
			return true;
	return false;
}

static bool add_field(struct form *form, struct text field)
{
	size_t equals = text_find(field, '=', 0);
	struct text name, value;

	if (percent_decode(form->arena, text_until(field, equals), true, &name) ||
		percent_decode(form->arena, text_from(field, equals + 1), true, &value))
		return false;
	if (has_name(form, name))
		return true;
	if (form->count == CLIENT_FORM_MAX)
		return false;
	form->names[form->count++] = name;
	json_write_name(&form->json, name);
	json_write_string(&form->json, value);
	return true;
}

static const struct json *read_form(struct arena *a, struct text bytes)
{
	struct form *form = ARENA_NEW(a, struct form);
	struct status status;

	form->arena = form->json.arena = a;
	buffer_add_char(&form->json, '{');
	while (bytes.size > 0) {
		size_t end = text_find(bytes, '&', 0);

		if (end > 0 && !add_field(form, text_until(bytes, end)))
			return NULL;
		bytes = text_from(bytes, end + 1);
	}
	buffer_add_char(&form->json, '}');
	return json_read(a, buffer_text(&form->json), &status);
}

bool client_body_read(
	struct arena *a, struct text bytes, struct text type, struct client_body *body)
{
	struct status status;

	*body = (struct client_body){.blank = text_trim(bytes).size == 0};
	if (body->blank)
		return true;
	body->json = json_read(a, bytes, &status);
	if (body->json || !is_form(type))
		return true;
	body->form = read_form(a, bytes);
	return body->form != NULL;
}
