/* The table follows AuditRecord; what is in the index, audit.record_terms in the migrations. */
#include "server/audit/field.h"

const struct audit_field_info audit_fields[AUDIT_FIELDS] = {
	[AUDIT_ID] = {TEXT("id"), "id", "id", AUDIT_KIND_UUID},
	[AUDIT_TIME] = {TEXT("time"), "time", NULL, AUDIT_KIND_TIME},
	[AUDIT_OPT_TYPE] = {TEXT("optType"), "opt_type", NULL, AUDIT_KIND_INTEGER},
	[AUDIT_RESULT_TYPE] = {TEXT("resultType"), "result_type", NULL, AUDIT_KIND_INTEGER},
	[AUDIT_CONTENT] = {TEXT("content"), "content", NULL, AUDIT_KIND_TEXT},
	[AUDIT_SOURCE_NODE] = {TEXT("sourceNode"), "source_node", "source", AUDIT_KIND_TEXT},
	[AUDIT_NAMESPACE] = {TEXT("namespace"), "namespace", NULL, AUDIT_KIND_TEXT},
	[AUDIT_SEVERITY] = {TEXT("severity"), "severity", NULL, AUDIT_KIND_SEVERITY},
	[AUDIT_USER] = {TEXT("user"), "user_name", "user", AUDIT_KIND_TEXT},
	[AUDIT_APPLICATION] = {TEXT("application"), "application", "application", AUDIT_KIND_TEXT},
	[AUDIT_ADDRESS] = {TEXT("address"), "address", NULL, AUDIT_KIND_TEXT},
	[AUDIT_ROLES] = {TEXT("roles"), "roles", "role", AUDIT_KIND_TEXTS},
	[AUDIT_NODE] = {TEXT("node"), "node", NULL, AUDIT_KIND_TEXT},
	[AUDIT_EVENT_TIME] = {TEXT("eventTime"), "event_time", NULL, AUDIT_KIND_TIME},
	[AUDIT_TARGET] = {TEXT("target"), "target", "target", AUDIT_KIND_TEXT},
	[AUDIT_TRACE_ID] = {TEXT("traceId"), "trace_id", "trace", AUDIT_KIND_TEXT},
	[AUDIT_EXT] = {TEXT("ext"), "ext", NULL, AUDIT_KIND_JSON},
};

int audit_field_named(struct text name)
{
	for (int i = 0; i < AUDIT_FIELDS; i++)
		if (text_equal(audit_fields[i].name, name))
			return i;
	return text_equal(name, TEXT("message")) ? AUDIT_CONTENT : -1;
}

const char *audit_severity_word(struct text given)
{
	static const char *const words[] = {
		"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

	for (int number = 0; number < 8; number++) {
		const char digit = (char)('0' + number);

		if (text_equal_nocase(given, text_of(words[number])) ||
			text_equal(given, (struct text){&digit, 1}))
			return words[number];
	}
	return NULL;
}
