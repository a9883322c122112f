/*
 * The table is compiled with the server and names every function, so an RPC that nobody implements
 * does not link.
 */
#include "proto/apigen/emit.h"

struct text emit_steps_header(struct arena *a, const struct schema *s)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#ifndef STEPS_GEN_H\n#define STEPS_GEN_H\n\n"
					       "#include \"server/call.h\"\n\n"));
	for (size_t i = 0; i < s->method_count; i++)
		if (s->methods[i].ours)
			buffer_printf(
				&out, "enum next %s(struct call *c);\n", s->methods[i].symbol);
	buffer_add_text(&out, TEXT("\n/* The first step of api_methods[i]; NULL if it is none of "
				   "junction.v1. */\n"
				   "extern call_step *const api_steps[];\n\n#endif\n"));
	return buffer_text(&out);
}

struct text emit_steps_source(struct arena *a, const struct schema *s)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#include \"steps.gen.h\"\n\n"
					       "call_step *const api_steps[] = {\n"));
	for (size_t i = 0; i < s->method_count; i++)
		buffer_printf(&out, "\t%s,\n", s->methods[i].ours ? s->methods[i].symbol : "NULL");
	buffer_add_text(&out, TEXT("};\n"));
	return buffer_text(&out);
}
