/*
 * What a statement has taken becomes parcels, which count in the pace from then on; the contents of
 * their notices are asked for together. One take of a channel is under way at a time, while the
 * contents of those before it may still be awaited.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/notice/sending/sending_priv.h"

enum { MOST_RECIPIENTS = 2000 }; /* in a statement; a message with them all may go beyond */

/* A take, from its statement until its contents are there. */
struct taking {
	struct sql_job job; /* first */
	struct content_job content_job;
	struct loop_task task;
	struct arena *arena;
	struct sender *sender;
	int64_t sent_at;
	size_t count;
	struct parcel **parcels;
	int64_t *positions;
	bool came;                       /* what was asked for the contents has been answered */
	const struct content **contents; /* held; NULL: they could not be read now */
	TAILQ_ENTRY(taking) in_all;
};

static TAILQ_HEAD(, taking) all = TAILQ_HEAD_INITIALIZER(all);

static const struct statement take_statement = {
	.name = "notice_take",
	.sql = "SELECT r_message, r_ask, r_position, r_notice, r_user, r_address, r_language, "
	       "r_attempt, r_message_id, r_due_ms FROM notice.take($1, $2, $3, $4, $5, $6, $7, $8)",
	.parameters = 8,
};

enum { MESSAGE, ASK, POSITION, NOTICE, USER, ADDRESS, LANGUAGE, ATTEMPT, MESSAGE_ID, DUE_MS };

static void end(struct taking *t)
{
	struct arena *a = t->arena;

	TAILQ_REMOVE(&all, t, in_all);
	arena_free(&a);
}

/* --- contents --------------------------------------------------------------------------------- */

static int compare_positions(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const struct content *find_content(const struct taking *t, int64_t position)
{
	const int64_t *found = bsearch(
		&position, t->positions, t->content_job.count, sizeof(position), compare_positions);

	CHECK(found);
	return t->contents[found - t->positions];
}

static void release_contents(struct taking *t)
{
	for (size_t i = 0; t->contents && i < t->content_job.count; i++)
		content_release(&t->contents[i]);
}

static void go_on(struct taking *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct parcel *p = t->parcels[i];
		const struct content *content = t->contents ? find_content(t, p->notice) : NULL;

		if (content)
			p->content = content_share(content);
		if (t->contents)
			parcel_go(p);
		else
			parcel_give_back(p);
	}
	if (!t->contents)
		sender_hold(t->sender, AGAIN_MS);
	release_contents(t);
	end(t);
}

/* On home. Those of a channel go on in the order in which they were taken. */
static void contents_came(struct loop_task *task)
{
	struct taking *came = (struct taking *)((char *)task - offsetof(struct taking, task));
	const struct sender *s = came->sender;
	struct taking *t, *next;

	came->came = true;
	sender_count_take(came->sender, clock_now() - came->sent_at);
	for (t = TAILQ_FIRST(&all); t; t = next) {
		next = TAILQ_NEXT(t, in_all);
		if (t->sender != s)
			continue;
		if (!t->came)
			return;
		go_on(t);
	}
}

/* On a lane thread. */
static void contents_read(
	struct content_job *job, const struct content *const *contents, const struct status *error)
{
	struct taking *t = (struct taking *)((char *)job - offsetof(struct taking, content_job));

	if (error)
		log_event(LOG_DEBUG, "contents of notices not read",
			LOG_TEXT("reason", error->message));
	else
		t->contents = arena_array(t->arena, job->count, sizeof(struct content *));
	for (size_t i = 0; !error && i < job->count; i++)
		t->contents[i] = contents[i] ? content_share(contents[i]) : NULL;
	loop_post(sending.home, &t->task);
}

static void read_contents(struct taking *t)
{
	size_t count = 0;

	t->positions = arena_array(t->arena, t->count, sizeof(*t->positions));
	for (size_t i = 0; i < t->count; i++)
		t->positions[i] = t->parcels[i]->notice;
	qsort(t->positions, t->count, sizeof(*t->positions), compare_positions);
	for (size_t i = 0; i < t->count; i++)
		if (count == 0 || t->positions[count - 1] != t->positions[i])
			t->positions[count++] = t->positions[i];
	t->task.run = contents_came;
	t->content_job = (struct content_job){
		.positions = t->positions,
		.count = count,
		.deadline = clock_now() + STATEMENT_MS * CLOCK_MS,
		.done = contents_read,
	};
	content_get(sending.lanes, &t->content_job);
}

/* --- what was taken --------------------------------------------------------------------------- */

