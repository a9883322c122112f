/* One pass; those that have come are in a table, since there may be a hundred thousand. */
#include "server/notice/send/name_list.h"

#include "base/table.h"

struct reading {
	struct arena *arena;
	const struct name_list_rule *rule;
	struct table seen;
	struct buffer out;
	size_t place; /* of the name in what was given, from 1 */
	struct status *status;
};

static bool check(const struct reading *r, struct text name)
{
	const char *field = r->rule->field;

	if (name.size == 0)
		return status_field(r->status, r->arena, field, "name %zu is empty", r->place);
	if (name.size > r->rule->bytes)
		return status_field(r->status, r->arena, field, "name %zu has more than %zu bytes",
			r->place, r->rule->bytes);
	return !text_has_control(name) || status_field(r->status, r->arena, field,
						  "name %zu has control characters", r->place);
}

static bool take(struct reading *r, struct text name)
{
	if (!check(r, name))
		return false;
	if (table_get(&r->seen, name))
		return true;
	if (r->seen.count == r->rule->most)
		return status_field(r->status, r->arena, r->rule->field,
			"must have at most %zu names", r->rule->most);
	table_put(&r->seen, name, r);
	if (r->out.size > 0)
		buffer_add_char(&r->out, ',');
	buffer_add_text(&r->out, name);
	return true;
}

static bool take_all(struct reading *r, struct text given)
{
	for (size_t from = 0; from <= given.size; r->place++) {
		size_t until = text_find(given, ',', from);

		if (!take(r, text_trim(text_from(text_until(given, until), from))))
			return false;
		from = until + 1;
	}
	return true;
}

struct text name_list_read(struct arena *a, const struct name_list_rule *rule, struct text given,
	size_t *count, struct status *status)
{
	struct reading r = {
		.arena = a,
		.rule = rule,
		.seen = {.exact = true},
		.out = {.arena = a},
		.place = 1,
		.status = status,
	};
	bool good;

	buffer_reserve(&r.out, given.size + 1);
	good = take_all(&r, given);
	*count = r.seen.count;
	table_clear(&r.seen);
	return good ? buffer_text(&r.out) : (struct text){0};
}
