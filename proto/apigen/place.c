/*
 * The source info is a flat list of locations, each with the way that it describes; ours are few
 * hundred, so every look-up reads the list from its start.
 */
#include "proto/apigen/place.h"

#include "base/check.h"

struct way way_to(struct way w, int field, size_t index)
{
	CHECK(w.depth + 2 <= sizeof(w.steps) / sizeof(w.steps[0]));
	w.steps[w.depth++] = field;
	w.steps[w.depth++] = (int)index;
	return w;
}

static bool is_at(const Google__Protobuf__SourceCodeInfo__Location *l, const struct way *w)
{
	if (l->n_path != w->depth)
		return false;
	for (size_t i = 0; i < w->depth; i++)
		if (l->path[i] != w->steps[i])
			return false;
	return true;
}

struct place way_place(struct way w)
{
	const Google__Protobuf__SourceCodeInfo *info = w.file->source_code_info;
	struct place place = {.file = w.file->name, .comment = ""};

	for (size_t i = 0; info && i < info->n_location; i++) {
		const Google__Protobuf__SourceCodeInfo__Location *l = info->location[i];

		if (!is_at(l, &w))
			continue;
		place.line = l->n_span ? l->span[0] + 1 : 0;
		place.comment = l->leading_comments ? l->leading_comments : "";
		break;
	}
	return place;
}
