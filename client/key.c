/* What of an access key the options say. A file is read once, and wiped from memory. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "client/internal.h"

/* A copy of the member, or NULL. */
static char *copy_member(const struct json *object, struct text name)
{
	struct text value = json_member_text(object, name, TEXT(""));
	char *copy = check_calloc(1, value.size + 1);

	memcpy(copy, value.data, value.size);
	return copy;
}

static bool read_members(const char *text, char **id, char **secret)
{
	struct arena *a = arena_new(0);
	struct status status;
	const struct json *json = json_read(a, text_of(text), &status);

	*id = copy_member(json, TEXT("accessKeyId"));
	*secret = copy_member(json, TEXT("secret"));
	arena_free(&a);
	return **id && **secret;
}

static bool read_file(const char *path, char **id, char **secret, char reason[FILES_REASON_SIZE])
{
	struct watched_file file = {"key file", path};

	if (!files_read(&file, 1, reason))
		return false;
	bool own = !(file.seen.st_mode & 077);
	bool good = own && read_members(file.text, id, secret);
	if (!own)
		snprintf(reason, FILES_REASON_SIZE,
			"key file %s: others than its owner have rights on it: chmod 600 %s", path,
			path);
	else if (!good)
		snprintf(reason, FILES_REASON_SIZE,
			"key file %s: must be JSON with accessKeyId and secret", path);
	files_forget(&file, 1);
	return good;
}

bool key_read(const struct junction_options *options, char **id, char **secret,
	char reason[FILES_REASON_SIZE])
{
	*id = *secret = NULL;
	if (options->key_file)
		return read_file(options->key_file, id, secret, reason);
	if (!options->access_key_id && !options->access_key_secret)
		return true;
	if (!options->access_key_id || !options->access_key_secret) {
		snprintf(reason, FILES_REASON_SIZE,
			"access key id and secret are given together or not at all");
		return false;
	}
	*id = check_strdup(options->access_key_id);
	*secret = check_strdup(options->access_key_secret);
	return true;
}
