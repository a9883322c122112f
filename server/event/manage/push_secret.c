#include "server/event/manage/push_secret.h"

#include "base/base64.h"
#include "base/random.h"
#include "server/db/bytea.h"
#include "server/posting.h"

enum { MADE = 32 };

static struct text make(struct call *c, char **shown)
{
	char bytes[MADE];
	struct buffer written = {.arena = c->arena};

	random_bytes(bytes, sizeof(bytes));
	buffer_add_text(&written, TEXT("whsec_"));
	base64_write(&written, (struct text){bytes, sizeof(bytes)});
	*shown = arena_string(c->arena, buffer_text(&written));
	return bytea_text(c->arena, bytes, sizeof(bytes));
}

struct text push_secret_take(struct call *c, const char *given, char **shown)
{
	struct text bytes;

	if (!*given)
		return make(c, shown);
	*shown = (char *)"";
	if (posting_read_secret(c->arena, text_of(given), &bytes))
		return bytea_text(c->arena, bytes.data, bytes.size);
	status_field(&c->status, c->arena, "secret",
		"must be \"whsec_\" and base64 of %d to %d bytes", POSTING_SECRET_LEAST,
		POSTING_SECRET_MOST);
	return (struct text){0};
}
