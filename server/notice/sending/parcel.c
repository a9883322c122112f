/*
 * A parcel gets its attachments, waits for its turn in the pace, is composed as its channel says
 * then, goes to the http lane, is judged there, lands on home, and is concluded. What was begun in
 * the pace and the quota ends there once, whichever way the parcel takes.
 */
#include "base/log.h"
#include "base/metric.h"
#include "server/notice/inbox/receipt.h"
#include "server/notice/sending/sending_priv.h"

/* --- metrics ---------------------------------------------------------------------------------- */

enum { SENT, DELIVERED, FAILED, UNKNOWN, AGAIN, THROTTLED, GIVEN_BACK, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[] = {
		"sent", "delivered", "failed", "unknown", "waiting", "throttled", "given_back"};

	return names[index];
}

static struct metric attempts = {
	.name = "junction_notice_attempts_total",
	.help = "Attempts to deliver notices, or to ask what became of them, by what came of them; "
		"waiting: to be tried again; throttled: the same, as the provider asked for it; "
		"given_back: without an attempt.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

static struct metric latency = {
	.name = "junction_notice_attempt_seconds",
	.help = "How long attempts to deliver messages, or to ask about them, took.",
	.kind = METRIC_HISTOGRAM,
};

static size_t outcome_index(const struct notice_outcome *outcome)
{
	if (outcome->state == NOTICE_WAITING)
		return outcome->throttled ? THROTTLED : AGAIN;
	return outcome->state == NOTICE_SENT        ? SENT
	       : outcome->state == NOTICE_DELIVERED ? DELIVERED
	       : outcome->state == NOTICE_FAILED    ? FAILED
						    : UNKNOWN;
}

static void count(const struct parcel *p)
{
	for (size_t i = 0; i < p->message.count; i++)
		metric_add(&attempts, p->untried ? GIVEN_BACK : outcome_index(&p->outcomes[i]), 1);
	if (p->latency_ms >= 0)
		metric_observe(&latency, 0, (int64_t)(p->latency_ms * (double)CLOCK_MS));
}

void parcels_start(void)
{
	metric_register(&attempts);
	metric_register(&latency);
}

/* --- its memory ------------------------------------------------------------------------------- */

struct parcel *parcel_new(struct sender *s, bool ask)
{
	struct arena *a = arena_new(0);
	struct parcel *p = ARENA_NEW(a, struct parcel);

	p->arena = a;
	p->sender = s;
	p->ask = ask;
	p->taken_at = clock_now();
	p->latency_ms = -1;
	TAILQ_INSERT_TAIL(&s->parcels, p, in_sender);
	s->taken++;
	if (!ask)
		quota_begin(&s->quota);
	return p;
}

static void release(struct parcel *p)
{
	enclosing_release(p);
	content_release(&p->content);
	channels_release(&p->channels);
}

void parcel_free(struct parcel *p)
{
	struct arena *a = p->arena;

	release(p);
	TAILQ_REMOVE(&p->sender->parcels, p, in_sender);
	arena_free(&a);
}

/* --- how it ends ------------------------------------------------------------------------------ */

/* Those whose own outcome was not said have that of the first. */
static void complete_outcomes(struct parcel *p)
{
	for (size_t i = 1; i < p->message.count; i++)
		if (p->outcomes[i].state == 0)
			p->outcomes[i] = p->outcomes[0];
}

static void conclude(struct parcel *p)
{
	count(p);
	release(p);
	sender_rouse(p->sender);
	conclude_parcel(p);
}

/* Nothing of it went out. */
static void undo(struct parcel *p)
{
	if (p->in_pace)
		pace_undo(&p->sender->pace);
	else
		p->sender->taken--;
	if (!p->ask)
		quota_undo(&p->sender->quota);
}

void parcel_give_back(struct parcel *p)
{
	undo(p);
	p->untried = true;
	conclude(p);
}

/* Its channel said so without asking the provider. */
static void conclude_unsent(struct parcel *p)
{
	complete_outcomes(p);
	if (p->in_pace && p->outcomes[0].state == NOTICE_WAITING) {
		pace_end(&p->sender->pace, clock_now(), false, p->outcomes[0].pause_ms);
		if (!p->ask)
			quota_undo(&p->sender->quota);
	} else {
		undo(p);
	}
	conclude(p);
}

void parcel_fail(struct parcel *p, struct text code, const char *why)
{
	p->outcomes[0] = (struct notice_outcome){.state = p->ask ? NOTICE_UNKNOWN : NOTICE_FAILED};
	provider_say(p->arena, &p->outcomes[0], code, text_of(why));
	conclude_unsent(p);
}

static void land(struct loop_task *task)
{
	struct parcel *p = (struct parcel *)((char *)task - offsetof(struct parcel, task));
	int64_t now = clock_now(), pause_ms = 0;
	bool lives = false;

	complete_outcomes(p);
	for (size_t i = 0; i < p->message.count; i++) {
		lives |= p->outcomes[i].lives;
		if (p->outcomes[i].pause_ms > pause_ms)
			pause_ms = p->outcomes[i].pause_ms;
	}
	pace_end(&p->sender->pace, now, lives, pause_ms);
	sender_count_end(p->sender, now);
	if (!p->ask)
		quota_end(&p->sender->quota, now);
	conclude(p);
}

/* On the http lane's thread. */
static void answered(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct parcel *p = (struct parcel *)job;
	const struct provider *provider = p->channel->provider;

	if (p->ask)
		provider->judge_answer(
			p->arena, p->channel, &p->message, response, error, p->outcomes);
	else
		provider->judge(p->arena, p->channel, &p->message, response, error, job->reached,
			p->outcomes);
	p->latency_ms = (double)(clock_now() - p->begun) / (double)CLOCK_MS;
	loop_post(sending.home, &p->task);
}

/* --- the request ------------------------------------------------------------------------------ */

static bool render(struct parcel *p)
{
	const struct channel *channel = p->channel;
	const struct provider *provider = channel->provider;
	const struct content_target target = {
		.channel = channel->name,
		.language = p->message.language,
		.user = p->to->user,
		.receipt =
			p->message.count == 1 ? receipt_link(p->arena, p->to->position) : TEXT(""),
		.markdown =
			provider->is_markdown ? provider->is_markdown(channel) : provider->markdown,
	};
	struct status status;

	if (content_render(p->content, p->arena, &target, &p->rendered, &status))
		return true;
	parcel_fail(p, TEXT("not_rendered"), status.message);
	return false;
}

static struct fetch_request *compose(struct parcel *p)
{
	const struct provider *provider = p->channel->provider;

