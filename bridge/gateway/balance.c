/*
 * Balance: a round is a line from 0 to 1, on which a node of weight w has its turns at
 * (k + phase) / w, k from 0 to w - 1; the phase is a hash of its address. Turns come in the order
 * of the line, for which a heap keeps the next one of each node. So all that a set takes over from
 * the one before is the place on the line: nodes that come and go shift the turns of nobody.
 * Fractions are compared exactly: k and weights have 16 bits, the phase 32.
 *
 * Who is passed over, since it is left alone, loses a sixteenth of its round: one of great weight
 * would else come up again at once. Who has been tried by this request loses nothing. When many
 * have been passed over, one of those that are taken is drawn by weight.
 */
#include "bridge/gateway/balance.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"

enum { SCAN_MAX = 16, DRAWS = 8, PASSED_MAX = 64, WEIGHT_MAX = 65535 };
enum { BUDGET_SECONDS = 10, BUDGET_FREE = 10, BUDGET_SHARE = 5 };

/* At round + at / 2^32 / weight. */
struct turn {
	uint64_t round;
	uint64_t at; /* k * 2^32 + phase */
	uint64_t weight;
	uint32_t node;
};

/* The nodes with a weight; or those without, each of which counts as 1. */
struct group {
	struct turn *heap;
	size_t count;
	struct turn last;  /* that was taken */
	uint32_t *members; /* nodes */
	uint64_t *sums;    /* weights of the members up to this one */
	bool even;         /* all have the same */
};

/* Of a service on this loop: shared by its sets. */
struct budget {
	unsigned references;
	struct {
		int64_t second;
		uint32_t requests, repetitions;
	} slots[BUDGET_SECONDS];
};

struct node_set {
	unsigned references;
	struct arena *arena;
	const char *revision, *reason;
	struct node_choice *nodes;
	uint64_t *hashes; /* of their addresses */
	size_t count;
	struct group groups[2];
	uint64_t random;
	struct budget *budget;
};

/* What a pick is made by. */
struct pick {
	struct node_set *set;
	const Registry__RouteBreaker *breaker;
	const struct balance_tried *tried;
	int64_t now;
};

/* --- numbers --------------------------------------------------------------------------------- */

/* The finalizer of MurmurHash3: every bit of x counts for every bit of it. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* The same in every process, so that bridges agree. */
static uint64_t hash(struct text t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < t.size; i++)
		h = (h ^ (unsigned char)t.data[i]) * UINT64_C(0x100000001b3);
	return mix(h);
}

static uint64_t draw(struct node_set *set, uint64_t below)
{
	set->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(set->random) % below;
}

/* --- turns ----------------------------------------------------------------------------------- */

static bool is_before(const struct turn *a, const struct turn *b)
{
	if (a->round != b->round)
		return a->round < b->round;
	uint64_t left = a->at * b->weight, right = b->at * a->weight;
	return left != right ? left < right : a->node < b->node;
}

static void sink(struct group *g, size_t i)
{
	struct turn t = g->heap[i];
	for (size_t child; (child = 2 * i + 1) < g->count; i = child) {
		if (child + 1 < g->count && is_before(&g->heap[child + 1], &g->heap[child]))
			child++;
		if (!is_before(&g->heap[child], &t))
			break;
		g->heap[i] = g->heap[child];
	}
	g->heap[i] = t;
}

static void push(struct group *g, struct turn t)
{
	size_t i = g->count++;
	for (; i && is_before(&t, &g->heap[(i - 1) / 2]); i = (i - 1) / 2)
		g->heap[i] = g->heap[(i - 1) / 2];
	g->heap[i] = t;
}

static struct turn pop(struct group *g)
{
	struct turn t = g->heap[0];
	g->heap[0] = g->heap[--g->count];
	if (g->count)
		sink(g, 0);
	return t;
}

