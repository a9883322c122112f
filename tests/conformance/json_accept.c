/* Whether a file is JSON as base/json.h reads it: exit status 0 if so, 1 with the reason on
 * standard error if not, 2 if it cannot be read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { ACCEPTED = 0, REJECTED = 1, UNREADABLE = 2 };

static bool read_all(FILE *file, struct buffer *content)
{
	size_t size;

	do {
		char *to = buffer_reserve(content, 65536);

		size = fread(to, 1, 65536, file);
		content->size += size;
	} while (size > 0);
	return !ferror(file);
}

static int judge(struct arena *a, FILE *file, const char *name)
{
	struct buffer content = {.arena = a};
	struct status status = {0};

	if (!file || !read_all(file, &content)) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return UNREADABLE;
	}
	if (json_read(a, buffer_text(&content), &status))
		return ACCEPTED;
	fprintf(stderr, "%s: %s\n", name, status.message);
	return REJECTED;
}

int main(int count, char **arguments)
{
	struct arena *a;
	bool standard;
	FILE *file;
	int code;

	if (count != 2 || strcmp(arguments[1], "--help") == 0) {
		fprintf(stderr,
			"usage: %s FILE\n- is standard input. Exit status 0: it is JSON, 1: it is "
			"not, 2: it cannot be read\n",
			arguments[0]);
		return UNREADABLE;
	}
	a = arena_new(0);
	standard = strcmp(arguments[1], "-") == 0;
	file = standard ? stdin : fopen(arguments[1], "rb");
	code = judge(a, file, arguments[1]);
	if (file && !standard)
		fclose(file);
	arena_free(&a);
	return code;
}
