/*
 * Decide walk: the roles that a subject has now, nearest first, each once: those granted to it, to
 * its groups, said by a token, and then what these inherit from. Points into the directory. No
 * memory is taken for up to 32 roles. One thread at a time.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DECIDE_WALK_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DECIDE_WALK_H

#include "server/auth/directory/decide.h"

enum { WALK_SMALL = 32 };

/* How the subject comes to a role. */
struct walk_step {
	const struct role *role;
	const struct subject *holder;  /* who was granted the first role of the path, and how; */
	const struct held_role *grant; /* both NULL: a token said it */
	size_t from; /* the step whose role inherits from this one; itself: it is the first */
};

struct walk {
	const struct directory *d;
	struct walk_step *steps; /* count are known, taken of them have been given */
	size_t count, taken;
	uint32_t *slots; /* a hash table: 0, or the number of a step, from 1 */
	size_t slot_count;
	struct walk_step small_steps[WALK_SMALL];
	uint32_t small_slots[2 * WALK_SMALL];
};

enum walk_start { WALK_BEGUN, WALK_UNKNOWN, WALK_DISABLED };

/* Not begun: the subject has no roles, since it is unknown or disabled. To be ended in any case. */
enum walk_start walk_begin(
	struct walk *w, const struct directory *d, const struct question *who, int64_t now_ms);
/* NULL: that was the last. Good until the next call. */
const struct walk_step *walk_next(struct walk *w);
void walk_end(struct walk *w);

#endif
