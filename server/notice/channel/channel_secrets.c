#include "server/notice/channel/channel_secrets.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "server/seal.h"

enum { NAME_MOST = 64, GIVEN_MOST = 100 };

static struct text seal_id(struct arena *a, struct text space, struct text name)
{
	return text_of(arena_printf(a, "channel %.*s %.*s", TEXT_ARGS(space), TEXT_ARGS(name)));
}

struct channel_sealed channel_secrets_read(
	struct arena *a, const struct rows *rows, int row, int column)
{
	struct channel_sealed sealed = {.key_id = arena_text(a, rows_text(rows, row, column + 1))};

	if (!rows_null(rows, row, column))
		CHECK(base64_read(a, rows_text(rows, row, column), &sealed.bytes));
	return sealed;
}

bool channel_secrets_open(struct arena *a, struct text space, struct text name,
	const struct channel_sealed *sealed, const struct json **secrets, struct status *status)
{
	*secrets = NULL;
	if (!sealed->bytes.data)
		return true;
	struct text opened = seal_open(a, seal_id(a, space, name), sealed->key_id, sealed->bytes);
	if (opened.data)
		*secrets = json_read(a, opened, status);
	return *secrets || status_set(status, a, STATUS_FAILED_PRECONDITION,
				   "secrets: this server's --key-file does not open what was "
				   "sealed with key \"%.*s\"",
				   TEXT_ARGS(sealed->key_id));
}

/* --- merging -------------------------------------------------------------------------------- */

const char *channel_secrets_given(channel_secret *const *given, size_t count, struct text name)
{
	while (count > 0)
		if (text_equal(text_of(given[--count]->key), name))
			return given[count]->value;
	return NULL;
}

static bool is_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '_' && c != '-')
			return false;
	}
	return name.size >= 1 && name.size <= NAME_MOST;
}

struct secret {
	struct text name, value;
};

static int compare_names(const void *a, const void *b)
{
	return text_compare(((const struct secret *)a)->name, ((const struct secret *)b)->name);
}

/* In order of their names, so that the same secrets are the same text. */
static const struct json *write_secrets(
	struct arena *a, struct secret *secrets, size_t count, struct status *status)
{
	struct buffer b = {.arena = a};

	qsort(secrets, count, sizeof(*secrets), compare_names);
	buffer_add_char(&b, '{');
	for (size_t i = 0; i < count; i++) {
		json_write_name(&b, secrets[i].name);
		json_write_string(&b, secrets[i].value);
	}
	buffer_add_char(&b, '}');
	if (b.size > CHANNEL_SECRETS_BYTES) {
		status_field(status, a, "secrets", "must have at most %d bytes in all",
			CHANNEL_SECRETS_BYTES);
		return NULL;
	}
	return json_read(a, buffer_text(&b), status);
}

bool channel_secrets_merge(struct arena *a, const struct json *kept, channel_secret *const *given,
	size_t count, const struct json **secrets, struct status *status)
{
	size_t left = 0;

	*secrets = NULL;
	if (count > GIVEN_MOST)
		return status_field(status, a, "secrets", "must be at most %d", GIVEN_MOST);
	struct secret *all = arena_array(a, count + (kept ? kept->count : 0), sizeof(*all));
	for (const struct json *s = kept ? kept->first : NULL; s; s = s->next)
		if (!channel_secrets_given(given, count, s->name))
			all[left++] = (struct secret){s->name, s->string};
	for (size_t i = 0; i < count; i++) {
		struct text name = text_of(given[i]->key);
		if (!is_name(name))
			return status_field(status, a, "secrets",
				"names must be 1 to %d letters, digits, \"-\" and \"_\"",
				NAME_MOST);
		if (*given[i]->value &&
			channel_secrets_given(given, count, name) == given[i]->value)
			all[left++] = (struct secret){name, text_of(given[i]->value)};
	}
	if (left == 0)
		return true;
	*secrets = write_secrets(a, all, left, status);
	return *secrets;
}

struct channel_sealed channel_secrets_seal(
	struct arena *a, struct text space, struct text name, const struct json *secrets)
{
	struct channel_sealed sealed;

	sealed.bytes = seal_data(a, seal_id(a, space, name), secrets->raw, &sealed.key_id);
	return sealed;
}
