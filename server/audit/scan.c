/*
 * Either way the records of the page come from a subquery r, in order and limited; around it stands
 * what a row has. When the index is used there are two such subqueries: records that it knows, the
 * keys of which it gives unordered, so that they are sorted before the records are looked at one by
 * one until there are enough (OFFSET 0 keeps the planner from doing it the other way round); and
 * the tail, records behind the last that is indexed. One statement sees one state of the log, so
 * that neither lacks what the other has.
 *
 * Statements and parameters live in the call's turn, so that a stream may scan for ever.
 */
#include "server/audit/scan.h"

#include "base/check.h"

/* Of candidates that the index gives; about where reading records in their order becomes the
 * quicker way. */
enum { CANDIDATES_MOST = 20000 };

/* The scan's own parameters: $1 and $2, then the filter's, then these. */
enum { LOWER_POSITION, UPPER_POSITION, LIMIT, TERMS, LAST_PARAMETERS };

/* --- keys ------------------------------------------------------------------------------------- */

struct scan_key scan_after(struct scan_key k)
{
	return k.position < SCAN_POSITION_LAST ? (struct scan_key){k.time, k.position + 1}
					       : (struct scan_key){k.time + 1, 0};
}

struct scan_key scan_before(struct scan_key k)
{
	return k.position > 0 ? (struct scan_key){k.time, k.position - 1}
			      : (struct scan_key){k.time - 1, SCAN_POSITION_LAST};
}

int scan_compare(struct scan_key a, struct scan_key b)
{
	if (a.time != b.time)
		return a.time < b.time ? -1 : 1;
	return (a.position > b.position) - (a.position < b.position);
}

struct scan_key scan_row_key(const struct rows *rows, int row)
{
	return (struct scan_key){
		rows_int64(rows, row, SCAN_TIME), rows_int64(rows, row, SCAN_POSITION)};
}

struct scan_key scan_row_end(const struct rows *rows, int row)
{
	return (struct scan_key){
		rows_int64(rows, row, SCAN_END_TIME), rows_int64(rows, row, SCAN_END_POSITION)};
}

static int64_t within_years(int64_t time)
{
	if (time < AUDIT_TIME_FIRST)
		return AUDIT_TIME_FIRST;
	return time > AUDIT_TIME_LAST ? AUDIT_TIME_LAST : time;
}

void scan_set_range(struct scan *scan, int64_t start, int64_t end)
{
	bool back = start > end;

	scan->lower = (struct scan_key){within_years(back ? end : start), 0};
	scan->upper = (struct scan_key){within_years(back ? start : end), SCAN_POSITION_LAST};
	scan->newest_first = back;
}

/* --- the statement ---------------------------------------------------------------------------- */

static struct text number(struct arena *a, int64_t value)
{
	return text_of(arena_printf(a, "%lld", (long long)value));
}

static int parameter_number(const struct scan *scan, int which)
{
	return SCAN_FIRST_PARAMETER + scan->filter.condition.parameter_count + which;
}

/* The comparisons with the times alone tell which months are looked at. */
static const char *range_of(struct arena *a, const struct scan *scan, const char *alias)
{
	return arena_printf(a,
		"%s.time >= $1::timestamptz AND %s.time <= $2::timestamptz "
		"AND (%s.time, %s.position) >= ($1::timestamptz, $%d::bigint) "
		"AND (%s.time, %s.position) <= ($2::timestamptz, $%d::bigint)",
		alias, alias, alias, alias, parameter_number(scan, LOWER_POSITION), alias, alias,
		parameter_number(scan, UPPER_POSITION));
}

static const char *order_of(struct arena *a, const struct scan *scan, const char *alias)
{
	const char *direction = scan->newest_first ? " DESC" : "";

	return arena_printf(
		a, "ORDER BY %s.time%s, %s.position%s", alias, direction, alias, direction);
}

/* Records of the range and the condition; and_also: "" or a further condition. */
static void add_records(struct buffer *sql, const struct scan *scan, const char *and_also)
{
	buffer_printf(sql,
		"(SELECT r.* FROM audit.record r WHERE %s%s AND (%.*s) %s LIMIT $%d::integer)",
		range_of(sql->arena, scan, "r"), and_also, TEXT_ARGS(scan->filter.condition.sql),
		order_of(sql->arena, scan, "r"), parameter_number(scan, LIMIT));
}

static void add_candidates(struct buffer *sql, const struct scan *scan)
{
	struct arena *a = sql->arena;

	buffer_printf(sql,
		"(SELECT r.* FROM (SELECT t.time, t.position FROM audit.term t "
		"WHERE %s AND t.terms @@ $%d::tsquery %s) AS t "
		"CROSS JOIN LATERAL (SELECT r.* FROM audit.record r WHERE r.time = t.time "
		"AND r.position = t.position AND (%.*s) OFFSET 0) AS r %s LIMIT $%d::integer)",
		range_of(a, scan, "t"), parameter_number(scan, TERMS), order_of(a, scan, "t"),
		TEXT_ARGS(scan->filter.condition.sql), order_of(a, scan, "t"),
		parameter_number(scan, LIMIT));
}

