/*
 * Route: a trie over path segments. A node has its literal children and at most one child for a
 * variable; the routes that end in it are its leaves, one per verb. Names of variables belong to
 * the leaf, since two routes may name the same place differently.
 *
 * Matching walks depth first, literals before the variable, and steps back where the rest does not
 * fit. On the way it gathers the verbs of all leaves that fit the path, for Allow.
 */
#include "bridge/route.h"

#include "base/check.h"
#include "base/percent.h"

struct leaf {
	struct leaf *next;
	struct text verb;
	const struct api_method *method;
	const struct api_route *route;
	struct text variables[ROUTE_VARIABLES];
	size_t variable_count;
};

struct node {
	struct text literal;
	struct node *next; /* sibling */
	struct node *literals;
	struct node *variable;
	struct leaf *leaves;
};

struct router {
	struct arena *arena;
	struct node root;
};

struct router *router_new(void)
{
	struct arena *a = arena_new(0);
	struct router *r = ARENA_NEW(a, struct router);
	r->arena = a;
	return r;
}

void router_free(struct router **r)
{
	struct arena *a = *r ? (*r)->arena : NULL;
	*r = NULL;
	arena_free(&a);
}

/* Cuts the next segment off the front of path, which starts with '/'. */
static struct text cut_segment(struct text *path)
{
	size_t end = text_find(*path, '/', 1);
	struct text segment = text_from(text_until(*path, end), 1);
	*path = text_from(*path, end);
	return segment;
}

static struct node *literal_child(const struct node *n, struct text literal)
{
	struct node *child = n->literals;
	while (child && !text_equal(child->literal, literal))
		child = child->next;
	return child;
}

static struct node *grow_literal(struct router *r, struct node *n, struct text literal)
{
	struct node *child = literal_child(n, literal);
	if (child)
		return child;
	child = ARENA_NEW(r->arena, struct node);
	child->literal = literal;
	child->next = n->literals;
	n->literals = child;
	return child;
}

static struct node *grow_variable(struct router *r, struct node *n)
{
	if (!n->variable)
		n->variable = ARENA_NEW(r->arena, struct node);
	return n->variable;
}

static const struct leaf *leaf_of(const struct node *n, struct text verb)
{
	const struct leaf *leaf = n->leaves;
	while (leaf && !text_equal(leaf->verb, verb))
		leaf = leaf->next;
	return leaf;
}

static void add_route(
	struct router *r, const struct api_method *method, const struct api_route *route)
{
	struct leaf *leaf = ARENA_NEW(r->arena, struct leaf);
	leaf->verb = text_of(route->verb);
	leaf->method = method;
	leaf->route = route;

	struct node *n = &r->root;
	struct text path = text_of(route->path);
	CHECK(path.size && path.data[0] == '/');
	while (path.size) {
		struct text segment = cut_segment(&path);
		CHECK(segment.size);
		if (segment.data[0] != '{') {
			n = grow_literal(r, n, segment);
			continue;
		}
		CHECK(segment.data[segment.size - 1] == '}' &&
			leaf->variable_count < ROUTE_VARIABLES);
		leaf->variables[leaf->variable_count++] =
			text_from(text_until(segment, segment.size - 1), 1);
		n = grow_variable(r, n);
	}
	CHECK(!leaf_of(n, leaf->verb));
	leaf->next = n->leaves;
	n->leaves = leaf;
}

void router_add(struct router *r, const struct api_method *methods, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < methods[i].route_count; k++)
			add_route(r, &methods[i], &methods[i].routes[k]);
}

/* --- matching ------------------------------------------------------------------------------ */

struct walk {
	struct text verb;
	struct text segments[ROUTE_SEGMENTS];
	size_t count;
	struct text values[ROUTE_VARIABLES];
	struct buffer allow;
};

static bool is_dots(struct text segment)
{
	return text_equal(segment, TEXT(".")) || text_equal(segment, TEXT(".."));
}

/* Decodes the segments; *unknown is set if there are more than any route has. */
static const char *split(struct walk *w, struct arena *a, struct text path, bool *unknown)
{
	if (!path.size || path.data[0] != '/')
		return "does not start with /";
	while (path.size > 1) {
		struct text segment;
		const char *reason = percent_decode(a, cut_segment(&path), false, &segment);
		if (reason)
			return reason;
		if (is_dots(segment))
			return "has a segment . or ..";
		if (w->count < ROUTE_SEGMENTS)
			w->segments[w->count++] = segment;
		else
			*unknown = true;
	}
	return NULL;
}

