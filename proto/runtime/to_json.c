/* A message value has one function, message_out(): a type with a JSON form of its own belongs
 * there. Recursion is as deep as the message: what the guard or the JSON reader let in, or what a
 * handler made. */
#include "proto/runtime/field.h"
#include "proto/runtime/scalar.h"

static void message_out(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	if (message)
		message_to_json(out, type, message, options);
	else
		buffer_add_text(out, TEXT("{}"));
}

static void raw_out(struct buffer *out, const char *raw)
{
	struct text text = text_of(raw);

	buffer_add_text(out, text.size > 0 ? text : TEXT("null"));
}

static void value_out(struct buffer *out, const struct api_message *type, unsigned field,
	const void *slot, const struct transcode_options *options)
{
	const struct api_field *api = &type->fields[field];

	if (api->flags & API_RAW_JSON)
		raw_out(out, *(const char *const *)slot);
	else if (api->message)
		message_out(out, api->message, *(const ProtobufCMessage *const *)slot, options);
	else
		scalar_to_json(out, &type->descriptor->fields[field], slot, options);
}

static void list_out(struct buffer *out, const struct api_message *type, unsigned field,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const char *array = *(const char **)field_slot(message, f);
	size_t count = *field_count(message, f), width = field_width(f->type);

	buffer_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		value_out(out, type, field, array + i * width, options);
	}
	buffer_add_char(out, ']');
}

static void map_out(struct buffer *out, const struct api_message *type, unsigned field,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const struct api_message *entry = type->fields[field].message;
	const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0], *value = key + 1;
	ProtobufCMessage *const *entries = *(ProtobufCMessage *const **)field_slot(message, f);
	size_t count = *field_count(message, f);

	buffer_add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		scalar_to_json_key(out, key, field_slot(entries[i], key));
		buffer_add_char(out, ':');
		value_out(out, entry, 1, field_slot(entries[i], value), options);
	}
	buffer_add_char(out, '}');
}

void message_field_to_json(struct buffer *out, const struct api_message *type, unsigned field,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];

	if (type->fields[field].flags & API_MAP)
		map_out(out, type, field, message, options);
	else if (f->label == PROTOBUF_C_LABEL_REPEATED)
		list_out(out, type, field, message, options);
	else if (field_is_set(message, f))
		value_out(out, type, field, field_slot(message, f), options);
	else
		buffer_add_text(out, TEXT("null"));
}

void message_members_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	for (unsigned i = 0; i < type->descriptor->n_fields; i++) {
		const struct api_field *api = &type->fields[i];

		if (!field_is_set(message, &type->descriptor->fields[i]))
			continue;
		json_write_name(out, text_of(api->json_name));
		message_field_to_json(out, type, i, message, options);
		if (!api->second_name)
			continue;
		json_write_name(out, text_of(api->second_name));
		message_field_to_json(out, type, i, message, options);
	}
}

void message_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options)
{
	buffer_add_char(out, '{');
	message_members_to_json(out, type, message, options);
	buffer_add_char(out, '}');
}
