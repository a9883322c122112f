/* The comments as prose, in the order of the tables of emit_api.c. */
#include "proto/apigen/emit.h"
#include "proto/apigen/words.h"

static void emit_words(struct buffer *out, struct place place)
{
	buffer_add_char(out, '\t');
	emit_string(out, arena_string(out->arena, words_of(out->arena, place.comment)));
	buffer_add_text(out, TEXT(",\n"));
}

struct text emit_help_source(struct arena *a, const struct schema *s)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#include \"proto/runtime/api.h\"\n\n"));
	for (size_t i = 0; i < s->message_count; i++) {
		const struct message *m = &s->messages[i];

		if (!m->field_count)
			continue;
		buffer_printf(&out, "static const char *const fields_%s[] = {\n", m->symbol);
		for (size_t j = 0; j < m->field_count; j++)
			emit_words(&out, m->fields[j].place);
		buffer_add_text(&out, TEXT("};\n"));
	}
	buffer_add_text(&out, TEXT("\nconst char *const *const api_message_help[] = {\n"));
	for (size_t i = 0; i < s->message_count; i++)
		buffer_printf(&out, "\t%s%s,\n", s->messages[i].field_count ? "fields_" : "",
			s->messages[i].field_count ? s->messages[i].symbol : "NULL");
	buffer_add_text(&out, TEXT("};\n\nconst char *const api_method_help[] = {\n"));
	for (size_t i = 0; i < s->method_count; i++)
		emit_words(&out, s->methods[i].place);
	buffer_add_text(&out, TEXT("};\n"));
	return buffer_text(&out);
}
