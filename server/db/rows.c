/* Reads values of a result. A value that is not of the type asked for is a fault of the statement,
 * which is ours: it aborts. */
#include "server/db/rows.h"

#include "base/check.h"

int rows_count(const struct rows *r)
{
	return r ? PQntuples(r->result) : 0;
}

static void check_cell(const struct rows *r, int row, int column)
{
	CHECK(row >= 0 && row < PQntuples(r->result));
	CHECK(column >= 0 && column < PQnfields(r->result));
}

bool rows_null(const struct rows *r, int row, int column)
{
	check_cell(r, row, column);
	return PQgetisnull(r->result, row, column);
}

struct text rows_text(const struct rows *r, int row, int column)
{
	if (rows_null(r, row, column))
		return (struct text){NULL, 0};
	return (struct text){
		PQgetvalue(r->result, row, column), (size_t)PQgetlength(r->result, row, column)};
}

int64_t rows_int64(const struct rows *r, int row, int column)
{
	struct text t = rows_text(r, row, column);
	int64_t value = 0;
	CHECK(!t.data || text_to_int64(t, &value));
	return value;
}

bool rows_bool(const struct rows *r, int row, int column)
{
	struct text t = rows_text(r, row, column);
	CHECK(!t.data || text_equal(t, TEXT("t")) || text_equal(t, TEXT("f")));
	return t.data && t.data[0] == 't';
}
