#include "server/audit/caller.h"

#include "base/json.h"
#include "server/registry/node_health.h"

static void write_member(struct buffer *b, struct text name, struct text value)
{
	json_write_name(b, name);
	json_write_string(b, value);
}

struct text audit_caller(const struct call *c)
{
	struct buffer b = {.arena = c->arena};

	buffer_add_char(&b, '{');
	write_member(&b, TEXT("user"), c->caller.user);
	write_member(&b, TEXT("application"), c->caller.application);
	write_member(&b, TEXT("roles"), c->caller.roles);
	write_member(&b, TEXT("address"), c->caller.address);
	write_member(&b, TEXT("node"), node_name());
	write_member(&b, TEXT("trace"), c->caller.trace.id);
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}

struct text audit_own_caller(struct arena *a)
{
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '{');
	write_member(&b, TEXT("node"), node_name());
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}
