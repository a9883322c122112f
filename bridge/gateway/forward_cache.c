/*
 * Forward, what is kept: an answer that is there is the reply; who is the first to want one that is
 * not, fetches it for those who want it meanwhile. What is copied for it is bounded by the rule,
 * and given up when it becomes more.
 */
#include <stdlib.h>

#include "bridge/gateway/forward_parts.h"

static struct text header_named(const void *request, struct text name)
{
	const struct forward_request *r = request;
	return head_list(r->arena, r->sent, name);
}

static struct cache_request cache_request(const struct forward *f)
{
	const struct forward_request *r = &f->request;
	return (struct cache_request){
		.method = r->verb,
		.path = r->path,
		.query = r->query,
		.caller = text_of(f->route->said->caller),
		.header = header_named,
		.arg = r,
		.authorized = head_find(r->sent, TEXT("Authorization")).data != NULL,
	};
}

/* --- an answer that is there ------------------------------------------------------------------ */

static bool is_known(const struct forward *f)
{
	struct text wanted = head_find(f->request.sent, TEXT("If-None-Match"));
	for (size_t i = 0; wanted.size && i < f->found->header_count; i++)
		if (text_equal_nocase(f->found->headers[i].name, TEXT("ETag")))
			return text_equal(f->found->headers[i].value, wanted);
	return false;
}

static void reply_found(struct forward *f)
{
	struct arena *a = f->request.arena;
	const struct cached *c = f->found;
	struct reply_header *headers = arena_array(a, c->header_count + 3, sizeof(*headers));
	bool known = is_known(f);
	size_t n = 0;
	for (size_t i = 0; i < c->header_count; i++)
		if (!f->request.cors || !head_is_about_origins(c->headers[i].name))
			headers[n++] = (struct reply_header){arena_string(a, c->headers[i].name),
				arena_string(a, c->headers[i].value)};
	int64_t age = c->age + (clock_now() - c->stored) / CLOCK_SECOND;
	headers[n++] = (struct reply_header){"Age", arena_printf(a, "%lld", (long long)age)};
	headers[n++] = (struct reply_header){"Cache-Status", "junction; hit"};
	*f->request.reply = (struct reply){
		.http = known ? 304 : c->status,
		.foreign = true,
		.body = known ? TEXT("") : c->body,
	};
	forward_add_headers(f, headers);
	forward_add_own(f);
	forward_reply(f);
}

static void flight_ended(struct cache_question *q)
{
	struct forward *f = (struct forward *)((char *)q - offsetof(struct forward, flight));
	f->waiting = false;
	if (!f->place) { /* its owner has left */
		cached_release(&q->found);
		free(f);
		return;
	}
	f->found = q->found;
	if (f->found)
		reply_found(f);
	forward_go(f);
}

void forward_look(struct forward *f)
{
	const Registry__RouteCache *rule = forward_rule(f)->cache;
	struct cache_request r = cache_request(f);
	if (!rule || f->request.has_body || !cache_takes(rule, &r))
		return;
	f->flight = (struct cache_question){
		.place = {f->ask.question.space, text_of(f->route->said->service),
			text_of(forward_rule(f)->id)},
		.key = cache_key(f->request.arena, rule, &r),
		.loop = f->place->loop,
		.done = flight_ended,
	};
	switch (cache_ask(f->place->cache, &f->flight)) {
	case CACHE_FOUND:
		f->found = f->flight.found;
		reply_found(f);
		return;
	case CACHE_WAIT:
		f->waiting = true;
		return;
	case CACHE_FETCH:
		f->fetches = true;
		if (text_equal(r.method, TEXT("HEAD")))
			forward_give_up(f);
		return;
	}
}

/* --- an answer that may be kept --------------------------------------------------------------- */

void forward_give_up(struct forward *f)
{
	if (f->fetches)
		cache_give_up(f->place->cache, &f->flight);
	f->fetches = false;
	f->keep_ms = 0;
}

static struct cache_header *as_cached(const struct forward *f)
{
	struct cache_header *headers =
		arena_array(f->request.arena, f->head.header_count + 1, sizeof(*headers));
	for (size_t i = 0; i < f->head.header_count; i++)
		headers[i] =
			(struct cache_header){f->head.headers[i].name, f->head.headers[i].value};
	return headers;
}

void forward_judge(struct forward *f)
{
	static const struct reply_header missed[] = {{"Cache-Status", "junction; fwd=miss"}, {0}};
	struct cache_request r;
	if (!f->fetches)
		return;
	r = cache_request(f);
	f->keep_ms = cache_keeps(forward_rule(f)->cache, &r, f->head.status, as_cached(f),
		f->head.header_count, f->head.length);
	f->copy.arena = f->request.arena;
	forward_add_headers(f, missed);
	if (!f->keep_ms)
		forward_give_up(f);
}

void forward_copy(struct forward *f, struct text piece)
{
	if (!f->keep_ms)
		return;
	if (f->copy.size + piece.size > (uint64_t)forward_rule(f)->cache->most)
		forward_give_up(f);
	else
		buffer_add_text(&f->copy, piece);
}

/* The headers as the client gets them. */
void forward_keep(struct forward *f)
{
	struct arena *a = f->request.arena;
	const struct reply_header *passed;
	struct cache_header *headers;
	size_t count = 0;
	int64_t age = 0;
	if (!f->keep_ms) {
		forward_give_up(f);
		return;
	}
	passed = head_answer(a, f->head.headers, f->head.header_count, false, false);
	headers = arena_array(a, f->head.header_count + 1, sizeof(*headers));
	for (const struct reply_header *h = passed; h->name; h++)
		if (text_equal_nocase(text_of(h->name), TEXT("Age")))
			age = cache_seconds(text_of(h->value));
		else
			headers[count++] =
				(struct cache_header){text_of(h->name), text_of(h->value)};
	f->fetches = false;
	cache_put(f->place->cache, &f->flight,
		&(struct cached){
			.status = f->head.status,
			.headers = headers,
			.header_count = count,
			.body = buffer_text(&f->copy),
			.age = age,
		},
		f->keep_ms);
}
