/* A role's rules are sorted by service: those of "*" and of the service itself are found by
 * halving. The first role, in the order of the walk, with a rule that denies decides; if there is
 * none, the first with one that allows. */
#include "server/auth/directory/decide.h"

#include <stdlib.h>

#include "server/auth/directory/decide_walk.h"
#include "server/auth/directory/pattern.h"
#include "server/auth/identity/store.h"

struct question decide_caller(const struct caller *caller)
{
	bool user = caller->user.size > 0;

	return (struct question){
		.kind = user ? SUBJECT_USER : SUBJECT_APPLICATION,
		.name = user ? caller->user : caller->application,
		.more_roles = caller->claimed_roles,
		.more_count = caller->claimed_count,
	};
}

/* The first rule of that service or one behind it. */
static size_t find_service(const struct role *role, struct text service)
{
	size_t low = 0, high = role->rule_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text_compare(role->rules[middle].service, service) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool matches(const struct rule *rule, const struct question *q)
{
	return (text_equal(rule->method, q->method) || text_equal(rule->method, TEXT("*"))) &&
	       pattern_matches(rule->action, q->action);
}

/* The first that denies; if there is none, so_far or else the first that allows. */
static const struct rule *judge_service(const struct role *role, struct text service,
	const struct question *q, const struct rule *so_far)
{
	for (size_t i = find_service(role, service);
		i < role->rule_count && text_equal(role->rules[i].service, service); i++) {
		const struct rule *rule = &role->rules[i];
		if ((rule->denies || !so_far) && matches(rule, q)) {
			if (rule->denies)
				return rule;
			so_far = rule;
		}
	}
	return so_far;
}

static const struct rule *judge(
	const struct role *role, const struct question *q, const struct rule *so_far)
{
	const struct rule *rule = judge_service(role, TEXT("*"), q, so_far);

	return rule && rule->denies ? rule : judge_service(role, q->service, q, rule);
}

bool decide(const struct directory *d, const struct question *q, int64_t now_ms)
{
	struct walk w;
	const struct walk_step *step;
	const struct rule *rule = NULL;

	if (walk_begin(&w, d, q, now_ms) == WALK_BEGUN)
		while (!(rule && rule->denies) && (step = walk_next(&w)))
			rule = judge(step->role, q, rule);
	walk_end(&w);
	return rule && !rule->denies;
}

/* --- why -------------------------------------------------------------------------------------- */

static void copy_path(const struct walk *w, size_t last, struct arena *a, struct decision *decision)
{
	struct text *path;
	size_t count = 1;

	for (size_t at = last; w->steps[at].from != at; at = w->steps[at].from)
		count++;
	decision->path = path = arena_array(a, count, sizeof(*path));
	decision->path_count = count;
	for (size_t at = last; count-- > 0; at = w->steps[at].from)
		path[count] = w->steps[at].role->name;
}

static const char *shown(struct arena *a, enum subject_kind kind, struct text name)
{
	return arena_printf(
		a, "%.*s \"%.*s\"", TEXT_ARGS(subject_kind_word(kind)), TEXT_ARGS(name));
}

/* The sentence for a rule that decided. */
static const char *reason(const struct decision *decision, struct arena *a)
{
	const char *by = arena_printf(a, "%s by role \"%.*s\"",
		decision->allowed ? "allowed" : "denied", TEXT_ARGS(decision->role->name));

	if (decision->path_count > 1)
		by = arena_printf(a, "%s, which role \"%.*s\" inherits from", by,
			TEXT_ARGS(decision->path[0]));
	return decision->holder ? arena_printf(a, "%s, granted to %s", by,
					  shown(a, decision->holder->kind, decision->holder->name))
				: arena_printf(a, "%s, which its token says", by);
}

static void explain_begun(
	struct walk *w, const struct question *q, struct arena *a, struct decision *decision)
{
	size_t decided = 0;

	for (const struct walk_step *step;
		!(decision->rule && decision->rule->denies) && (step = walk_next(w));) {
		const struct rule *rule = judge(step->role, q, decision->rule);
		if (rule != decision->rule)
			decided = w->taken - 1;
		decision->rule = rule;
	}
	if (!decision->rule) {
		decision->reason = "no rule of its roles allows it";
		return;
	}
	decision->allowed = !decision->rule->denies;
	decision->role = w->steps[decided].role;
	decision->holder = w->steps[decided].holder;
	decision->grant = w->steps[decided].grant;
	copy_path(w, decided, a, decision);
	decision->reason = reason(decision, a);
}

void decide_explain(const struct directory *d, const struct question *q, int64_t now_ms,
	struct arena *a, struct decision *decision)
{
	struct walk w;

	*decision = (struct decision){0};
	switch (walk_begin(&w, d, q, now_ms)) {
	case WALK_BEGUN:
		explain_begun(&w, q, a, decision);
		break;
	case WALK_UNKNOWN:
		decision->reason = arena_printf(a, "there is no %s", shown(a, q->kind, q->name));
		break;
	case WALK_DISABLED:
		decision->reason = arena_printf(a, "%s is disabled", shown(a, q->kind, q->name));
		break;
	}
	walk_end(&w);
}

/* --- which roles ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	const struct role *const *one = a, *const *other = b;

	return text_compare((*one)->name, (*other)->name);
}

const struct role **decide_roles(const struct directory *d, const struct question *who,
	int64_t now_ms, struct arena *a, size_t *count)
{
	struct walk w;

	if (walk_begin(&w, d, who, now_ms) == WALK_BEGUN)
		while (walk_next(&w))
			continue;
	const struct role **roles = arena_array(a, w.count, sizeof(*roles));
	for (size_t i = 0; i < w.count; i++)
		roles[i] = w.steps[i].role;
	qsort(roles, w.count, sizeof(*roles), by_name);
	*count = w.count;
	walk_end(&w);
	return roles;
}
