/* gRPC's status codes by name, and the one way to set a reason. */
#include "base/status.h"

static const char *const names[] = {"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};

const char *status_name(enum status_code code)
{
	return (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "UNKNOWN";
}

bool status_set(struct status *s, struct arena *a, enum status_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*s = (struct status){.code = code, .message = arena_vprintf(a, format, args)};
	va_end(args);
	return false;
}

bool status_field(struct status *s, struct arena *a, const char *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *rule = arena_vprintf(a, format, args);
	va_end(args);
	status_set(s, a, STATUS_INVALID_ARGUMENT, "%s: %s", field, rule);
	s->field = arena_string(a, text_of(field));
	return false;
}