/* Whether the list "GET, POST" has that verb. */
static bool is_listed(struct text list, struct text verb)
{
	while (list.size) {
		size_t end = text_find(list, ',', 0);
		if (text_equal(text_trim(text_until(list, end)), verb))
			return true;
		list = text_from(list, end + 1 < list.size ? end + 1 : list.size);
	}
	return false;
}

static void note_verb(struct walk *w, struct text verb)
{
	if (is_listed(buffer_text(&w->allow), verb))
		return;
	if (w->allow.size)
		buffer_add_text(&w->allow, TEXT(", "));
	buffer_add_text(&w->allow, verb);
}

static void note_verbs(struct walk *w, const struct node *n)
{
	for (const struct leaf *leaf = n->leaves; leaf; leaf = leaf->next) {
		note_verb(w, leaf->verb);
		if (text_equal(leaf->verb, TEXT("GET")))
			note_verb(w, TEXT("HEAD"));
	}
}

/* Depth is bounded by ROUTE_SEGMENTS. */
static const struct leaf *walk(struct walk *w, const struct node *n, size_t at, size_t variables)
{
	if (at == w->count) {
		const struct leaf *leaf = leaf_of(n, w->verb);
		if (!leaf)
			note_verbs(w, n);
		return leaf;
	}
	struct text segment = w->segments[at];
	const struct node *child = literal_child(n, segment);
	const struct leaf *leaf = child ? walk(w, child, at + 1, variables) : NULL;
	if (leaf || !n->variable || !segment.size)
		return leaf;
	w->values[variables] = segment;
	return walk(w, n->variable, at + 1, variables + 1);
}

static void fill(struct route_match *match, const struct leaf *leaf, const struct walk *w)
{
	match->method = leaf->method;
	match->route = leaf->route;
	match->variable_count = leaf->variable_count;
	for (size_t i = 0; i < leaf->variable_count; i++)
		match->variables[i] = (struct route_variable){leaf->variables[i], w->values[i]};
}

enum route_result route_match(const struct router *r, struct arena *a, struct text verb,
	struct text path, struct route_match *match)
{
	struct walk w;
	w.verb = verb;
	w.count = 0;
	w.allow = (struct buffer){.arena = a};
	bool unknown = false;
	match->reason = split(&w, a, path, &unknown);
	if (match->reason)
		return ROUTE_MALFORMED;
	const struct leaf *leaf = unknown ? NULL : walk(&w, &r->root, 0, 0);
	if (leaf) {
		fill(match, leaf, &w);
		return ROUTE_FOUND;
	}
	if (!w.allow.size)
		return ROUTE_UNKNOWN;
	note_verb(&w, TEXT("OPTIONS"));
	match->allow = arena_string(a, buffer_text(&w.allow));
	return ROUTE_WRONG_VERB;
}

bool route_is_verb(struct text verb)
{
	static const char *const verbs[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (text_equal(verb, text_of(verbs[i])))
			return true;
	return false;
}

static bool is_under(struct text path, struct text prefix)
{
	return text_starts(path, prefix) &&
	       (path.size == prefix.size || path.data[prefix.size] == '/');
}

enum api_profile route_profile(struct text path)
{
	static const struct {
		const char *prefix; /* a longer one before the one that it begins with */
		enum api_profile profile;
	} profiles[] = {
		{"/v1/server", API_FATE},
		{"/v1/service", API_FATE},
		{"/v1/auth/client_authentication", API_HOOK},
		{"/v1/auth/signature", API_HOOK},
		{"/v1/auth/site_authentication", API_HOOK},
		{"/v1/auth/permission", API_HOOK},
		{"/v1/api_reader", API_READER},
		{"/extension", API_EXTENSION},
		{"/mw/v1/event/write", API_LOG},
		{"/mw/v1/event/find", API_LOG},
		{"/mw/v1/audit/write", API_LOG},
		{"/mw/v1/audit/find", API_MW_NUMBER},
		{"/mw", API_MW},
	};
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (is_under(path, text_of(profiles[i].prefix)))
			return profiles[i].profile;
	return API_NATIVE;
}
