/*
 * Read in two passes: first every message gets its name, then types are resolved, which may point
 * anywhere. Growing lists are buffers of structs.
 */
#include "proto/apigen/schema.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/check.h"
#include "proto/apigen/option.h"
#include "proto/apigen/place.h"

#define LABEL_REPEATED GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED

/* Field numbers in descriptor.proto, of which ways are made. */
enum { FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6, FILE_EXTENSION = 7 };
enum {
	MESSAGE_FIELD = 2,
	MESSAGE_NESTED = 3,
	MESSAGE_ENUM = 4,
	ENUM_VALUE = 2,
	SERVICE_METHOD = 2
};

struct reading {
	struct arena *arena;
	struct schema *schema;
	struct buffer messages, methods, items;
	const char *c_package; /* of the file being read */
	bool ours;
};

static void add_item(struct reading *r, const char *kind, const char *name, struct place place)
{
	struct item item = {kind, name, r->ours, place};

	buffer_add(&r->items, &item, sizeof(item));
}

static const char *join(struct arena *a, const char *scope, const char *name)
{
	return *scope ? arena_printf(a, "%s.%s", scope, name) : name;
}

static void read_enum(struct reading *r, const char *scope,
	const Google__Protobuf__EnumDescriptorProto *e, struct way way)
{
	const char *name = join(r->arena, scope, e->name);

	add_item(r, "enum", name, way_place(way));
	for (size_t i = 0; i < e->n_value; i++)
		add_item(r, "enum value", join(r->arena, name, e->value[i]->name),
			way_place(way_to(way, ENUM_VALUE, i)));
}

static int by_number(const void *a, const void *b)
{
	const struct field *x = a, *y = b;

	return (x->proto->number > y->proto->number) - (x->proto->number < y->proto->number);
}

static void read_fields(struct reading *r, struct message *m, struct way way)
{
	m->field_count = m->proto->n_field;
	m->fields = arena_array(r->arena, m->field_count, sizeof(struct field));
	for (size_t i = 0; i < m->field_count; i++) {
		struct field *f = &m->fields[i];

		f->proto = m->proto->field[i];
		f->rule = option_field(r->arena, f->proto->options);
		f->place = way_place(way_to(way, MESSAGE_FIELD, i));
		if (!m->proto->options || !m->proto->options->map_entry)
			add_item(r, "field", join(r->arena, m->name, f->proto->name), f->place);
	}
	qsort(m->fields, m->field_count, sizeof(struct field), by_number);
}

static const char *message_symbol(struct reading *r, const char *package, const char *name)
{
	const char *rest = *package ? name + strlen(package) + 1 : name;

	return name_snake(r->arena, r->c_package ? join(r->arena, r->c_package, rest) : name, "__");
}

static void read_message(struct reading *r, const char *scope,
	const Google__Protobuf__DescriptorProto *proto, struct way way)
{
	struct message m = {.name = join(r->arena, scope, proto->name),
		.proto = proto,
		.place = way_place(way)};

	m.symbol = message_symbol(r, way.file->package ? way.file->package : "", m.name);
	if (!proto->options || !proto->options->map_entry)
		add_item(r, "message", m.name, m.place);
	read_fields(r, &m, way);
	buffer_add(&r->messages, &m, sizeof(m));
	for (size_t i = 0; i < proto->n_nested_type; i++)
		read_message(r, m.name, proto->nested_type[i], way_to(way, MESSAGE_NESTED, i));
	for (size_t i = 0; i < proto->n_enum_type; i++)
		read_enum(r, m.name, proto->enum_type[i], way_to(way, MESSAGE_ENUM, i));
}

static void read_method(struct reading *r, const char *service,
	const Google__Protobuf__MethodDescriptorProto *proto, struct place place)
{
	struct method m = {.service = service,
		.name = proto->name,
		.ours = r->ours,
		.proto = proto,
		.rule = option_method(r->arena, proto->options),
		.place = place};

	m.title = join(r->arena, r->ours ? service + strlen(OUR_PACKAGE ".") : service, m.name);
	m.symbol = name_snake(r->arena, m.title, "_");
	option_routes(r->arena, proto->options, &m);
	buffer_add(&r->methods, &m, sizeof(m));
	add_item(r, "RPC", m.title, place);
}

static void read_service(struct reading *r, const char *package,
	const Google__Protobuf__ServiceDescriptorProto *s, struct way way)
{
	const char *name = join(r->arena, package, s->name);

	add_item(r, "service", name, way_place(way));
	for (size_t i = 0; i < s->n_method; i++)
		read_method(r, name, s->method[i], way_place(way_to(way, SERVICE_METHOD, i)));
}

