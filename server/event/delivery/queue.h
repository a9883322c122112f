/*
 * Queue: the open deliveries of a queue that are known here, and in which order they may be taken.
 *
 * In memory are all open deliveries up to `known`; with `overflow` there are more behind it, which
 * are loaded when there is room. A delivery is in one place:
 *
 *   ready    nobody has it: the oldest is taken first;
 *   blocked  the same, but an older one of its key is open;
 *   later    it may be ready when its time has come: it failed, somebody else has leased it, it was
 *            delivered and is not confirmed, or it is held back;
 *   busy     taken here: its memory stays until queue_land().
 *
 * What is confirmed, dead, or delivered for good leaves memory. All of this is a hint: a standing
 * of PostgreSQL corrects it, and a newer number beats an older one.
 *
 * Pure: it is told the time, on clock_now(). One thread.
 */
#ifndef JUNCTION_SERVER_EVENT_DELIVERY_QUEUE_H
#define JUNCTION_SERVER_EVENT_DELIVERY_QUEUE_H

#include "base/table.h"
#include "server/event/delivery/engine.h"
#include "server/registry/schedule.h"

enum delivery_place { PLACE_READY, PLACE_BLOCKED, PLACE_LATER, PLACE_BUSY };

struct chain; /* deliveries of one key, the oldest first */

struct delivery {
	/* In which heap, by place: ready: due is the position; later: when. Busy: when the later
	 * standing that came meanwhile is due. */
	struct schedule_item item; /* first */
	int64_t position;
	struct chain *chain;              /* NULL: no key */
	struct delivery *before, *behind; /* in the chain */
	void *owner; /* whom its user tells of changes; NULL at first, and to be cleared by him */
	int number;  /* of its last transition that is known */
	uint8_t state, place;
	uint8_t load;   /* when it was last loaded */
	uint8_t held;   /* how often it was given back, for its user */
	bool doubtful;  /* it may be leased to this server, without an answer */
	bool corrected; /* a busy one: what came meanwhile is noted */
};

struct queue_entry;

struct queue {
	/* Set once. */
	size_t window; /* ready ones that are loaded at most; about: pages are whole */
	size_t most;   /* that are kept in all */

	struct queue_entry *entries; /* by position, with gaps; from first to below end */
	size_t first, end, room;
	size_t count;    /* open and known */
	size_t watched;  /* later ones that may change by others: leased or delivered */
	size_t finished; /* that have left memory since it was made */
	struct schedule ready, later;
	struct table chains;   /* {.exact = true} */
	int64_t known, before; /* before: what known was when it began to be loaded anew */
	bool overflow;
	bool loading, anew, missed;
	uint8_t load;
};

void queue_init(struct queue *q, size_t window, size_t most);
void queue_clear(struct queue *q); /* what is busy, too */

/* Whether nothing happens to a delivery that stands so any more. */
bool standing_is_final(const struct delivery_standing *standing);

/* A new event, behind all before it; one that is known already changes nothing. */
void queue_append(struct queue *q, int64_t position, struct text key);

/* --- loading: event.load_queue() in pages, each between begin and end ------------------------- */

/* More of it is to be loaded, behind known. */
bool queue_wants_more(const struct queue *q);
size_t queue_page(const struct queue *q); /* rows of a page at most */
/* anew: all that is not busy is void unless it comes again; known is 0 then: from the beginning. */
void queue_load_begin(struct queue *q, bool anew);
void queue_load_put(struct queue *q, int64_t position, struct text key,
	const struct delivery_standing *standing, int64_t now);
/* full: there may be more; else it is known up to that position, too. */
void queue_load_end(struct queue *q, bool full, int64_t up_to);
/* It failed: as before, but there may be more. */
void queue_load_failed(struct queue *q);

/* --- taking ----------------------------------------------------------------------------------- */

/* The oldest ready one, which is busy now; NULL: there is none. */
struct delivery *queue_take(struct queue *q);
/* The same, of those whose last attempt failed, be they due or not, behind that position. */
struct delivery *queue_take_failed(struct queue *q, int64_t after);
/* If something newer is known of a busy one, *standing becomes that. */
void queue_prefer_newer(const struct delivery *d, struct delivery_standing *standing, int64_t now);
/* A busy one is where it belongs by how it stands, or by what is newer. hold_until: not ready
 * before; 0: at once. It may be gone afterwards. */
void queue_land(struct queue *q, struct delivery *d, struct delivery_standing *standing,
	int64_t hold_until, int64_t now);
/* A busy one as it was; doubtful: PostgreSQL may have leased it. */
void queue_put_back(struct queue *q, struct delivery *d, bool doubtful, int64_t now);
void queue_drop(struct queue *q, struct delivery *d);

/* --- what happens meanwhile ------------------------------------------------------------------- */

struct delivery *queue_find(const struct queue *q, int64_t position);
/* How it stands, as somebody says. One that was not known to be open may be now. False: nothing
 * new. */
bool queue_correct(struct queue *q, const struct delivery_standing *standing, int64_t now);
/* One whose time has come, not later any more; NULL: there is none. */
struct delivery *queue_wake(struct queue *q, int64_t now);
/* It may change by others: those are counted in watched. */
bool queue_watches(const struct delivery *d);
/* The first one behind that position; NULL: there is none. */
struct delivery *queue_after(const struct queue *q, int64_t position);

#endif
