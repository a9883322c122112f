/*
 * What protoc-c must not see. `optional`: protoc refuses any generator that does not know it, but
 * the oneof of one member that stands for it passes, and has the same bytes on the wire. Services:
 * protoc-c makes struct members of method names, C keywords included, and nobody calls its
 * services. Custom options, their extensions, and the imports that only they need: so that a
 * public header of ours includes no header of Google's.
 * What it is told: (pb_c_file).c_package, as if protobuf-c/protobuf-c.proto were imported, so that
 * junction/v1/registry.proto makes Registry__GetServerRequest.
 */
#include "proto/apigen/strip.h"

#include "proto/apigen/option.h"

/* pb_c_file in FileOptions, and in it the key of c_package: field 6, length-delimited. */
enum { PB_C_FILE = 1019, C_PACKAGE_KEY = 6 << 3 | 2 };

void strip_source(struct schema *s)
{
	for (size_t i = 0; i < s->set->n_file; i++)
		s->set->file[i]->source_code_info = NULL;
}

static void strip_message(Google__Protobuf__DescriptorProto *m)
{
	m->n_extension = 0;
	for (size_t i = 0; i < m->n_field; i++) {
		m->field[i]->has_proto3_optional = false;
		if (m->field[i]->options)
			m->field[i]->options->base.n_unknown_fields = 0;
	}
	for (size_t i = 0; i < m->n_nested_type; i++)
		strip_message(m->nested_type[i]);
}

static bool declares(const struct schema *s, const char *file, const char *type)
{
	for (size_t i = 0; i < s->item_count; i++)
		if (strcmp(s->items[i].name, type) == 0)
			return strcmp(s->items[i].place.file, file) == 0;
	return false;
}

/* Some message of the file has a field whose type the import declares. */
static bool needs(const struct schema *s, const char *file, const char *import)
{
	for (size_t i = 0; i < s->message_count; i++) {
		const struct message *m = &s->messages[i];

		if (strcmp(m->place.file, file) != 0)
			continue;
		for (size_t j = 0; j < m->field_count; j++) {
			const char *type = m->fields[j].proto->type_name;

			if (type && declares(s, import, type + 1))
				return true;
		}
	}
	return false;
}

static void strip_imports(const struct schema *s, Google__Protobuf__FileDescriptorProto *file)
{
	size_t kept = 0;

	if (file->n_public_dependency || file->n_weak_dependency)
		return; /* indices into the list of imports */
	for (size_t i = 0; i < file->n_dependency; i++)
		if (needs(s, file->name, file->dependency[i]))
			file->dependency[kept++] = file->dependency[i];
	file->n_dependency = kept;
}

static void set_c_package(struct arena *a, Google__Protobuf__FileDescriptorProto *file)
{
	const char *c_package = file_c_package(a, file);
	struct buffer value = {.arena = a};

	if (!c_package)
		return;
	if (!file->options) {
		file->options = ARENA_NEW(a, Google__Protobuf__FileOptions);
		google__protobuf__file_options__init(file->options);
	}
	buffer_printf(&value, "%c%c%s", C_PACKAGE_KEY, (int)strlen(c_package), c_package);
	option_set(a, &file->options->base, PB_C_FILE, buffer_text(&value));
}

void strip_for_c(struct arena *a, struct schema *s)
{
	for (size_t i = 0; i < s->set->n_file; i++) {
		Google__Protobuf__FileDescriptorProto *file = s->set->file[i];

		file->n_service = 0;
		file->n_extension = 0;
		for (size_t j = 0; j < file->n_message_type; j++)
			strip_message(file->message_type[j]);
		strip_imports(s, file);
		set_c_package(a, file);
	}
}
