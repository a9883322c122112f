/*
 * Forward, limits: those by address before it is looked at who calls, the others after. A store
 * that cannot tell lets through. Of several that want to be told the tightest one is.
 */
#include "bridge/gateway/forward_parts.h"

static struct text client(struct forward *f)
{
	const struct forward_request *r = &f->request;
	if (!f->client.size)
		f->client = head_client(r->arena, f->place->gateway, r->peer, r->sent);
	return f->client;
}

/* Who is counted; data NULL: nobody. */
static struct text counted(struct forward *f, Registry__LimitKey key)
{
	struct text caller = text_of(f->route->said->caller);
	switch (key) {
	case REGISTRY__LIMIT_KEY__LIMIT_KEY_ALL:
		return TEXT("all");
	case REGISTRY__LIMIT_KEY__LIMIT_KEY_APPLICATION:
		return text_starts(caller, TEXT("application:")) ? caller : (struct text){0};
	case REGISTRY__LIMIT_KEY__LIMIT_KEY_CALLER:
		if (caller.size)
			return caller;
		break;
	default:
		break;
	}
	return text_of(arena_printf(f->request.arena, "address:%.*s", TEXT_ARGS(client(f))));
}

static void tell(
	struct forward *f, const Registry__RouteLimit *limit, const struct limit_verdict *verdict)
{
	bool tighter = !f->told || !verdict->allowed || verdict->remaining < f->verdict.remaining;
	if (!tighter)
		return;
	f->told = limit;
	f->verdict = *verdict;
}

static void refuse(struct forward *f)
{
	struct arena *a = f->request.arena;
	const char *after = limit_retry_after(a, &f->verdict);
	forward_refuse(f, 429, STATUS_RESOURCE_EXHAUSTED,
		arena_printf(a, "Rate limit exceeded: at most %lld requests in %lld ms",
			(long long)f->told->limit, (long long)f->told->window_ms));
	f->request.reply->retry_after = after;
}

static void verdict_came(
	struct limit_question *q, const struct limit_verdict *verdict, const char *error)
{
	struct forward *f = (struct forward *)((char *)q - offsetof(struct forward, question));
	const Registry__RouteLimit *limit = forward_rule(f)->limits[f->limit];
	bool asynchronous = f->waiting;
	f->waiting = false;
	f->limit++;
	if (!error)
		tell(f, limit, verdict);
	if (!error && !verdict->allowed)
		refuse(f);
	else
		f->step--; /* there may be more of them */
	if (asynchronous)
		forward_go(f);
}

static void ask(struct forward *f, const Registry__RouteLimit *limit, struct text who)
{
	const Registry__RouteResponse *said = f->route->said;
	size_t before = f->limit;
	f->question = (struct limit_question){
		.key = text_of(arena_printf(f->request.arena, "%.*s/%s/%s/%zu/%.*s",
			TEXT_ARGS(f->ask.question.space), said->service,
			*limit->name ? limit->name : said->rule->id, f->limit, TEXT_ARGS(who))),
		.rate = {limit->limit, limit->window_ms},
		.now = clock_now(),
		.done = verdict_came,
	};
	limit_ask(f->place->limits, &f->question);
	f->waiting = f->limit == before;
}

static void next_limit(struct forward *f, bool by_address)
{
	const Registry__RouteRule *rule = forward_rule(f);
	for (; f->limit < rule->n_limits; f->limit++) {
		const Registry__RouteLimit *limit = rule->limits[f->limit];
		bool address = limit->key == REGISTRY__LIMIT_KEY__LIMIT_KEY_ADDRESS;
		struct text who = address == by_address ? counted(f, limit->key) : (struct text){0};
		if (!who.data)
			continue;
		ask(f, limit, who);
		return;
	}
	f->limit = 0;
}

void forward_limit_address(struct forward *f)
{
	next_limit(f, true);
}

void forward_limit_caller(struct forward *f)
{
	next_limit(f, false);
}

size_t forward_limit_headers(const struct forward *f, struct reply_header *out)
{
	struct limit_header headers[LIMIT_HEADERS];
	size_t count = 0;
	if (f->told && f->told->headers)
		count = limit_headers(f->request.arena, forward_rule(f)->id,
			&(struct limit_rate){f->told->limit, f->told->window_ms}, &f->verdict,
			clock_unix_ms(), headers);
	for (size_t i = 0; i < count; i++)
		out[i] = (struct reply_header){headers[i].name, headers[i].value};
	out[count] = (struct reply_header){0};
	return count;
}
