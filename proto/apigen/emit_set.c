/* Bytes as one array, in lines of 24. */
#include "proto/apigen/emit.h"

struct text emit_set_source(struct arena *a, struct text set)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#include \"proto/runtime/api.h\"\n\n"
					       "static const unsigned char set[] = {\n"));
	for (size_t i = 0; i < set.size; i++)
		buffer_printf(&out, "%d,%s", (unsigned char)set.data[i], i % 24 == 23 ? "\n" : "");
	buffer_add_text(&out, TEXT("\n};\nconst struct text api_descriptor_set = "
				   "{(const char *)set, sizeof(set)};\n"));
	return buffer_text(&out);
}
