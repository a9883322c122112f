/*
 * Two errands: one that renews and reads the list, one that leaves. Leaving waits for a renewal
 * that is under way, which would enter this server again.
 */
#include "server/lane/members.h"

#include <stdlib.h>

#include "base/check.h"
#include "server/lane/errand.h"

struct members {
	struct errand renewing; /* first */
	struct errand leaving;
	struct members_options options;
	struct loop_task starting;
	bool left;

	/* As read by the renewal, on the lane's thread. */
	uint64_t *fresh;
	size_t fresh_count, fresh_own;

	uint64_t *hashes;
	size_t count, own; /* own: this server's place */
};

/* --- hashing -------------------------------------------------------------------------------- */

/* The finalizer of MurmurHash3: each bit of the input changes about half of the output's. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

/* FNV-1a. */
uint64_t members_hash(struct text name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.size; i++)
		hash = (hash ^ (unsigned char)name.data[i]) * UINT64_C(0x100000001b3);
	return mix(hash);
}

size_t members_choose(const uint64_t *members, size_t count, uint64_t thing)
{
	size_t best = 0;

	for (size_t i = 1; i < count; i++)
		if (mix(members[i] ^ thing) > mix(members[best] ^ thing))
			best = i;
	return best;
}

bool members_mine(const struct members *m, uint64_t thing)
{
	return m->count > 0 && !m->left && members_choose(m->hashes, m->count, thing) == m->own;
}

/* --- renewing ------------------------------------------------------------------------------- */

static void read_list(struct errand *errand, const struct rows *rows)
{
	struct members *m = (struct members *)errand;
	struct text own = text_of(m->options.name);

	m->fresh_count = (size_t)rows_count(rows);
	m->fresh = check_realloc(m->fresh, (m->fresh_count + 1) * sizeof *m->fresh);
	m->fresh_own = m->fresh_count;
	for (int row = 0; row < rows_count(rows); row++) {
		struct text name = rows_text(rows, row, 0);

		m->fresh[row] = members_hash(name);
		if (text_equal(name, own))
			m->fresh_own = (size_t)row;
	}
}

static void take_list(struct members *m)
{
	uint64_t *old = m->hashes;
	bool same =
		m->count == m->fresh_count && memcmp(old, m->fresh, m->count * sizeof *old) == 0;

	if (same)
		return;
	m->hashes = m->fresh;
	m->count = m->fresh_count;
	m->own = m->fresh_own;
	m->fresh = old;
	m->options.changed(m->options.arg);
}

static void send_leave(struct members *m)
{
	struct text *name;

	CHECK(errand_begin(&m->leaving));
	name = ARENA_NEW(m->leaving.arena, struct text);
	*name = text_of(m->options.name);
	errand_send(&m->leaving, m->options.leave, name);
}

static void renewed(struct errand *errand)
{
	struct members *m = (struct members *)errand;

	if (m->left)
		send_leave(m);
	else if (!errand->failed)
		take_list(m);
}

static void renew(void *arg)
{
	struct members *m = arg;
	struct text *parameters;

	if (m->left || !errand_begin(&m->renewing))
		return;
	parameters = arena_array(m->renewing.arena, 2, sizeof *parameters);
	parameters[0] = text_of(m->options.name);
	parameters[1] = text_of(arena_printf(
		m->renewing.arena, "%lld", (long long)(MEMBERS_MISSES * m->options.renew_ms)));
	errand_send(&m->renewing, m->options.renew, parameters);
}

/* --- life ----------------------------------------------------------------------------------- */

static void gone(struct errand *errand)
{
	struct members *m = (struct members *)((char *)errand - offsetof(struct members, leaving));

	m->options.left(m->options.arg);
}

void members_leave(struct members *m)
{
	m->left = true;
	if (!m->renewing.busy)
		send_leave(m);
}

static void start(struct loop_task *task)
{
	struct members *m = (struct members *)((char *)task - offsetof(struct members, starting));

	loop_every(m->options.home, (uint64_t)m->options.renew_ms, renew, m);
	renew(m);
}

struct members *members_start(const struct members_options *options)
{
	struct members *m = check_calloc(1, sizeof *m);
	const struct errand errand = {.lanes = options->lanes, .home = options->home};

	m->options = *options;
	m->renewing = m->leaving = errand;
	m->renewing.read = read_list;
	m->renewing.landed = renewed;
	m->leaving.landed = gone;
	m->starting.run = start;
	loop_post(options->home, &m->starting);
	return m;
}

void members_free(struct members **members)
{
	struct members *m = *members;

	if (!m)
		return;
	errand_end(&m->renewing);
	errand_end(&m->leaving);
	free(m->fresh);
	free(m->hashes);
	free(m);
	*members = NULL;
}
