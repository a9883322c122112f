/* The steps of the service Trial (trial.proto). A stream counts itself until its last step. */
#include <string.h>

#include "junction/v1/trial.pb-c.h"
#include "steps.gen.h"

enum { PADDING_MOST = 1 << 20 };

static atomic_int streams;

/* --- unary ------------------------------------------------------------------------------------ */

enum next trial_echo(struct call *c)
{
	return reply(c, c->request);
}

static struct bell bell;

enum next trial_ring(struct call *c)
{
	Trial__RingResponse out = TRIAL__RING_RESPONSE__INIT;
	bell_ring(call_streams(), &bell);
	out.rung = bell_count(&bell);
	return REPLY(c, &out);
}

enum next trial_streams(struct call *c)
{
	Trial__StreamsResponse out = TRIAL__STREAMS_RESPONSE__INIT;
	out.in_progress = atomic_load(&streams);
	return REPLY(c, &out);
}

/* --- streams: their state --------------------------------------------------------------------- */

static void leave(struct call *c)
{
	atomic_fetch_sub(&streams, 1);
}

/* A new state of that size. */
static void *enter(struct call *c, size_t size)
{
	atomic_fetch_add(&streams, 1);
	c->at_end = leave;
	c->state = arena_zero(c->arena, size);
	return c->state;
}

/* --- Count ------------------------------------------------------------------------------------ */

struct counting {
	int64_t number, count;
	size_t padding;
	enum status_code fail_code;
};

static enum next count_next(struct call *c)
{
	struct counting *s = c->state;
	Trial__CountResponse out = TRIAL__COUNT_RESPONSE__INIT;
	if (s->number == s->count && s->fail_code)
		return fail(c, s->fail_code, "asked to fail after %lld", (long long)s->count);
	if (s->number == s->count)
		return stream_end(c);
	out.number = ++s->number;
	out.padding = arena_alloc(c->turn, s->padding + 1);
	memset(out.padding, 'x', s->padding);
	out.padding[s->padding] = '\0';
	return STREAM_SEND(c, &out, s->number < s->count, count_next);
}

enum next trial_count(struct call *c)
{
	const Trial__CountRequest *in = call_request(c, Trial__CountRequest);
	struct counting *s = enter(c, sizeof(*s));
	if (in->count < 0)
		return fail_field(c, "count", "must not be negative");
	if (in->padding < 0 || in->padding > PADDING_MOST)
		return fail_field(c, "padding", "must be 0 to %d", PADDING_MOST);
	if (in->fail_code < 0 || in->fail_code > STATUS_UNAUTHENTICATED)
		return fail_field(c, "fail_code", "must be 0 to %d", STATUS_UNAUTHENTICATED);
	s->count = in->count;
	s->fail_code = (enum status_code)in->fail_code;
	s->padding = (size_t)in->padding;
	return count_next(c);
}

/* --- Listen ----------------------------------------------------------------------------------- */

struct listening {
	uint64_t seen;
	int32_t sent, limit;
};

static call_step listen_answer;

static enum next listen_wait(struct call *c)
{
	const struct listening *s = c->state;
	if (s->sent == s->limit)
		return stream_end(c);
	return stream_wait(c, &bell, s->seen, CLOCK_NEVER, listen_answer);
}

static enum next listen_answer(struct call *c)
{
	struct listening *s = c->state;
	Trial__ListenResponse out = TRIAL__LISTEN_RESPONSE__INIT;
	out.rung = s->seen = bell_count(&bell);
	if (s->limit)
		s->sent++;
	return STREAM_SEND(c, &out, false, listen_wait);
}

enum next trial_listen(struct call *c)
{
	const Trial__ListenRequest *in = call_request(c, Trial__ListenRequest);
	struct listening *s = enter(c, sizeof(*s));
	if (in->limit < 0)
		return fail_field(c, "limit", "must not be negative");
	s->limit = in->limit;
	s->sent = in->limit ? 0 : -1;
	return listen_answer(c);
}

/* --- Sum -------------------------------------------------------------------------------------- */

struct summing {
	int64_t count, sum;
};

static enum next sum_add(struct call *c)
{
	struct summing *s = c->state;
	const Trial__SumRequest *in = call_request(c, Trial__SumRequest);
	Trial__SumResponse out = TRIAL__SUM_RESPONSE__INIT;
	if (!in) {
		out.count = s->count;
		out.sum = s->sum;
		return REPLY(c, &out);
	}
	if (in->number < 0)
		return fail_field(c, "number", "must not be negative");
	if (__builtin_add_overflow(s->sum, in->number, &s->sum))
		return fail(c, STATUS_OUT_OF_RANGE, "the sum is beyond 64 bits");
	s->count++;
	return stream_receive(c, sum_add);
}

enum next trial_sum(struct call *c)
{
	enter(c, sizeof(struct summing));
	return stream_receive(c, sum_add);
}

/* --- Take ------------------------------------------------------------------------------------- */

struct uploading {
	char *name;
	int64_t limit, size;
	int32_t milliseconds_each;
	uint64_t hash;
};

static enum next upload_end(struct call *c)
{
	const struct uploading *s = c->state;
	Trial__TakeResponse out = TRIAL__TAKE_RESPONSE__INIT;
	out.name = s->name ? s->name : (char *)"";
	out.size = s->size;
	out.hash = s->hash;
	return REPLY(c, &out);
}

static call_step upload_piece;

static enum next upload_receive(struct call *c)
{
	return stream_receive(c, upload_piece);
}

static enum next upload_piece(struct call *c)
{
	struct uploading *s = c->state;
	const Trial__TakeRequest *in = call_request(c, Trial__TakeRequest);
	if (!in)
		return upload_end(c);
	if (!s->name) {
		s->name = arena_string(c->arena, text_of(in->name));
		s->limit = in->limit;
		s->milliseconds_each = in->milliseconds_each;
	}
	for (size_t i = 0; i < in->piece.len; i++)
		s->hash = (s->hash ^ in->piece.data[i]) * UINT64_C(0x100000001b3);
	s->size += (int64_t)in->piece.len;
	if (s->limit > 0 && s->size > s->limit)
		return fail(
			c, STATUS_RESOURCE_EXHAUSTED, "more than %lld bytes", (long long)s->limit);
	if (s->milliseconds_each <= 0)
		return upload_receive(c);
	return stream_wait(
		c, NULL, 0, clock_now() + s->milliseconds_each * CLOCK_MS, upload_receive);
}

enum next trial_take(struct call *c)
{
	struct uploading *s = enter(c, sizeof(*s));
	s->hash = UINT64_C(0xcbf29ce484222325);
	return upload_receive(c);
}

/* --- Chat ------------------------------------------------------------------------------------- */

static enum next chat_listen(struct call *c);

static enum next chat_answer(struct call *c)
{
	const Trial__ChatRequest *in = call_request(c, Trial__ChatRequest);
	Trial__ChatResponse out = TRIAL__CHAT_RESPONSE__INIT;
	if (!in)
		return stream_end(c);
	out.text = in->text;
	return STREAM_SEND(c, &out, false, chat_listen);
}

static enum next chat_listen(struct call *c)
{
	return stream_receive(c, chat_answer);
}

enum next trial_chat(struct call *c)
{
	enter(c, 0);
	return chat_listen(c);
}