/* The node that is next goes on by so many turns, less than two rounds. */
static void go_on(struct group *g, uint64_t turns)
{
	struct turn *t = &g->heap[0];
	t->at += turns << 32;
	if (t->at >> 32 >= t->weight) {
		t->at -= t->weight << 32;
		t->round++;
	}
	sink(g, 0);
}

/* A node's first turn behind the last one that was taken. */
static struct turn first_turn(const struct turn *last, uint64_t phase, uint64_t weight, size_t node)
{
	uint64_t least = last->at * weight / last->weight + 1;
	uint64_t k = least > phase ? (least - phase + UINT32_MAX) >> 32 : 0;
	bool next = k >= weight;
	return (struct turn){
		.round = last->round + next,
		.at = (next ? 0 : k << 32) + phase,
		.weight = weight,
		.node = (uint32_t)node,
	};
}

/* --- sets ------------------------------------------------------------------------------------ */

static uint64_t weight_in(const struct node_set *set, size_t node)
{
	unsigned weight = set->nodes[node].weight;
	return weight ? weight : 1;
}

static void add_member(struct node_set *set, size_t node)
{
	struct group *g = &set->groups[!set->nodes[node].weight];
	uint64_t weight = weight_in(set, node), sum = g->count ? g->sums[g->count - 1] : 0;
	g->even &= !g->count || sum == weight * g->count;
	g->members[g->count] = (uint32_t)node;
	g->sums[g->count] = sum + weight;
	push(g, first_turn(&g->last, set->hashes[node] >> 32, weight, node));
}

static void make_group(struct node_set *set, struct group *g, const struct group *before)
{
	g->heap = arena_array(set->arena, set->count + 1, sizeof(*g->heap));
	g->members = arena_array(set->arena, set->count + 1, sizeof(*g->members));
	g->sums = arena_array(set->arena, set->count + 1, sizeof(*g->sums));
	g->even = true;
	g->last = before ? before->last : (struct turn){.at = mix(set->random) >> 32, .weight = 1};
}

static void add_node(struct node_set *set, const Registry__RouteNode *from)
{
	struct arena *a = set->arena;
	struct node_choice *n = &set->nodes[set->count];
	int weight = from->weight;
	n->endpoint = endpoint_hold(from->host, from->port, from->tls, from->configured);
	n->name = arena_string(a, text_of(from->name));
	n->base = arena_string(a, text_of(from->prefix));
	n->weight = (unsigned)(weight < 0 ? 0 : weight > WEIGHT_MAX ? WEIGHT_MAX : weight);
	set->hashes[set->count++] =
		hash(text_of(arena_printf(a, "%s %d%s", from->host, from->port, from->prefix)));
}

struct node_set *node_set_new(const Registry__RouteNodes *nodes, const struct node_set *before)
{
	struct arena *a = arena_new(0);
	struct node_set *set = ARENA_NEW(a, struct node_set);
	set->references = 1;
	set->arena = a;
	set->revision = arena_string(a, text_of(nodes->revision));
	set->reason = arena_string(a, text_of(nodes->reason));
	set->nodes = arena_array(a, nodes->n_nodes + 1, sizeof(*set->nodes));
	set->hashes = arena_array(a, nodes->n_nodes + 1, sizeof(*set->hashes));
	set->budget = before ? before->budget : check_calloc(1, sizeof(*set->budget));
	set->budget->references++;
	random_bytes(&set->random, sizeof(set->random));
	for (size_t i = 0; i < nodes->n_nodes; i++)
		add_node(set, nodes->nodes[i]);
	for (size_t i = 0; i < 2; i++)
		make_group(set, &set->groups[i], before ? &before->groups[i] : NULL);
	for (size_t i = 0; i < set->count; i++)
		add_member(set, i);
	return set;
}

struct node_set *node_set_hold(struct node_set *set)
{
	set->references++;
	return set;
}

void node_set_release(struct node_set **released)
{
	struct node_set *set = *released;
	*released = NULL;
	if (!set || --set->references)
		return;
	for (size_t i = 0; i < set->count; i++)
		endpoint_release(&set->nodes[i].endpoint);
	if (!--set->budget->references)
		free(set->budget);
	arena_free(&(struct arena *){set->arena});
}

