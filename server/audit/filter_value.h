/*
 * Value: one value of a filter's condition, by the type of the field that it is compared with.
 * Internal to the filter; any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_FILTER_VALUE_H
#define JUNCTION_SERVER_AUDIT_FILTER_VALUE_H

#include "base/json.h"
#include "server/audit/field.h"

enum filter_use {
	FILTER_EQUAL,
	FILTER_ORDER,
	FILTER_LIKE,
	FILTER_TERMS,
};

struct filter_value {
	enum json_type type;
	struct text raw;  /* JSON */
	struct text text; /* a parameter of the field's SQL type */
};

/* raw: JSON as the request has it. kind: AUDIT_KIND_JSON is a part of ext, whose values have types
 * of their own. False with the status INVALID_ARGUMENT about the field path. */
bool filter_value_read(struct arena *a, struct text raw, enum audit_kind kind, enum filter_use use,
	const char *path, struct filter_value *value, struct status *status);

#endif
