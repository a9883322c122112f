/*
 * The tree of filters is walked once. The condition is written as the walk goes; the terms come up
 * from below: of parts that all hold those that have any, of parts of which one holds all or none.
 */
#include "server/audit/filter.h"

#include "server/audit/filter_condition.h"

enum { DEPTH_MOST = 16, CONDITIONS_MOST = 256 };

/* Both a part's; what only one of them has if all holds, else both or none. */
static struct text join_terms(struct arena *a, struct text x, struct text y, bool all)
{
	if (!x.data || !y.data)
		return !all ? (struct text){0} : x.data ? x : y;
	return text_of(
		arena_printf(a, "(%.*s %s %.*s)", TEXT_ARGS(x), all ? "&&" : "||", TEXT_ARGS(y)));
}

static bool read_op(struct filter_building *b, const Audit__Filter *in, const char *path, bool *all)
{
	struct text op = text_of(in->op);

	*all = op.size == 0 || text_equal_nocase(op, TEXT("and"));
	return *all || text_equal_nocase(op, TEXT("or")) ||
	       status_field(b->status, b->arena, arena_printf(b->arena, "%s.op", path),
		       "must be and or or");
}

static bool add_conditions(
	struct filter_building *b, const Audit__Filter *in, const char *path, struct text *terms)
{
	for (size_t i = 0; i < in->n_expr; i++) {
		const char *place = arena_printf(b->arena, "%s.expr[%zu]", path, i);
		struct text its;

		if (++b->conditions > CONDITIONS_MOST)
			return status_field(b->status, b->arena, place,
				"there must be at most %d conditions in all", CONDITIONS_MOST);
		if (i > 0)
			buffer_add_text(&b->condition, TEXT(" AND "));
		if (!filter_add_condition(b, in->expr[i], place, &its))
			return false;
		*terms = join_terms(b->arena, *terms, its, true);
	}
	return true;
}

static bool add_filter(struct filter_building *b, const Audit__Filter *in, const char *path,
	int depth, struct text *terms);

static bool add_filters(struct filter_building *b, const Audit__Filter *in, const char *path,
	int depth, struct text *terms)
{
	const int before = b->term_parameters.count;
	bool all;

	if (!read_op(b, in, path, &all))
		return false;
	for (size_t i = 0; i < in->n_sub_filter; i++) {
		struct text its;

		if (i > 0)
			buffer_add_text(&b->condition, all ? TEXT(" AND ") : TEXT(" OR "));
		if (!add_filter(b, in->sub_filter[i],
			    arena_printf(b->arena, "%s.subFilter[%zu]", path, i), depth + 1, &its))
			return false;
		*terms = i == 0 ? its : join_terms(b->arena, *terms, its, all);
	}
	if (!terms->data)
		b->term_parameters.count = before;
	return true;
}

static bool add_filter(struct filter_building *b, const Audit__Filter *in, const char *path,
	int depth, struct text *terms)
{
	struct text of_conditions = {0}, of_filters = {0};

	if (depth > DEPTH_MOST)
		return status_field(b->status, b->arena, path,
			"filters must be nested at most %d deep", DEPTH_MOST);
	if (in->n_expr == 0 && in->n_sub_filter == 0)
		return status_field(
			b->status, b->arena, path, "expr and subFilter must not both be empty");
	buffer_add_char(&b->condition, '(');
	if (!add_conditions(b, in, path, &of_conditions))
		return false;
	buffer_add_text(&b->condition, in->n_sub_filter == 0 ? TEXT("")
				       : in->n_expr == 0     ? TEXT("(")
							     : TEXT(" AND ("));
	if (!add_filters(b, in, path, depth, &of_filters))
		return false;
	buffer_add_text(&b->condition, in->n_sub_filter == 0 ? TEXT(")") : TEXT("))"));
	*terms = join_terms(b->arena, of_conditions, of_filters, true);
	return true;
}

static struct filter_parameters new_parameters(struct arena *a, int first)
{
	return (struct filter_parameters){
		.items = arena_array(
			a, CONDITIONS_MOST * FILTER_PARAMETERS_EACH, sizeof(struct text)),
		.first = first,
	};
}

bool filter_build(struct arena *a, const Audit__Filter *in, int first_parameter,
	struct filter *filter, struct status *status)
{
	struct filter_building b = {
		.arena = a,
		.status = status,
		.condition.arena = a,
		.parameters = new_parameters(a, first_parameter),
		.term_parameters = new_parameters(a, first_parameter),
	};
	struct text terms = {0};

	if (!in)
		buffer_add_text(&b.condition, TEXT("true"));
	else if (!add_filter(&b, in, "filter", 1, &terms))
		return false;
	filter->condition = (struct filter_sql){
		buffer_text(&b.condition), b.parameters.items, b.parameters.count};
	filter->terms =
		(struct filter_sql){terms, b.term_parameters.items, b.term_parameters.count};
	return true;
}
