/* Breadth first, so that each role is reached by a shortest path, and always by the same: grants by
 * name, the subject's own before those of its groups, these before a token's; parents by name. */
#include "server/auth/directory/decide_walk.h"

#include <stdlib.h>

#include "base/check.h"

static uint32_t *find_slot(const struct walk *w, const struct role *role)
{
	size_t mask = w->slot_count - 1;
	size_t at = (size_t)(((uintptr_t)role >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	while (w->slots[at] && w->steps[w->slots[at] - 1].role != role)
		at = (at + 1) & mask;
	return &w->slots[at];
}

static void grow(struct walk *w)
{
	struct walk_step *steps = check_malloc(w->slot_count * sizeof(*steps));

	memcpy(steps, w->steps, w->count * sizeof(*steps));
	walk_end(w);
	w->steps = steps;
	w->slot_count *= 2;
	w->slots = check_calloc(w->slot_count, sizeof(*w->slots));
	for (size_t i = 0; i < w->count; i++)
		*find_slot(w, w->steps[i].role) = (uint32_t)(i + 1);
}

/* path: holder, grant and from. */
static void add(struct walk *w, struct text name, struct walk_step path)
{
	path.role = directory_role(w->d, name);
	if (!path.role)
		return;
	if (2 * w->count == w->slot_count)
		grow(w);
	uint32_t *slot = find_slot(w, path.role);
	if (*slot)
		return;
	w->steps[w->count++] = path;
	*slot = (uint32_t)w->count;
}

static void add_granted(struct walk *w, const struct subject *holder, int64_t now_ms)
{
	for (size_t i = 0; i < holder->role_count; i++)
		if (holder->roles[i].ends_ms > now_ms)
			add(w, holder->roles[i].role,
				(struct walk_step){.holder = holder,
					.grant = &holder->roles[i],
					.from = w->count});
}

static void add_groups(struct walk *w, const struct subject *member, int64_t now_ms)
{
	for (size_t i = 0; i < member->group_count; i++) {
		const struct subject *group =
			directory_subject(w->d, SUBJECT_GROUP, member->groups[i]);
		if (group && !group->disabled)
			add_granted(w, group, now_ms);
	}
}

enum walk_start walk_begin(
	struct walk *w, const struct directory *d, const struct question *who, int64_t now_ms)
{
	const struct subject *subject = directory_subject(d, who->kind, who->name);

	w->d = d;
	w->count = w->taken = 0;
	w->steps = w->small_steps;
	w->slots = w->small_slots;
	w->slot_count = 2 * WALK_SMALL;
	memset(w->small_slots, 0, sizeof(w->small_slots));
	if (!subject && who->more_count == 0)
		return WALK_UNKNOWN;
	if (subject && subject->disabled)
		return WALK_DISABLED;
	if (subject) {
		add_granted(w, subject, now_ms);
		add_groups(w, subject, now_ms);
	}
	for (size_t i = 0; i < who->more_count; i++)
		add(w, who->more_roles[i], (struct walk_step){.from = w->count});
	return WALK_BEGUN;
}

const struct walk_step *walk_next(struct walk *w)
{
	size_t at = w->taken;

	if (at == w->count)
		return NULL;
	const struct role *role = w->steps[at].role;
	for (size_t i = 0; i < role->parent_count; i++)
		add(w, role->parents[i],
			(struct walk_step){.holder = w->steps[at].holder,
				.grant = w->steps[at].grant,
				.from = at});
	w->taken++;
	return &w->steps[at];
}

void walk_end(struct walk *w)
{
	if (w->steps == w->small_steps)
		return;
	free(w->steps);
	free(w->slots);
}
