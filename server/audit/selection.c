/* A record's ext is read in memory of its own: as a tree it takes a hundred times its size. */
#include "server/audit/selection.h"

#include "base/check.h"
#include "base/json_part.h"
#include "proto/runtime/field.h"

#define EXT TEXT("ext.")

/* --- the request ------------------------------------------------------------------------------ */

/* NULL: a name between the dots is empty. */
static const struct text *read_path(struct arena *a, struct text path)
{
	size_t count = 1;

	for (size_t i = 0; i < path.size; i++)
		count += path.data[i] == '.';
	struct text *names = arena_array(a, count + 1, sizeof(*names));
	for (size_t i = 0, from = 0; i < count; i++) {
		size_t end = text_find(path, '.', from);
		names[i] = text_from(text_until(path, end), from);
		if (names[i].size == 0)
			return NULL;
		from = end + 1;
	}
	return names;
}

static bool read_name(struct arena *a, struct text name, struct selection *selection)
{
	int field = audit_field_named(name);
	const struct text *path;

	if (field >= 0) {
		selection->fields[field] = true;
		return true;
	}
	if (!text_starts(name, EXT) || !(path = read_path(a, text_from(name, EXT.size))))
		return false;
	selection->ext_paths[selection->ext_path_count++] = path;
	return true;
}

bool selection_read(struct arena *a, char *const *names, size_t count, bool with_ext,
	struct selection *selection, struct status *status)
{
	*selection = (struct selection){0};
	if (count > SELECTION_NAMES)
		return status_field(status, a, "fields", "takes at most %d names", SELECTION_NAMES);
	selection->ext_paths = arena_array(a, count + 1, sizeof(*selection->ext_paths));
	for (size_t i = 0; i < count; i++) {
		if (!read_name(a, text_of(names[i]), selection))
			return status_field(status, a, arena_printf(a, "fields[%zu]", i),
				"must be a field of a record, or ext.<path>");
	}
	for (int i = 0; i < AUDIT_FIELDS && count == 0; i++)
		selection->fields[i] = i != AUDIT_EXT || with_ext;
	if (selection->fields[AUDIT_EXT] || selection->ext_path_count == 0) {
		selection->ext_paths = NULL;
		selection->ext_path_count = 0;
		return true;
	}
	selection->fields[AUDIT_EXT] = true;
	json_sort_paths(selection->ext_paths, selection->ext_path_count);
	return true;
}

const char *selection_columns(struct arena *a, const struct selection *selection)
{
	struct buffer sql = {.arena = a};

	for (int i = 0; i < AUDIT_FIELDS; i++) {
		const struct audit_field_info *field = &audit_fields[i];
		const char *form = !selection->fields[i]             ? "NULL"
				   : field->kind == AUDIT_KIND_TIME  ? "audit.milliseconds(r.%s)"
				   : field->kind == AUDIT_KIND_TEXTS ? "array_to_json(r.%s)"
								     : "r.%s";
		const char *column = strchr(form, '%');

		if (i > 0)
			buffer_add_text(&sql, TEXT(", "));
		buffer_add(&sql, form, column ? (size_t)(column - form) : strlen(form));
		if (column) {
			buffer_add_text(&sql, text_of(field->column));
			buffer_add_text(&sql, text_of(column + 2));
		}
	}
	buffer_add_char(&sql, '\0');
	return sql.data;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct text selection_ext(struct arena *a, const struct selection *selection, struct text object)
{
	struct arena *tree = arena_new(0);
	struct status status;
	const struct json *json = json_read(tree, object, &status);
	struct buffer part = {.arena = a};

	if (json)
		json_write_part(&part, json, selection->ext_paths, selection->ext_path_count);
	arena_free(&tree);
	return part.size > 0 ? buffer_text(&part) : (struct text){0};
}

void selection_values(struct arena *a, const struct selection *selection, const struct rows *rows,
	int row, int column, struct text values[AUDIT_FIELDS])
{
	for (int i = 0; i < AUDIT_FIELDS; i++)
		values[i] = rows_text(rows, row, column + i);
	if (selection->ext_paths && values[AUDIT_EXT].data)
		values[AUDIT_EXT] = selection_ext(a, selection, values[AUDIT_EXT]);
}

static void set_texts(struct arena *a, Audit__AuditRecord *record, struct text array)
{
	struct status status;
	const struct json *json = json_read(a, array, &status);
	size_t count = 0;

	CHECK(json); /* PostgreSQL wrote it */
	record->roles = arena_array(a, json->count, sizeof(*record->roles));
	for (const struct json *role = json->first; role; role = role->next)
		record->roles[count++] = arena_string(a, role->string);
	record->n_roles = count;
}

static void set_field(
	struct arena *a, Audit__AuditRecord *record, enum audit_field field, struct text value)
{
	const ProtobufCFieldDescriptor *f = &audit__audit_record__descriptor.fields[field];
	void *slot = field_slot(&record->base, f);
	int64_t number;

	if (audit_fields[field].kind == AUDIT_KIND_TEXTS) {
		set_texts(a, record, value);
		return;
	}
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		*(char **)slot = arena_string(a, value);
	} else {
		CHECK(text_to_int64(value, &number));
		if (f->type == PROTOBUF_C_TYPE_INT64)
			*(int64_t *)slot = number;
		else
			*(int32_t *)slot = (int32_t)number;
	}
	field_mark_set(&record->base, f);
}

Audit__AuditRecord *selection_record(struct arena *a, const struct selection *selection,
	const struct rows *rows, int row, int column)
{
	Audit__AuditRecord *record = arena_alloc(a, sizeof(*record));
	struct text values[AUDIT_FIELDS];

	audit__audit_record__init(record);
	selection_values(a, selection, rows, row, column, values);
	for (int i = 0; i < AUDIT_FIELDS; i++) {
		if (values[i].data)
			set_field(a, record, i, values[i]);
	}
	return record;
}
