/*
 * apigen: from the descriptor set of all .proto files to the C tables of the API.
 *
 *	apigen SET FOLDER ROOT...
 *
 * SET is protoc's --descriptor_set_out with --include_imports and --include_source_info, the ROOTs
 * are the folders in which protoc found the files. A file whose content stays the same is not
 * written, so that a change in a comment compiles nothing but the documents.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/apigen/check.h"
#include "proto/apigen/emit.h"
#include "proto/apigen/strip.h"

static _Noreturn void give_up(const char *path)
{
	fprintf(stderr, "apigen: %s: %s\n", path, strerror(errno));
	exit(1);
}

/* False if there is no such file. */
static bool read_file(struct arena *a, const char *path, struct text *content)
{
	struct buffer b = {.arena = a};
	FILE *f = fopen(path, "rb");
	size_t got;

	if (!f)
		return false;
	do {
		got = fread(buffer_reserve(&b, 65536), 1, 65536, f);
		b.size += got;
	} while (got);
	if (ferror(f))
		give_up(path);
	fclose(f);
	*content = buffer_text(&b);
	return true;
}

static void write_file(struct arena *a, const char *folder, const char *name, struct text content)
{
	const char *path = arena_printf(a, "%s/%s", folder, name);
	struct text old;
	FILE *f;

	if (read_file(a, path, &old) && text_equal(old, content))
		return;
	f = fopen(path, "wb");
	if (!f || fwrite(content.data, 1, content.size, f) != content.size || fclose(f) != 0)
		give_up(path);
}

static struct text pack(struct arena *a, const struct schema *s)
{
	struct buffer b = {.arena = a};
	size_t size = google__protobuf__file_descriptor_set__get_packed_size(s->set);

	b.size = google__protobuf__file_descriptor_set__pack(
		s->set, (uint8_t *)buffer_reserve(&b, size));
	return buffer_text(&b);
}

/* The .proto files of the set, as protoc found them. */
static const struct text *read_sources(struct arena *a, const struct schema *s, char **roots)
{
	struct text *sources = arena_array(a, s->set->n_file, sizeof(*sources));

	for (size_t i = 0; i < s->set->n_file; i++) {
		const char *name = s->set->file[i]->name;
		char **root = roots;

		while (*root && !read_file(a, arena_printf(a, "%s/%s", *root, name), &sources[i]))
			root++;
		if (!*root)
			give_up(name);
	}
	return sources;
}

static void write_all(struct arena *a, struct schema *s, const char *folder, char **roots)
{
	struct text openapi = emit_openapi(a, s);

	write_file(a, folder, "openapi.json", openapi);
	write_file(a, folder, "documents.gen.c",
		emit_documents_source(a, s, openapi, read_sources(a, s, roots)));
	write_file(a, folder, "api.gen.h", emit_api_header(a, s));
	write_file(a, folder, "api.gen.c", emit_api_source(a, s));
	write_file(a, folder, "help.gen.c", emit_help_source(a, s));
	write_file(a, folder, "steps.gen.h", emit_steps_header(a, s));
	write_file(a, folder, "steps.gen.c", emit_steps_source(a, s));
	strip_source(s);
	write_file(a, folder, "descriptor_set.gen.c", emit_set_source(a, pack(a, s)));
	strip_for_c(a, s);
	write_file(a, folder, "stripped.pb", pack(a, s));
}

static int run(struct arena *a, const char *set_path, const char *folder, char **roots)
{
	struct schema *s;
	struct text set;

	if (!read_file(a, set_path, &set))
		give_up(set_path);
	s = schema_read(a, set);
	if (!s) {
		fprintf(stderr, "apigen: %s is no descriptor set with all imports\n", set_path);
		return 1;
	}
	if (check_schema(a, s) > 0)
		return 1;
	write_all(a, s, folder, roots);
	return 0;
}

int main(int argc, char **argv)
{
	struct arena *a;
	int code;

	if (argc < 4) {
		fputs("usage: apigen SET FOLDER ROOT...\n", stderr);
		return 2;
	}
	a = arena_new(0);
	code = run(a, argv[1], argv[2], argv + 3);
	arena_free(&a);
	return code;
}