#define BEHIND_INDEX                                                                               \
	" AND r.time >= coalesce((SELECT time FROM indexed), '-infinity')"                         \
	" AND (r.time, r.position) > (coalesce((SELECT time FROM indexed), '-infinity'),"          \
	" coalesce((SELECT position FROM indexed), 0))"

#define LAST_OF(table)                                                                             \
	"(SELECT time, position FROM " table " ORDER BY time DESC, position DESC LIMIT 1)"

static const char *sql_of(struct arena *a, const struct scan *scan, bool by_index)
{
	struct buffer sql = {.arena = a};

	buffer_printf(&sql,
		"WITH log_end AS MATERIALIZED " LAST_OF(
			"audit.record") "%s SELECT "
					"audit.milliseconds(r.time), r.position, "
					"audit.milliseconds((SELECT time FROM log_end)), (SELECT "
					"position FROM log_end), "
					"%s FROM (",
		by_index ? ", indexed AS MATERIALIZED " LAST_OF("audit.term") : "",
		selection_columns(a, scan->selection));
	if (by_index) {
		add_candidates(&sql, scan);
		buffer_add_text(&sql, TEXT(" UNION ALL "));
	}
	add_records(&sql, scan, by_index ? BEHIND_INDEX : "");
	buffer_printf(&sql, ") AS r %s LIMIT $%d::integer", order_of(a, scan, "r"),
		parameter_number(scan, LIMIT));
	return arena_string(a, buffer_text(&sql));
}

/* --- the steps -------------------------------------------------------------------------------- */

/* With the two times before them, and room behind. */
static struct text *parameters_of(
	struct arena *a, const struct scan *scan, const struct filter_sql *of, int further)
{
	struct text *all = arena_array(
		a, (size_t)(SCAN_FIRST_PARAMETER + of->parameter_count + further), sizeof(*all));

	all[0] = text_of(clock_iso(a, scan->lower.time));
	all[1] = text_of(clock_iso(a, scan->upper.time));
	if (of->parameter_count > 0)
		memcpy(&all[SCAN_FIRST_PARAMETER - 1], of->parameters,
			(size_t)of->parameter_count * sizeof(*all));
	return all;
}

/* terms: NULL, or the text of the tsquery that the index is asked for. */
static enum next read_records(struct call *c, const struct scan *scan, const struct text *terms)
{
	struct text *parameters =
		parameters_of(c->turn, scan, &scan->filter.condition, LAST_PARAMETERS);
	struct text *last = &parameters[parameter_number(scan, 0) - 1];
	struct statement *statement = ARENA_NEW(c->turn, struct statement);

	last[LOWER_POSITION] = number(c->turn, scan->lower.position);
	last[UPPER_POSITION] = number(c->turn, scan->upper.position);
	last[LIMIT] = number(c->turn, scan->limit);
	if (terms)
		last[TERMS] = arena_text(c->turn, *terms);
	*statement = (struct statement){
		.sql = sql_of(c->turn, scan, terms != NULL),
		.parameters = parameter_number(scan, terms ? LAST_PARAMETERS : TERMS) - 1,
	};
	return search(c, statement, parameters, scan->then);
}

static enum next choose(struct call *c, const struct rows *rows)
{
	const struct scan *scan = c->state;
	struct text terms = rows_text(rows, 0, 0);

	return read_records(c, scan, rows_int64(rows, 0, 1) > CANDIDATES_MOST ? NULL : &terms);
}

static enum next ask_how_many(struct call *c, struct scan *scan)
{
	struct statement *statement = ARENA_NEW(c->turn, struct statement);

	*statement = (struct statement){
		.sql = arena_printf(c->turn,
			"SELECT q.terms, audit.estimate(q.terms, $1::timestamptz, $2::timestamptz) "
			"FROM (SELECT %.*s AS terms) AS q",
			TEXT_ARGS(scan->filter.terms.sql)),
		.parameters = SCAN_FIRST_PARAMETER - 1 + scan->filter.terms.parameter_count,
	};
	return search(c, statement, parameters_of(c->turn, scan, &scan->filter.terms, 0), choose);
}

enum next scan_run(struct call *c, struct scan *scan,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	CHECK(c->state == scan);
	scan->then = then;
	if (scan_compare(scan->lower, scan->upper) > 0)
		return then(c, NULL);
	return scan->filter.terms.sql.data ? ask_how_many(c, scan) : read_records(c, scan, NULL);
}
