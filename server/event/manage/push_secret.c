#include "server/event/manage/push_secret.h"

#include "base/base64.h"
#include "base/random.h"
#include "server/db/bytea.h"

enum { LEAST = 24, MOST = 64, MADE = 32 };

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
	struct text text = text_of(given), prefix = TEXT("whsec_"), bytes;

	if (!*given)
		return make(c, shown);
	*shown = (char *)"";
	if (text_starts(text, prefix) &&
		base64_read(c->arena, text_from(text, prefix.size), &bytes) &&
		bytes.size >= LEAST && bytes.size <= MOST)
		return bytea_text(c->arena, bytes.data, bytes.size);
	status_field(&c->status, c->arena, "secret",
		"must be \"whsec_\" and base64 of %d to %d bytes", LEAST, MOST);
	return (struct text){0};
}