/* The rows of one message, which follow each other. */
static int count_message(const struct rows *rows, int first)
{
	int row = first;

	while (row < rows_count(rows) &&
		rows_int64(rows, row, MESSAGE) == rows_int64(rows, first, MESSAGE))
		row++;
	return row - first;
}

static void read_addressee(struct parcel *p, struct addressee *to, const struct rows *rows, int row)
{
	*to = (struct addressee){
		.position = rows_int64(rows, row, POSITION),
		.user = arena_text(p->arena, rows_text(rows, row, USER)),
		.address = arena_text(p->arena, rows_text(rows, row, ADDRESS)),
		.message_id = arena_text(p->arena, rows_text(rows, row, MESSAGE_ID)),
		.attempt = (int)rows_int64(rows, row, ATTEMPT),
	};
}

static struct parcel *read_parcel(struct sender *s, const struct rows *rows, int first, int count)
{
	struct parcel *p = parcel_new(s, rows_bool(rows, first, ASK));

	p->notice = rows_int64(rows, first, NOTICE);
	p->message.language = arena_text(p->arena, rows_text(rows, first, LANGUAGE));
	p->message.count = (size_t)count;
	p->message.to = p->to = arena_array(p->arena, p->message.count, sizeof(*p->to));
	p->outcomes = arena_array(p->arena, p->message.count, sizeof(*p->outcomes));
	for (int i = 0; i < count; i++)
		read_addressee(p, &p->to[i], rows, first + i);
	return p;
}

/* The last row says what is due next. */
static void read_rows(struct taking *t, const struct rows *rows)
{
	int last = rows_count(rows) - 1, count;

	t->parcels = arena_array(t->arena, (size_t)last + 1, sizeof(struct parcel *));
	for (int row = 0; row < last; row += count) {
		count = count_message(rows, row);
		t->parcels[t->count++] = read_parcel(t->sender, rows, row, count);
	}
	if (!rows_null(rows, last, DUE_MS))
		sender_due(t->sender, clock_now() + rows_int64(rows, last, DUE_MS) * CLOCK_MS);
}

static void taken(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct taking *t = (struct taking *)job;
	struct sender *s = t->sender;

	s->taking = false;
	if (!rows) {
		log_event(LOG_DEBUG, "deliveries not taken", LOG_TEXT("reason", error->message));
		sender_doubt(s, t->sent_at);
	} else if (rows_int64(rows, 0, MESSAGE) < 0) {
		sender_lost_charge(s);
	} else {
		read_rows(t, rows);
	}
	sender_rouse(s);
	if (t->count > 0)
		read_contents(t);
	else
		end(t);
}

/* --- taking ----------------------------------------------------------------------------------- */

static struct text number(struct arena *a, int64_t n)
{
	return text_of(arena_printf(a, "%lld", (long long)n));
}

static struct text boolean(bool b)
{
	return b ? TEXT("true") : TEXT("false");
}

static const struct text *put_parameters(
	struct arena *a, const struct sender *s, const struct channel *channel, int room)
{
	const struct provider *provider = channel->provider;
	struct text *parameters = arena_array(a, 8, sizeof(*parameters));
	int each = provider->most ? provider->most(channel) : 1;
	int most = MOST_RECIPIENTS / each > 0 ? MOST_RECIPIENTS / each : 1;

	parameters[0] = text_of(s->name);
	parameters[1] = text_of(sending.server_name);
	parameters[2] = number(a, s->claim);
	parameters[3] = number(a, room < most ? room : most);
	parameters[4] = number(a, each);
	parameters[5] = number(a, channel->timeout_ms + LEASE_BEYOND_MS);
	parameters[6] = boolean(provider->compose_question);
	parameters[7] = boolean(sending_repeats(channel));
	return parameters;
}

void taking_send(struct sender *s, const struct channel *channel, int room)
{
	static const struct status full = {STATUS_UNAVAILABLE, "the lane is full", NULL};
	struct arena *a = arena_new(0);
	struct taking *t = ARENA_NEW(a, struct taking);

	t->arena = a;
	t->sender = s;
	t->sent_at = clock_now();
	TAILQ_INSERT_TAIL(&all, t, in_all);
	s->taking = true;
	s->due_at = CLOCK_NEVER;
	if (!sending_send(&t->job, &take_statement, put_parameters(a, s, channel, room), taken))
		taken(&t->job, NULL, &full);
}

void taking_stop(void)
{
	struct taking *t;

	while ((t = TAILQ_FIRST(&all))) {
		release_contents(t);
		end(t);
	}
}
