/* The rate is a bucket of tokens, filled whenever somebody asks. A breaker that is half open gives
 * its one attempt only when nothing is under way, so that what ends then is that attempt. */
#include "server/pace.h"

#include <math.h>

#include "base/clock.h"

enum { OPEN_LEAST_MS = 1000, OPEN_MOST_MS = 60000, ASK_AGAIN_S = 3600 };

/* --- the rate ------------------------------------------------------------------------------- */

static double most_tokens(const struct pace *p)
{
	return fmax(p->rate / 10, 1);
}

static void fill(struct pace *p, int64_t now)
{
	double came = (double)(now - p->filled_at) / (double)CLOCK_SECOND * p->rate;

	p->tokens = p->rate > 0 ? fmin(p->tokens + came, most_tokens(p)) : most_tokens(p);
	p->filled_at = now;
}

/* Rounding may leave a token short of being whole by less than any clock shows. */
static int whole_tokens(const struct pace *p)
{
	return p->rate > 0 ? (int)(p->tokens + 1e-6) : p->concurrency;
}

static int64_t next_token(const struct pace *p, int64_t now)
{
	double seconds = fmin((1 - p->tokens) / p->rate, ASK_AGAIN_S);

	return now + (int64_t)ceil(seconds * (double)CLOCK_SECOND);
}

/* --- the breaker ---------------------------------------------------------------------------- */

/* From 0 to 1; splitmix64. */
static double next_random(struct pace *p)
{
	uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void leave_alone(struct pace *p, int64_t until)
{
	p->until = p->breaker == PACE_OPEN && p->until > until ? p->until : until;
	p->breaker = PACE_OPEN;
}

static void open_breaker(struct pace *p, int64_t now)
{
	double ms = ldexp(OPEN_LEAST_MS, p->openings < 10 ? p->openings : 10);

	p->openings++;
	ms = fmin(ms, OPEN_MOST_MS) * (0.8 + 0.4 * next_random(p));
	leave_alone(p, now + (int64_t)(ms * CLOCK_MS));
}

/* --- the whole ------------------------------------------------------------------------------ */

void pace_init(struct pace *p, int concurrency, double rate, int64_t now, uint64_t seed)
{
	*p = (struct pace){
		.concurrency = concurrency, .rate = rate, .filled_at = now, .random = seed};
	p->tokens = most_tokens(p);
}

void pace_limit(struct pace *p, int concurrency, double rate)
{
	p->concurrency = concurrency;
	p->rate = rate;
	p->tokens = fmin(p->tokens, most_tokens(p));
}

int pace_room(struct pace *p, int64_t now, int64_t *again)
{
	fill(p, now);
	if (p->breaker == PACE_OPEN && now >= p->until)
		p->breaker = PACE_HALF_OPEN;
	int most = p->breaker == PACE_HALF_OPEN ? 1 : p->concurrency;
	int slots = most - p->under_way, tokens = whole_tokens(p);

	*again = CLOCK_NEVER;
	if (p->breaker == PACE_OPEN)
		*again = p->until;
	else if (slots > 0 && tokens == 0)
		*again = next_token(p, now);
	if (p->breaker == PACE_OPEN || slots <= 0)
		return 0;
	return slots < tokens ? slots : tokens;
}

void pace_begin(struct pace *p)
{
	p->under_way++;
	p->tokens -= 1;
}

void pace_end(struct pace *p, int64_t now, bool lives, int64_t wait_ms)
{
	p->under_way--;
	if (lives) {
		p->failures = 0;
		if (p->breaker != PACE_OPEN) {
			p->breaker = PACE_CLOSED;
			p->openings = 0;
		}
	} else {
		p->failures++;
		if (p->breaker == PACE_HALF_OPEN ||
			(p->breaker == PACE_CLOSED && p->failures >= PACE_FAILURES))
			open_breaker(p, now);
	}
	if (wait_ms > 0)
		leave_alone(p, now + wait_ms * CLOCK_MS);
}

void pace_undo(struct pace *p)
{
	p->under_way--;
	p->tokens += 1;
}