	p->message.content = p->content;
	p->message.rendered = &p->rendered;
	if (p->ask)
		return provider->compose_question(
			p->arena, p->channel, &p->message, clock_unix_ms(), p->outcomes);
	return provider->compose(p->arena, p->channel, &p->message, clock_unix_ms(), p->outcomes);
}

static void submit(struct parcel *p, const struct fetch_request *request)
{
	p->begun = clock_now();
	p->task.run = land;
	p->job = (struct fetch_job){
		.arena = p->arena,
		.request = request,
		.deadline = CLOCK_NEVER,
		.cancelled = &sending.broken_off,
		.done = answered,
	};
	if (fetch_submit(sending.fetch, &p->job))
		return;
	sender_hold(p->sender, AGAIN_MS);
	parcel_give_back(p);
}

/* Its channel as it is now; false if nothing can be sent by it. */
static bool find_channel(struct parcel *p)
{
	p->channels = channels_hold();
	p->channel = channels_by_id(p->channels, p->sender->id);
	if (!p->channel || !p->channel->enabled || p->channel->fault || sending.leaving)
		return false;
	p->repeats = sending_repeats(p->channel);
	return true;
}

static void set_off(struct parcel *p)
{
	const struct fetch_request *request;

	p->in_pace = true;
	p->sender->taken--;
	pace_begin(&p->sender->pace);
	if (clock_now() > p->taken_at + SUBMIT_MS * CLOCK_MS || !find_channel(p)) {
		parcel_give_back(p);
		return;
	}
	if (!p->ask && !render(p))
		return;
	request = compose(p);
	if (request)
		submit(p, request);
	else
		conclude_unsent(p);
}

void parcel_wait_for_pace(struct parcel *p)
{
	TAILQ_INSERT_TAIL(&p->sender->ready, p, in_list);
	sender_rouse(p->sender);
}

/* As many as the pace has room for; none is kept for a provider that is left alone. */
static void set_off_some(struct sender *s)
{
	struct parcel *p;
	int64_t again;

	while ((p = TAILQ_FIRST(&s->ready))) {
		bool room = pace_room(&s->pace, clock_now(), &again) > 0;

		if (!room && s->pace.breaker != PACE_OPEN && !sending.leaving)
			return;
		TAILQ_REMOVE(&s->ready, p, in_list);
		if (room && !sending.leaving)
			set_off(p);
		else
			parcel_give_back(p);
	}
}

void parcels_go_on(struct sender *s)
{
	enclosing_go_on(s);
	set_off_some(s);
}

/* --- its beginning ---------------------------------------------------------------------------- */

static bool carries(const struct parcel *p)
{
	const struct channels *known = channels_hold();
	const struct channel *channel = channels_by_id(known, p->sender->id);
	bool carries = !p->ask && p->content->attachment_count > 0 && channel &&
		       channel->provider && channel->provider->carries_attachments;

	channels_release(&known);
	return carries;
}

void parcel_go(struct parcel *p)
{
	if (!p->content) {
		parcel_fail(p, TEXT("expired"), "the notice is not kept any more");
	} else if (carries(p)) {
		enclosing_wait(p);
	} else {
		parcel_wait_for_pace(p);
	}
}