const char *node_set_revision(const struct node_set *set)
{
	return set->revision;
}

const char *node_set_reason(const struct node_set *set)
{
	return set->reason;
}

size_t node_set_count(const struct node_set *set)
{
	return set->count;
}

const struct node_choice *node_set_node(const struct node_set *set, size_t index)
{
	CHECK(index < set->count);
	return &set->nodes[index];
}

/* --- which are taken ------------------------------------------------------------------------- */

static bool was_tried(const struct pick *p, const struct node_choice *n)
{
	for (size_t i = 0; i < p->tried->count; i++)
		if (p->tried->endpoints[i] == n->endpoint)
			return true;
	return false;
}

static bool is_taken(const struct pick *p, const struct node_choice *n)
{
	return endpoint_is_open(n->endpoint, p->breaker, p->now) && !was_tried(p, n);
}

static bool begin(const struct pick *p, const struct node_choice *n)
{
	return endpoint_begin(n->endpoint, p->breaker, p->now);
}

/* --- least outstanding ----------------------------------------------------------------------- */

/* Below 0: a has less to do, by weight. */
static int compare_load(const struct node_set *set, size_t a, size_t b)
{
	uint64_t of_a = (uint64_t)atomic_load(&set->nodes[a].endpoint->outstanding);
	uint64_t of_b = (uint64_t)atomic_load(&set->nodes[b].endpoint->outstanding);
	of_a *= weight_in(set, b);
	of_b *= weight_in(set, a);
	return (of_a > of_b) - (of_a < of_b);
}

/* Of all that are taken one is drawn by weight; if least, of those that have the least to do. */
static const struct node_choice *scan(const struct pick *p, const struct group *g, bool least)
{
	struct node_set *set = p->set;
	const struct node_choice *best = NULL;
	uint64_t total = 0;
	for (size_t i = 0; i < g->count; i++) {
		const struct node_choice *n = &set->nodes[g->members[i]];
		uint64_t weight = weight_in(set, g->members[i]);
		if (!is_taken(p, n))
			continue;
		int load = !best || !least
				   ? 0
				   : compare_load(set, g->members[i], (size_t)(best - set->nodes));
		if (load > 0)
			continue;
		total = load < 0 ? weight : total + weight;
		if (draw(set, total) < weight)
			best = n;
	}
	return best && begin(p, best) ? best : NULL;
}

static const struct node_choice *draw_taken(const struct pick *p, const struct group *g)
{
	for (int draws = 0; draws < DRAWS; draws++) {
		uint64_t at = draw(p->set, g->sums[g->count - 1]);
		size_t low = 0, high = g->count - 1;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (g->sums[middle] <= at)
				low = middle + 1;
			else
				high = middle;
		}
		const struct node_choice *n = &p->set->nodes[g->members[low]];
		if (is_taken(p, n))
			return n;
	}
	return NULL;
}

static const struct node_choice *pick_least(const struct pick *p, const struct group *g)
{
	const struct node_choice *nodes = p->set->nodes;
	if (g->count <= SCAN_MAX)
		return scan(p, g, true);
	const struct node_choice *one = draw_taken(p, g), *other = draw_taken(p, g);
	if (!one || !other)
		return NULL;
	if (compare_load(p->set, (size_t)(other - nodes), (size_t)(one - nodes)) < 0)
		one = other;
	return begin(p, one) ? one : NULL;
}

/* --- hash ------------------------------------------------------------------------------------ */

