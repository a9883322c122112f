/* A hash table with open addressing, by the statement's address: statements are constants. */
#include "server/db/prepared.h"

#include "base/check.h"

struct prepared *prepared_find(struct prepared_set *set, const struct statement *s)
{
	size_t i =
		((uintptr_t)s / sizeof(*s) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PREPARED_SLOTS;
	while (set->slots[i].statement && set->slots[i].statement != s)
		i = (i + 1) % PREPARED_SLOTS;
	if (!set->slots[i].statement) {
		CHECK(++set->used < PREPARED_SLOTS / 4 * 3);
		set->slots[i].statement = s;
	}
	return &set->slots[i];
}

void prepared_mark(struct prepared *p, unsigned serial, enum prepared_state state)
{
	if (p->serial == serial)
		p->state = state;
}
