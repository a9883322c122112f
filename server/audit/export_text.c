/* One pass over the fields of a record for either form. */
#include "server/audit/export_text.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"

/* --- NDJSON ----------------------------------------------------------------------------------- */

void export_text_json(struct buffer *out, const struct text values[AUDIT_FIELDS])
{
	buffer_add_char(out, '{');
	for (int i = 0; i < AUDIT_FIELDS; i++) {
		if (!values[i].data)
			continue;
		json_write_name(out, audit_fields[i].name);
		switch (audit_fields[i].kind) {
		case AUDIT_KIND_INTEGER:
		case AUDIT_KIND_TIME:
		case AUDIT_KIND_TEXTS:
			buffer_add_text(out, values[i]);
			break;
		case AUDIT_KIND_JSON:
			json_write_on_one_line(out, values[i]);
			break;
		default:
			json_write_string(out, values[i]);
		}
	}
	buffer_add_text(out, TEXT("}\n"));
}

/* --- CSV -------------------------------------------------------------------------------------- */

static bool wants_quotes(struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		if (memchr("\",\r\n", t.data[i], 4))
			return true;
	}
	return t.size == 0;
}

static void add_quoted(struct buffer *out, struct text t)
{
	buffer_add_char(out, '"');
	for (size_t i = 0, end; i < t.size; i = end) {
		end = text_find(t, '"', i);
		buffer_add(out, t.data + i, end - i);
		if (end < t.size) {
			buffer_add_text(out, TEXT("\"\""));
			end++;
		}
	}
	buffer_add_char(out, '"');
}

static void add_value(struct buffer *out, enum audit_kind kind, struct text value)
{
	int64_t time;
	char iso[32];

	if (kind == AUDIT_KIND_TIME) {
		CHECK(text_to_int64(value, &time));
		clock_iso_into(iso, time);
		value = text_of(iso);
	}
	if (wants_quotes(value))
		add_quoted(out, value);
	else
		buffer_add_text(out, value);
}

void export_text_csv_head(struct buffer *out, const struct selection *selection)
{
	const char *comma = "";

	for (int i = 0; i < AUDIT_FIELDS; i++) {
		if (!selection->fields[i])
			continue;
		buffer_add_text(out, text_of(comma));
		buffer_add_text(out, audit_fields[i].name);
		comma = ",";
	}
	buffer_add_text(out, TEXT("\r\n"));
}

void export_text_csv(struct buffer *out, const struct selection *selection,
	const struct text values[AUDIT_FIELDS])
{
	const char *comma = "";
	size_t begin = out->size;

	for (int i = 0; i < AUDIT_FIELDS; i++) {
		if (!selection->fields[i])
			continue;
		buffer_add_text(out, text_of(comma));
		if (values[i].data)
			add_value(out, audit_fields[i].kind, values[i]);
		comma = ",";
	}
	if (out->size == begin)
		buffer_add_text(out, TEXT("\"\"")); /* readers leave out empty lines */
	buffer_add_text(out, TEXT("\r\n"));
}
