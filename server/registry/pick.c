/*
 * Picking: which node a call goes to.
 *
 * The round robin has no state but a number that counts the picks of a service. A round is as long
 * as the sum of the weights. Its turns are dealt node by node: of the turns that the nodes before
 * it have left, a node of weight w takes every one at which the line of slope w / (turns left)
 * passes a whole number. So each has exactly its weight of turns in any round, and in any part of
 * it its share but for a few turns: weights 3 and 1 give b in every fourth turn, 2 and 2 alternate.
 * Who asks again, since a node was not reached, has a count of its own: it would else shift the
 * turns of all.
 */
#include "server/registry/entry.h"

static int protect_percent;

void index_protect(int percent)
{
	protect_percent = percent;
}

bool node_is_up(const struct node *node)
{
	return node->enabled && node->health != NODE_FAILING && !node->flapping;
}

/* The share below which checks are not believed. */
static int protection(const struct service *service)
{
	return service->protect_percent >= 0 ? service->protect_percent : protect_percent;
}

/* Whether all enabled nodes of that kind count as up. */
static bool is_protected(const struct service *service, enum node_kind kind)
{
	size_t enabled = 0, up = 0;
	int percent = protection(service);

	if (percent == 0)
		return false;
	for (size_t i = 0; i < service->node_count; i++) {
		const struct node *node = service->nodes[i];

		enabled += node->kind == kind && node->enabled;
		up += node->kind == kind && node_is_up(node);
	}
	return up * 100 <= enabled * (size_t)percent;
}

/* Which nodes may be picked. */
struct choice {
	enum node_kind kind;
	bool believe; /* what the checks say */
	bool any_weight;
	const struct node *const *tried; /* these not */
	size_t tried_count;
};

/* What a node weighs in the round; of those that may not be picked 0. */
static unsigned weight_of(const struct node *node, const struct choice *c)
{
	if (node->kind != c->kind || !(c->believe ? node_is_up(node) : node->enabled))
		return 0;
	for (size_t i = 0; i < c->tried_count; i++)
		if (c->tried[i] == node)
			return 0;
	return c->any_weight ? 1 : (unsigned)node->weight;
}

static const struct node *pick(const struct service *service, const struct choice *c)
{
	uint64_t left = 0, turn;

	for (size_t i = 0; i < service->node_count; i++)
		left += weight_of(service->nodes[i], c);
	if (left == 0)
		return NULL;
	turn = service_entry_turn(service, c->kind, c->tried_count > 0) % left;
	for (size_t i = 0; i < service->node_count; i++) {
		unsigned weight = weight_of(service->nodes[i], c);

		if (turn * weight % left + weight >= left)
			return service->nodes[i];
		turn -= turn * weight / left;
		left -= weight;
	}
	return NULL;
}

const struct node *service_pick(const struct service *service, enum node_kind kind,
	const struct node *const *tried, size_t tried_count)
{
	struct choice choice = {kind, !is_protected(service, kind), false, tried, tried_count};
	const struct node *node = pick(service, &choice);

	if (node)
		return node;
	choice.any_weight = true;
	return pick(service, &choice);
}

bool node_available(const struct service *service, const struct node *node)
{
	return is_protected(service, node->kind) ? node->enabled : node_is_up(node);
}

static bool any_node_available(const struct service *service, enum node_kind kind)
{
	bool believe = !is_protected(service, kind);

	for (size_t i = 0; i < service->node_count; i++) {
		const struct node *node = service->nodes[i];

		if (node->kind == kind && (believe ? node_is_up(node) : node->enabled))
			return true;
	}
	return false;
}

bool action_available(const struct service *service, const struct action *action)
{
	return action->own.port > 0 || any_node_available(service, action->kind);
}

bool service_available(const struct service *service)
{
	for (int kind = 0; kind < NODE_KINDS; kind++)
		if (any_node_available(service, (enum node_kind)kind))
			return true;
	for (size_t i = 0; i < service->action_count; i++)
		if (service->actions[i]->own.port > 0)
			return true;
	return false;
}
