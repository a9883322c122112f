/* Names are looked up by comparing one after another, from the field behind the last: members
 * mostly come in the order of the fields, some left out, so that few comparisons are made. */
#include "proto/runtime/field.h"

ProtobufCMessage *message_new(struct arena *a, const struct api_message *type)
{
	ProtobufCMessage *message = arena_alloc(a, type->descriptor->sizeof_message);

	protobuf_c_message_init(type->descriptor, message);
	return message;
}

bool field_name_is(const char *field_name, struct text name)
{
	/* A member's name may hold NUL, hence the second test. */
	return field_name && name.size > 0 && *field_name == *name.data &&
	       strncmp(field_name, name.data, name.size) == 0 && strlen(field_name) == name.size;
}

static int look_up(const struct api_message *type, struct text name, unsigned first)
{
	unsigned count = type->descriptor->n_fields;

	for (unsigned i = 0, at = first; i < count; i++, at++) {
		at = at < count ? at : 0;
		if (field_name_is(type->fields[at].json_name, name))
			return (int)at;
	}
	for (unsigned i = 0; i < count; i++) {
		if (field_name_is(type->fields[i].second_name, name) ||
			field_name_is(type->descriptor->fields[i].name, name))
			return (int)i;
	}
	return -1;
}

int field_named(const struct api_message *type, struct text name, unsigned first)
{
	int found = look_up(type, name, first);

	return found >= 0 && (type->fields[found].flags & API_REST) ? -1 : found;
}

int field_of_rest(const struct api_message *type)
{
	for (unsigned i = 0; i < type->descriptor->n_fields; i++)
		if (type->fields[i].flags & API_REST)
			return (int)i;
	return -1;
}

int message_field_named(const struct api_message *type, struct text name)
{
	return field_named(type, name, 0);
}

static protobuf_c_boolean *has_flag(
	const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	return (protobuf_c_boolean *)((char *)message + f->quantifier_offset);
}

bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *field_case(message, f) == f->id;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void **)field_slot(message, f) != NULL;
	if (f->label != PROTOBUF_C_LABEL_OPTIONAL)
		return true;
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		const void *string = *(const void **)field_slot(message, f);

		return string && string != f->default_value;
	}
	return *has_flag(message, f);
}

bool field_is_default(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	static const char zeros[8] = "";
	const void *slot = field_slot(message, f);
	const char *string;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *field_count(message, f) == 0;
	if (f->label != PROTOBUF_C_LABEL_NONE || (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
		f->type == PROTOBUF_C_TYPE_MESSAGE)
		return false;
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		string = *(const char *const *)slot;
		return !string || !*string;
	}
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)slot)->len == 0;
	return memcmp(slot, zeros, field_width(f->type)) == 0;
}

void field_mark_set(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		*field_case(message, f) = f->id;
	else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->quantifier_offset != 0)
		*has_flag(message, f) = 1;
}

size_t field_width(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	default:
		return 4;
	}
}

void *field_array(struct arena *a, size_t count, ProtobufCType type)
{
	size_t room = 1;

	while (room < count)
		room *= 2;
	return arena_array(a, room, field_width(type));
}

void *field_append(struct arena *a, ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	char **array = field_slot(message, f);
	size_t *count = field_count(message, f), width = field_width(f->type);

	if ((*count & (*count - 1)) == 0) { /* 0 or a power of two: full */
		char *larger = field_array(a, *count + 1, f->type);

		if (*count > 0)
			memcpy(larger, *array, *count * width);
		*array = larger;
	}
	return *array + (*count)++ * width;
}
