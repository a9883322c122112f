/* A sentence ends where a full stop stands before a blank or at the end. */
#include "proto/apigen/words.h"

struct text words_of(struct arena *a, const char *comment)
{
	struct buffer out = {.arena = a};
	struct text rest = text_of(comment);
	bool paragraph = false;

	while (rest.size) {
		size_t end = text_find(rest, '\n', 0);
		struct text line = text_trim(text_until(rest, end));

		rest = text_from(rest, end + 1);
		if (out.size && line.size)
			buffer_add_text(&out, paragraph ? TEXT("\n\n") : TEXT(" "));
		buffer_add_text(&out, line);
		paragraph = !line.size;
	}
	return buffer_text(&out);
}

struct text words_cut_sentence(struct text words, struct text *rest)
{
	for (size_t i = 0; i < words.size; i++) {
		bool last = i + 1 == words.size;

		if (words.data[i] != '.' || (!last && !strchr(" \n", words.data[i + 1])))
			continue;
		*rest = text_trim(text_from(words, i + 1));
		return text_until(words, i);
	}
	*rest = TEXT("");
	return words;
}

bool words_say_required(struct text words)
{
	struct text word = TEXT("Required");

	return text_starts(words, word) && words.size > word.size &&
	       strchr(".:,", words.data[word.size]);
}
