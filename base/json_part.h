/*
 * The part of a JSON object that paths name. Any thread.
 *
 * A path is the names on the way from the object inwards, ended by one without data.
 */
#ifndef JUNCTION_BASE_JSON_PART_H
#define JUNCTION_BASE_JSON_PART_H

#include "base/json.h"

/* As json_write_part() wants them: those which go on with a name stand together, and the one that
 * ends there comes first. */
void json_sort_paths(const struct text **paths, size_t count);
/* Appends an object with each value that the paths name as it was written, in the order of the
 * object, an array on the way taken whole. False, and nothing appended, if nothing is there. */
bool json_write_part(struct buffer *out, const struct json *object, const struct text *const *paths,
	size_t count);

#endif
