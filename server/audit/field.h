/*
 * Field: what a record consists of: names of the API, columns of audit.record, kinds. Constant, any
 * thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_FIELD_H
#define JUNCTION_SERVER_AUDIT_FIELD_H

#include <stdbool.h>

#include "base/text.h"

/* In the order of AuditRecord. */
enum audit_field {
	AUDIT_ID,
	AUDIT_TIME,
	AUDIT_OPT_TYPE,
	AUDIT_RESULT_TYPE,
	AUDIT_CONTENT,
	AUDIT_SOURCE_NODE,
	AUDIT_NAMESPACE,
	AUDIT_SEVERITY,
	AUDIT_USER,
	AUDIT_APPLICATION,
	AUDIT_ADDRESS,
	AUDIT_ROLES,
	AUDIT_NODE,
	AUDIT_EVENT_TIME,
	AUDIT_TARGET,
	AUDIT_TRACE_ID,
	AUDIT_EXT,
	AUDIT_FIELDS
};

enum audit_kind {
	AUDIT_KIND_UUID,
	AUDIT_KIND_INTEGER, /* int32 in a record, 64 bits in a comparison */
	AUDIT_KIND_TIME,    /* milliseconds since 1970 */
	AUDIT_KIND_SEVERITY,
	AUDIT_KIND_TEXT,
	AUDIT_KIND_TEXTS, /* several */
	AUDIT_KIND_JSON,  /* an object */
};

struct audit_field_info {
	struct text name;    /* "optType" */
	const char *column;  /* "opt_type" */
	const char *indexed; /* what audit.field_query calls it: "user"; NULL: not in the index */
	enum audit_kind kind;
};

extern const struct audit_field_info audit_fields[AUDIT_FIELDS];

/* "message" is content. -1: there is none; ext.<path> is none, either. */
int audit_field_named(struct text name);

/* "warning", in any case, or syslog's number "4": the word, else NULL. */
const char *audit_severity_word(struct text given);

/* Milliseconds since 1970 of the years 1 to 9999: what records may hold, and what a time range is
 * cut to. */
#define AUDIT_TIME_FIRST (-62135596800000LL)
#define AUDIT_TIME_LAST  253402300799999LL

#endif