static double score(const struct node_set *set, const struct group *g, size_t node, uint64_t value)
{
	uint64_t h = mix(set->hashes[node] ^ value);
	double share = ((double)(h >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
	return g->even ? share : (double)weight_in(set, node) / -log(share);
}

static const struct node_choice *pick_hash(
	const struct pick *p, const struct group *g, struct text header)
{
	const struct node_choice *best = NULL;
	uint64_t value = hash(header);
	double most = 0;
	for (size_t i = 0; i < g->count; i++) {
		const struct node_choice *n = &p->set->nodes[g->members[i]];
		double own = score(p->set, g, g->members[i], value);
		if (own > most && is_taken(p, n)) {
			most = own;
			best = n;
		}
	}
	return best && begin(p, best) ? best : NULL;
}

/* --- in turn --------------------------------------------------------------------------------- */

static const struct node_choice *pick_turn(const struct pick *p, struct group *g)
{
	struct turn tried[BALANCE_TRIED_MAX];
	size_t tried_count = 0;
	const struct node_choice *found = NULL;
	for (int passed = 0; !found && g->count && passed < PASSED_MAX; passed++) {
		struct turn t = g->heap[0];
		const struct node_choice *n = &p->set->nodes[t.node];
		if (was_tried(p, n) && tried_count < BALANCE_TRIED_MAX) {
			tried[tried_count++] = pop(g);
			continue;
		}
		if (!was_tried(p, n) && begin(p, n)) {
			g->last = t;
			found = n;
		}
		go_on(g, found ? 1 : 1 + t.weight / 16);
	}
	while (tried_count)
		push(g, tried[--tried_count]);
	return found ? found : scan(p, g, false);
}

/* --- picking --------------------------------------------------------------------------------- */

static const struct node_choice *pick_in(
	const struct pick *p, struct group *g, Registry__RouteBalance balance, struct text header)
{
	const struct node_choice *found = NULL;
	if (!g->count)
		return NULL;
	if (balance == REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_LEAST_OUTSTANDING)
		found = pick_least(p, g);
	else if (balance == REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH && header.data)
		found = pick_hash(p, g, header);
	return found ? found : pick_turn(p, g);
}

/* All are left alone, or have been tried. */
static const struct node_choice *pick_anyway(const struct pick *p)
{
	const struct node_choice *found = NULL;
	int64_t first = 0;
	for (size_t i = 0; i < p->set->count; i++) {
		const struct node_choice *n = &p->set->nodes[i];
		int64_t time = endpoint_trial_time(n->endpoint);
		if ((!found || time < first) && !was_tried(p, n)) {
			found = n;
			first = time;
		}
	}
	if (found)
		endpoint_begin_anyway(found->endpoint, p->breaker, p->now);
	return found;
}

const struct node_choice *balance_pick(struct node_set *set, const Registry__RouteRule *rule,
	struct text header, const struct balance_tried *tried, int64_t now)
{
	const struct pick p = {set, rule->breaker, tried, now};
	const struct node_choice *found = NULL;
	for (size_t i = 0; !found && i < 2; i++)
		found = pick_in(&p, &set->groups[i], rule->balance, header);
	return found ? found : pick_anyway(&p);
}

/* --- repeating ------------------------------------------------------------------------------- */

static void count(struct budget *b, bool repetition, int64_t now)
{
	int64_t second = now / CLOCK_SECOND;
	size_t i = (size_t)(second % BUDGET_SECONDS);
	if (b->slots[i].second != second) {
		b->slots[i].second = second;
		b->slots[i].requests = b->slots[i].repetitions = 0;
	}
	b->slots[i].requests += !repetition;
	b->slots[i].repetitions += repetition;
}

void balance_count(struct node_set *set, int64_t now)
{
	count(set->budget, false, now);
}

bool balance_may_repeat(struct node_set *set, int64_t now)
{
	const struct budget *b = set->budget;
	uint64_t requests = 0, repetitions = 0;
	for (size_t i = 0; i < BUDGET_SECONDS; i++)
		if (b->slots[i].second > now / CLOCK_SECOND - BUDGET_SECONDS) {
			requests += b->slots[i].requests;
			repetitions += b->slots[i].repetitions;
		}
	if (repetitions >= BUDGET_FREE + requests / BUDGET_SHARE)
		return false;
	count(set->budget, true, now);
	return true;
}
