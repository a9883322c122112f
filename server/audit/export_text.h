/*
 * Export text: a record as a line of a file. Pure functions, any thread.
 *
 * A line is made of nothing but the values, in one way only: a record exported with all its fields
 * is the same bytes from every server and at every time, so that they can be hashed.
 */
#ifndef JUNCTION_SERVER_AUDIT_EXPORT_TEXT_H
#define JUNCTION_SERVER_AUDIT_EXPORT_TEXT_H

#include "base/arena.h"
#include "server/audit/selection.h"

/* One JSON object and LF: the members in the order of enum audit_field, those without a value left
 * out, numbers as numbers. ext stands as it was written, but for line breaks, which mean nothing in
 * JSON and would end the line. Values as of selection_values(). */
void export_text_json(struct buffer *out, const struct text values[AUDIT_FIELDS]);

/* RFC 4180: names of the fields selected; their values, and CRLF. Times as
 * 2026-11-22T06:00:00.123Z, roles and ext as JSON. No value is an empty field, an empty text is "",
 * and so is an only field without a value. What a spreadsheet would take for a formula stands as it
 * is. */
void export_text_csv_head(struct buffer *out, const struct selection *selection);
void export_text_csv(struct buffer *out, const struct selection *selection,
	const struct text values[AUDIT_FIELDS]);

#endif
