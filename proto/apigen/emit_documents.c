/* Texts as one string literal a line, so that what is generated can be read. */
#include "proto/apigen/emit.h"

/* {"...", 123} */
static void emit_text(struct buffer *out, struct text content)
{
	struct text rest = content;

	buffer_add_char(out, '{');
	do {
		size_t end = text_find(rest, '\n', 0) + 1;

		buffer_add_text(out, TEXT("\n\t"));
		emit_string(out, arena_string(out->arena, text_until(rest, end)));
		rest = text_from(rest, end);
	} while (rest.size);
	buffer_printf(out, ", %zu}", content.size);
}

struct text emit_documents_source(
	struct arena *a, const struct schema *s, struct text openapi, const struct text *sources)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#include \"proto/runtime/api.h\"\n\n"
					       "const struct text api_openapi = "));
	emit_text(&out, openapi);
	buffer_add_text(&out, TEXT(";\n\nconst struct api_file api_files[] = {\n"));
	for (size_t i = 0; i < s->set->n_file; i++) {
		buffer_printf(&out, "{\"%s\", ", s->set->file[i]->name);
		emit_text(&out, sources[i]);
		buffer_add_text(&out, TEXT("},\n"));
	}
	buffer_printf(&out, "};\nconst size_t api_file_count = %zu;\n", s->set->n_file);
	return buffer_text(&out);
}