static void read_file(struct reading *r, const Google__Protobuf__FileDescriptorProto *file)
{
	struct way way = {.file = file};
	const char *package = file->package ? file->package : "";

	r->c_package = file_c_package(r->arena, file);
	r->ours = r->c_package != NULL;
	for (size_t i = 0; i < file->n_message_type; i++)
		read_message(r, package, file->message_type[i], way_to(way, FILE_MESSAGE, i));
	for (size_t i = 0; i < file->n_enum_type; i++)
		read_enum(r, package, file->enum_type[i], way_to(way, FILE_ENUM, i));
	for (size_t i = 0; i < file->n_service; i++)
		read_service(r, package, file->service[i], way_to(way, FILE_SERVICE, i));
	for (size_t i = 0; i < file->n_extension; i++)
		add_item(r, "extension", join(r->arena, package, file->extension[i]->name),
			way_place(way_to(way, FILE_EXTENSION, i)));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct message *)a)->name, ((const struct message *)b)->name);
}

/* A type in a descriptor begins with a dot. False if a message is missing. */
static bool resolve(const struct schema *s, const char *type, const struct message **message)
{
	*message = schema_message(s, type + 1);
	return *message != NULL;
}

static bool resolve_all(struct schema *s)
{
	bool found = true;

	for (size_t i = 0; i < s->message_count; i++)
		for (size_t j = 0; j < s->messages[i].field_count; j++) {
			struct field *f = &s->messages[i].fields[j];

			if (f->proto->type == FIELD_TYPE(MESSAGE) ||
				f->proto->type == FIELD_TYPE(GROUP))
				found = resolve(s, f->proto->type_name, &f->type) && found;
		}
	for (size_t i = 0; i < s->method_count; i++) {
		struct method *m = &s->methods[i];

		found = resolve(s, m->proto->input_type, &m->input) && found;
		found = resolve(s, m->proto->output_type, &m->output) && found;
	}
	return found;
}

struct schema *schema_read(struct arena *a, struct text bytes)
{
	ProtobufCAllocator allocator = option_allocator(a);
	struct schema *s = ARENA_NEW(a, struct schema);
	struct reading r = {a, s, {.arena = a}, {.arena = a}, {.arena = a}, NULL, false};

	s->set = google__protobuf__file_descriptor_set__unpack(
		&allocator, bytes.size, (const uint8_t *)bytes.data);
	if (!s->set)
		return NULL;
	for (size_t i = 0; i < s->set->n_file; i++)
		read_file(&r, s->set->file[i]);
	s->messages = (struct message *)r.messages.data;
	s->message_count = r.messages.size / sizeof(struct message);
	s->methods = (struct method *)r.methods.data;
	s->method_count = r.methods.size / sizeof(struct method);
	s->items = (struct item *)r.items.data;
	s->item_count = r.items.size / sizeof(struct item);
	qsort(s->messages, s->message_count, sizeof(struct message), by_name);
	return resolve_all(s) ? s : NULL;
}

struct message *schema_message(const struct schema *s, const char *name)
{
	struct message key = {.name = name};

	return bsearch(&key, s->messages, s->message_count, sizeof(key), by_name);
}

const struct field *message_field(const struct message *m, struct text name)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (text_equal(text_of(m->fields[i].proto->name), name))
			return &m->fields[i];
	return NULL;
}

const struct field *message_field_at(const struct message *m, struct text path)
{
	size_t dot = text_find(path, '.', 0);
	const struct field *f = message_field(m, text_until(path, dot));

	if (dot == path.size || !f)
		return f;
	return f->type && !field_is_repeated(f)
		       ? message_field_at(f->type, text_from(path, dot + 1))
		       : NULL;
}

bool field_is_repeated(const struct field *f)
{
	return f->proto->label == LABEL_REPEATED;
}

bool field_is_map(const struct field *f)
{
	return f->type && f->type->proto->options && f->type->proto->options->map_entry;
}

const char *file_c_package(struct arena *a, const Google__Protobuf__FileDescriptorProto *file)
{
	const char *base = strrchr(file->name, '/');

	if (!file->package || strcmp(file->package, OUR_PACKAGE) != 0)
		return NULL;
	base = base ? base + 1 : file->name;
	return arena_printf(a, "%.*s", (int)strcspn(base, "."), base);
}

const char *name_snake(struct arena *a, const char *name, const char *separator)
{
	struct buffer out = {.arena = a};
	bool after_upper = true;

	for (const char *c = name; *c; c++) {
		bool upper = isupper((unsigned char)*c);

		if (*c == '.') {
			buffer_add_text(&out, text_of(separator));
			after_upper = true;
			continue;
		}
		if (upper && !after_upper)
			buffer_add_char(&out, '_');
		buffer_add_char(&out, (char)tolower((unsigned char)*c));
		after_upper = upper;
	}
	return arena_string(a, buffer_text(&out));
}

const char *name_upper(struct arena *a, const char *name)
{
	char *upper = arena_string(a, text_of(name));

	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return upper;
}
