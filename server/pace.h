/*
 * Pace: how fast a target is asked: so many attempts at a time, so many a second, and none for a
 * while after it has failed again and again (a breaker: open for a time that doubles, give or take
 * a fifth, from 1 s to 60 s, then one attempt that decides) or has asked for it. Pure: told the
 * time, on clock_now(). One thread.
 */
#ifndef JUNCTION_SERVER_PACE_H
#define JUNCTION_SERVER_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_FAILURES = 5 }; /* in a row that open the breaker */

enum pace_breaker { PACE_CLOSED, PACE_OPEN, PACE_HALF_OPEN };

struct pace {
	int concurrency;
	double rate; /* a second; 0: no limit */
	int under_way;
	double tokens; /* attempts that the rate allows; at most those of a tenth of a second, or 1
			*/
	int64_t filled_at;
	enum pace_breaker breaker;
	int failures;  /* in a row */
	int openings;  /* in a row, because of failures */
	int64_t until; /* of an open breaker */
	uint64_t random;
};

void pace_init(struct pace *p, int concurrency, double rate, int64_t now, uint64_t seed);
/* New limits; what is under way counts. */
void pace_limit(struct pace *p, int concurrency, double rate);
/* How many attempts may begin now. 0: *again is when to ask again, CLOCK_NEVER: when one has ended.
 */
int pace_room(struct pace *p, int64_t now, int64_t *again);
void pace_begin(struct pace *p);
/* lives: the target answered as it should, or refused this one event in its own words (any answer
 * but 5xx, 429, 408). wait_ms: it asked to be left alone for so long (Retry-After), or 0. What
 * ends while the breaker is open does not close it.
 */
void pace_end(struct pace *p, int64_t now, bool lives, int64_t wait_ms);
/* One that was begun has not been tried. */
void pace_undo(struct pace *p);

#endif
