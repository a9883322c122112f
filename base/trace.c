/*
 * Ids come from a splitmix64 of each thread, seeded once by the kernel: they have to differ, not to
 * be a secret.
 *
 * Of a traceparent's flags, those that the standard names are passed on and the others are not. A
 * later version is read as the first one is, and may be longer.
 */
#include "base/trace.h"

#include <sys/random.h>

#include "base/check.h"

#define ID_SIZE    32
#define SPAN_SIZE  16
#define FLAGS_SIZE 2
/* "00-" id "-" span "-" flags */
#define ID_AT       3
#define SPAN_AT     (ID_AT + ID_SIZE + 1)
#define FLAGS_AT    (SPAN_AT + SPAN_SIZE + 1)
#define PARENT_SIZE (FLAGS_AT + FLAGS_SIZE)
/* sampled, random */
#define FLAGS_KNOWN 3

static const char digits[] = "0123456789abcdef";

/* --- made ----------------------------------------------------------------------------------- */

static uint64_t random_next(void)
{
	static _Thread_local uint64_t state;
	static _Thread_local bool seeded;
	if (!seeded)
		CHECK(getrandom(&state, sizeof(state), 0) == sizeof(state));
	seeded = true;
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 16 digits, not all of them zero. */
static void add_random(char *out)
{
	uint64_t word = random_next();
	while (!word)
		word = random_next();
	for (int i = 0; i < 16; i++)
		out[i] = digits[word >> (4 * i) & 15];
}

static struct text random_id(struct arena *a)
{
	char *id = arena_alloc(a, ID_SIZE);
	add_random(id);
	add_random(id + 16);
	return (struct text){id, ID_SIZE};
}

/* --- taken ---------------------------------------------------------------------------------- */

static int digit_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all_hex(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (digit_value(data[i]) < 0)
			return false;
	return true;
}

static bool all_zero(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != '0')
			return false;
	return true;
}

static bool is_parent(struct text t)
{
	const char *p = t.data;
	if (t.size < PARENT_SIZE || p[ID_AT - 1] != '-' || p[SPAN_AT - 1] != '-' ||
		p[FLAGS_AT - 1] != '-')
		return false;
	if (memcmp(p, "00", 2) == 0 ? t.size != PARENT_SIZE
				    : t.size > PARENT_SIZE && p[PARENT_SIZE] != '-')
		return false;
	return all_hex(p, 2) && memcmp(p, "ff", 2) != 0 && all_hex(p + ID_AT, ID_SIZE) &&
	       !all_zero(p + ID_AT, ID_SIZE) && all_hex(p + SPAN_AT, SPAN_SIZE) &&
	       !all_zero(p + SPAN_AT, SPAN_SIZE) && all_hex(p + FLAGS_AT, FLAGS_SIZE);
}

/* 1 to most bytes of ASCII, from the first that is allowed. */
static bool is_printable(struct text t, size_t most, char first)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] < first || t.data[i] > '~')
			return false;
	return t.size > 0 && t.size <= most;
}

bool trace_add(struct trace_given *given, struct text name, struct text value)
{
	struct text *place = text_equal_nocase(name, TEXT("traceparent"))    ? &given->parent
			     : text_equal_nocase(name, TEXT("tracestate"))   ? &given->state
			     : text_equal_nocase(name, TEXT("x-request-id")) ? &given->request_id
									     : NULL;
	if (!place)
		return false;
	if (!place->data)
		*place = value;
	return true;
}

static void take_parent(struct trace *t, struct arena *a, const struct trace_given *given)
{
	char *flags = arena_alloc(a, FLAGS_SIZE);
	flags[0] = '0';
	flags[1] = digits[digit_value(given->parent.data[FLAGS_AT + 1]) & FLAGS_KNOWN];
	t->id = arena_text(a, (struct text){given->parent.data + ID_AT, ID_SIZE});
	t->flags = (struct text){flags, FLAGS_SIZE};
	if (is_printable(given->state, TRACE_STATE_MAX, ' '))
		t->state = arena_text(a, given->state);
}

void trace_begin(struct trace *t, struct arena *a, const struct trace_given *given)
{
	t->state = TEXT("");
	if (is_parent(given->parent)) {
		take_parent(t, a, given);
	} else {
		t->id = random_id(a);
		t->flags = TEXT("01");
	}
	t->request_id = is_printable(given->request_id, TRACE_REQUEST_ID_MAX, '!')
				? arena_text(a, given->request_id)
				: random_id(a);
}

struct text trace_parent(const struct trace *t, struct arena *a)
{
	char *out = arena_alloc(a, PARENT_SIZE + 1);
	memcpy(out, "00-", ID_AT);
	memcpy(out + ID_AT, t->id.data, ID_SIZE);
	out[SPAN_AT - 1] = out[FLAGS_AT - 1] = '-';
	add_random(out + SPAN_AT);
	memcpy(out + FLAGS_AT, t->flags.data, FLAGS_SIZE);
	out[PARENT_SIZE] = '\0';
	return (struct text){out, PARENT_SIZE};
}
