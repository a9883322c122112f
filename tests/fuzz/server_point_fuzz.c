/* What follows a 0 is read as a continuation point: only what was given out is taken. What follows
 * anything else is the numbers of one, which comes back as it was. */
#include "base/base64.h"
#include "base/check.h"
#include "server/audit/point.h"

static const struct text bound = {"query", 5};

static void check_text(struct arena *a, const char *given)
{
	struct status status = {.message = ""};
	struct point point;

	if (point_read(a, given, bound, &point, &status)) {
		struct text bytes, again;
		CHECK(base64_read(a, text_of(given), &bytes));
		CHECK(base64_read(a, text_of(point_write(a, &point, bound)), &again));
		CHECK(text_equal(bytes, again));
	} else {
		CHECK(status.code == STATUS_INVALID_ARGUMENT);
		CHECK(text_equal(text_of(status.field), TEXT("continuationPoint")));
	}
}

/* A point of any numbers. */
static void check_point(struct arena *a, struct text bytes)
{
	struct point given = {0}, read;
	struct status status = {.message = ""};
	int64_t numbers[6] = {0};

	memcpy(numbers, bytes.data, bytes.size < sizeof(numbers) ? bytes.size : sizeof(numbers));
	given.end = (struct scan_key){numbers[0], numbers[1]};
	given.lowest = (struct scan_key){numbers[2], numbers[3]};
	given.highest = (struct scan_key){numbers[4], numbers[5]};
	given.before_next = bytes.size % 2;
	given.behind_prev = bytes.size % 3;
	CHECK(point_read(a, point_write(a, &given, bound), bound, &read, &status));
	CHECK(scan_compare(read.end, given.end) == 0);
	CHECK(scan_compare(read.lowest, given.lowest) == 0);
	CHECK(scan_compare(read.highest, given.highest) == 0);
	CHECK(read.before_next == given.before_next && read.behind_prev == given.behind_prev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct text rest = {(const char *)data + 1, size - 1};

	if (!point_ready())
		point_use_key(TEXT("0123456789abcdef0123456789abcdef"));
	if (size > 0 && data[0] == '0')
		check_text(a, arena_string(a, rest));
	else if (size > 0)
		check_point(a, rest);
	arena_free(&a);
	return 0;
}
