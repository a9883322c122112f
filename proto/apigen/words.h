/* Words: comments of .proto files as prose: lines joined, paragraphs parted by an empty line. */
#ifndef JUNCTION_PROTO_APIGEN_WORDS_H
#define JUNCTION_PROTO_APIGEN_WORDS_H

#include <stdbool.h>

#include "base/arena.h"

struct text words_of(struct arena *a, const char *comment);

/* The first sentence without its full stop; *rest is what follows it. */
struct text words_cut_sentence(struct text words, struct text *rest);

/* "Required.", "Required: 1 to 65535", "Required, at most ...", but not "Required unless ...". */
bool words_say_required(struct text words);

#endif
