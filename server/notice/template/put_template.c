/* PutTemplate. */
#include "server/db/array.h"
#include "server/notice/channel/channel_message.h"
#include "server/notice/send/name_list.h"
#include "server/notice/template/template_message.h"
#include "steps.gen.h"

enum { REQUIRED_MOST = 100, CHANNELS_MOST = 10, CHANNEL_BYTES = 32 };

static const struct statement put_template = {
	.name = "notice_put_template",
	.sql = "SELECT " TEMPLATE_COLUMNS " FROM notice.put_template($1::json) AS t",
	.parameters = 1,
};

static bool read_channels(struct call *c, struct text given, struct text *channels)
{
	static const struct name_list_rule rule = {"channel", CHANNEL_BYTES, CHANNELS_MOST};
	size_t count, end;

	*channels = TEXT("");
	if (given.size == 0)
		return true;
	*channels = name_list_read(c->arena, &rule, given, &count, &c->status);
	if (!channels->data)
		return false;
	for (size_t from = 0; from < channels->size; from = end + 1) {
		end = text_find(*channels, ',', from);
		struct text name = text_from(text_until(*channels, end), from);
		if (!channel_is_name(name))
			return status_field(&c->status, c->arena, "channel",
				"\"%.*s\" is no name of a channel", TEXT_ARGS(name));
	}
	return true;
}

static bool is_among(struct text name, const struct text *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(names[i], name))
			return true;
	return false;
}

static bool read_required(
	struct call *c, const Notice__PutTemplateRequest *in, struct text *required)
{
	if (in->n_required > REQUIRED_MOST)
		return status_field(&c->status, c->arena, "required", "must be at most %d names",
			REQUIRED_MOST);
	for (size_t i = 0; i < in->n_required; i++) {
		const char *field = arena_printf(c->arena, "required[%zu]", i);

		required[i] = text_of(in->required[i]);
		if (!template_is_name(required[i]))
			return status_field(&c->status, c->arena, field,
				"must be 1 to %d letters, digits, \"_\" and \"-\"",
				TEMPLATE_NAME_MAX);
		if (is_among(required[i], required, i))
			return status_field(&c->status, c->arena, field, "has been there before");
	}
	return true;
}

static void write_text(struct buffer *json, struct text name, struct text value)
{
	json_write_name(json, name);
	json_write_string(json, value);
}

/* Left out if it is unknown. */
static void write_author(struct buffer *json, struct text name, struct text value)
{
	if (value.size > 0)
		write_text(json, name, value);
}

static void write_names(
	struct buffer *json, struct text name, const struct text *names, size_t count)
{
	json_write_name(json, name);
	buffer_add_char(json, '[');
	for (size_t i = 0; i < count; i++) {
		json_write_comma(json);
		json_write_string(json, names[i]);
	}
	buffer_add_char(json, ']');
}

static void write_bool(struct buffer *json, struct text name, bool value)
{
	json_write_name(json, name);
	buffer_add_text(json, value ? TEXT("true") : TEXT("false"));
}

/* The columns of notice.template that the server knows. */
static struct text specify(struct call *c, struct text id, struct text channels,
	const struct text *required, size_t required_count, const struct variants *v)
{
	struct buffer json = {.arena = c->arena};
	bool has_receipt = variants_have(v, TEXT("receipt"));
	size_t needed_count;
	const struct text *needed =
		variants_needed(c->arena, v, required, required_count, &needed_count);

	buffer_add_char(&json, '{');
	write_text(&json, TEXT("namespace"), c->caller.space);
	write_text(&json, TEXT("id"), id);
	write_text(&json, TEXT("channel"), channels);
	write_names(&json, TEXT("required"), required, required_count);
	write_names(&json, TEXT("needed"), needed, needed_count);
	json_write_name(&json, TEXT("variants"));
	variants_write(&json, v);
	write_bool(&json, TEXT("personal"), has_receipt || variants_have(v, TEXT("user")));
	write_bool(&json, TEXT("has_receipt"), has_receipt);
	write_author(&json, TEXT("author_user"), c->caller.user);
	write_author(&json, TEXT("author_application"), c->caller.application);
	write_author(&json, TEXT("author_address"), c->caller.address);
	buffer_add_char(&json, '}');
	return buffer_text(&json);
}

static enum next put(struct call *c, const struct rows *rows)
{
	Notice__PutTemplateResponse out = NOTICE__PUT_TEMPLATE_RESPONSE__INIT;

	out.template_ = template_message(c, rows, 0);
	return REPLY(c, &out);
}

enum next notice_put_template(struct call *c)
{
	const Notice__PutTemplateRequest *in = call_request(c, Notice__PutTemplateRequest);
	struct text *parameter = ARENA_NEW(c->arena, struct text);
	struct text *required = arena_array(c->arena, REQUIRED_MOST, sizeof(*required));
	struct text channels;
	struct variants v;

	if (!template_id_holds(c, in->template_) ||
		!read_channels(c, text_of(in->channel), &channels) ||
		!read_required(c, in, required) ||
		!template_variants_take(c, in->variants, in->n_variants, &v))
		return failed(c);
	*parameter = specify(c, text_of(in->template_), channels, required, in->n_required, &v);
	return change(c, &put_template, parameter, put);
}
