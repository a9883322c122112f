#include "server/event/stored.h"

#include "base/base64.h"
#include "server/seal.h"

static struct text read_data(
	struct arena *a, const struct rows *rows, int row, int column, struct text event_id)
{
	struct text data = rows_text(rows, row, column), sealed;

	if (!data.data && base64_read(a, rows_text(rows, row, column + 1), &sealed))
		data = seal_open(a, event_id, rows_text(rows, row, column + 2), sealed);
	return data;
}

char *stored_data(
	struct arena *a, const struct rows *rows, int row, int column, struct text event_id)
{
	struct text data = read_data(a, rows, row, column, event_id);

	return arena_string(a, data.data ? data : TEXT("null"));
}

struct text stored_open(
	struct arena *a, const struct rows *rows, int row, int column, struct text event_id)
{
	struct text data = read_data(a, rows, row, column, event_id);

	return data.data ? arena_text(a, data) : data;
}
