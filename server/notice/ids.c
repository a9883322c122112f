#include "server/notice/ids.h"

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool ids_is_uuid(struct text t)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (t.size != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < t.size; i++)
		if (form[i] == 'x' ? !is_hex(t.data[i]) : t.data[i] != '-')
			return false;
	return true;
}

bool ids_read_uuid(struct call *c, const char *field, const char *given, struct text *id)
{
	*id = text_of(given);
	if (id->size == 0)
		return status_field(&c->status, c->arena, field, "is required");
	return ids_is_uuid(*id) || status_field(&c->status, c->arena, field, "must be a UUID");
}

bool ids_read_position(struct call *c, const char *field, const char *given, struct text *id)
{
	int64_t position;

	*id = text_of(given);
	if (id->size == 0)
		return status_field(&c->status, c->arena, field, "is required");
	return (text_to_int64(*id, &position) && position > 0) ||
	       status_field(&c->status, c->arena, field, "must be a number in decimal digits");
}
