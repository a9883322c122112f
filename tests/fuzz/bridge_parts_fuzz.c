/* A Content-Type, then a body on the lines below: cut anywhere, it is the same parts or the same
 * refusal. */
#include "base/arena.h"
#include "base/check.h"
#include "bridge/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has come of a body. */
struct result {
	bool good;
	struct status status;
	struct buffer seen;
	size_t content; /* bytes in all parts */
};

static bool on_begin(void *arg, struct text name, struct arena *a, struct status *status)
{
	struct result *r = arg;
	buffer_printf(&r->seen, "<%zu:", name.size);
	buffer_add_text(&r->seen, name);
	if (text_equal(name, TEXT("refused")))
		return status_set(status, a, STATUS_OUT_OF_RANGE, "refused");
	return true;
}

static bool on_content(void *arg, struct text bytes)
{
	struct result *r = arg;
	CHECK(bytes.size);
	r->content += bytes.size;
	buffer_add_text(&r->seen, bytes);
	return true;
}

static bool on_end(void *arg, struct arena *a, struct status *status)
{
	struct result *r = arg;
	(void)a, (void)status;
	buffer_add_char(&r->seen, '>');
	return true;
}

/* The sizes of the pieces follow from the seed; 0: one piece. */
static void read_body(
	struct result *r, struct arena *a, struct text type, struct text body, uint32_t seed)
{
	static const struct parts_events events = {on_begin, on_content, on_end};
	struct parts p = {.events = &events, .arg = r};
	*r = (struct result){.seen = {.arena = a}};
	r->good = parts_open(&p, type, a, &r->status);
	for (size_t at = 0, piece; r->good && at < body.size; at += piece) {
		seed = seed * 1664525 + 1013904223 * !!seed;
		piece = seed ? 1 + (seed >> 24) % (seed & 0x800000 ? 3 : 64) : body.size;
		r->good = parts_read(&p, text_until(text_from(body, at), piece), a, &r->status);
	}
	r->good = r->good && parts_end(&p, a, &r->status);
	parts_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text all = {(const char *)data, size};
	size_t line = text_find(all, '\n', 0);
	struct text type = text_until(all, line), body = text_from(all, line + 1);
	struct arena *a = arena_new(0);
	struct result whole, cut;
	read_body(&whole, a, type, body, 0);
	CHECK(whole.good || *whole.status.message);
	CHECK(whole.content <= body.size);
	for (uint32_t seed = 1; seed <= 3; seed++) {
		read_body(&cut, a, type, body, (uint32_t)size * 4 + seed);
		CHECK(cut.good == whole.good);
		CHECK(whole.good || (cut.status.code == whole.status.code &&
					    !strcmp(cut.status.message, whole.status.message)));
		CHECK(text_equal(buffer_text(&cut.seen), buffer_text(&whole.seen)));
	}
	arena_free(&a);
	return 0;
}
