/*
 * Condition: what a subscription wants of an event's data. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_CONDITION_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_CONDITION_H

#include "base/arena.h"
#include "base/json.h"
#include "base/status.h"

enum { CONDITIONS_MAX = 16, CONDITION_NAMES_MAX = 16, CONDITION_VALUES_MAX = 100 };

struct condition {
	const struct text *names; /* the path */
	size_t name_count;
	const struct json *const *values; /* none: it is there */
	size_t value_count;
};

/* Reads the path and the values, texts of JSON. False with the status INVALID_ARGUMENT, its field
 * "conditions[1].values[0]": index is the first number. In the arena. */
bool condition_read(struct arena *a, size_t index, struct text path, const struct text *values,
	size_t value_count, struct condition *condition, struct status *status);
/* data: the event's, NULL meets none. Texts are compared by their characters, however they are
 * escaped, numbers by json_number_equal(). */
bool condition_met(const struct condition *condition, const struct json *data);

#endif
