/* One question at a time of each schema, to its nodes in turn: first soon, then more and more
 * rarely. A question has an arena of its own, and outlives a schema that is let go meanwhile. */
#include "server/gateway/config/schema.h"

#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/gateway/graphql/graphql.h"
#include "server/lane/work.h"

enum {
	FIRST_PAUSE_MS = 1000,
	LAST_PAUSE_MS = 30000,
	TIMEOUT_MS = 10000,
	ANSWER_LIMIT = 8 * 1024 * 1024,
};

struct question {
	struct fetch_job job; /* first */
	struct fetch_request request;
	struct arena *arena;
	const struct schema_lanes *lanes;
	struct schema *schema; /* NULL: nobody wants to know any more; home's */
	struct text path;
	struct text answer;
	int refused;       /* the status that it came with; 0: a good one */
	const char *wrong; /* why there is none */
	struct loop_task landing;
	struct work_job reading;
	struct text actions;
};

struct schema {
	const struct schema_lanes *lanes;
	struct arena *arena; /* of the texts */
	struct text service, path;
	const char **urls;
	size_t url_count, tried;
	int64_t due, pause_ms;
	struct question *question; /* under way, or its actions are to be published */
	bool learned;
	char *said; /* what was last logged to be wrong */
};

static atomic_bool ending;
static atomic_int asked; /* questions in the http lane */

/* --- the answer ------------------------------------------------------------------------------ */

static void question_free(struct question *q)
{
	struct arena *a = q->arena;

	arena_free(&a);
}

static void write_action(struct buffer *b, const struct question *q, const struct graphql_action *x)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	json_write_text_member(b, "name", x->name);
	json_write_text_member(b, "method", TEXT("POST"));
	json_write_text_member(b, "uri", q->path);
	json_write_name(b, TEXT("params"));
	buffer_add_text(b, x->params);
	json_write_name(b, TEXT("data"));
	buffer_add_text(b, x->data);
	buffer_add_char(b, '}');
}

/* On a thread of the pool. */
static void read_answer(struct work_job *job)
{
	struct question *q = (struct question *)((char *)job - offsetof(struct question, reading));
	const struct graphql_action *actions;
	struct status status = {.message = ""};
	struct buffer b = {.arena = q->arena};
	size_t count;

	if (!graphql_read(q->arena, q->answer, &actions, &count, &status)) {
		q->wrong = q->refused ? arena_printf(q->arena, "status %d: %s", q->refused,
						status.message)
				      : status.message;
		return;
	}
	buffer_add_char(&b, '[');
	for (size_t i = 0; i < count; i++)
		write_action(&b, q, &actions[i]);
	buffer_add_char(&b, ']');
	q->actions = buffer_text(&b);
}

static void ask_again(struct schema *s, const char *wrong)
{
	s->question = NULL;
	s->due = clock_now() + s->pause_ms * CLOCK_MS;
	s->pause_ms = s->pause_ms * 2 < LAST_PAUSE_MS ? s->pause_ms * 2 : LAST_PAUSE_MS;
	if (s->said && strcmp(s->said, wrong) == 0)
		return;
	free(s->said);
	s->said = check_strdup(wrong);
	log_event(LOG_WARN, "GraphQL schema not read", LOG_SLICE("service", s->service),
		LOG_CUT("reason", text_of(wrong)));
}

/* On the home thread. */
static void conclude(struct question *q, const char *wrong)
{
	struct schema *s = q->schema;

	if (s && !wrong) {
		s->learned = true;
		return;
	}
	if (s)
		ask_again(s, wrong);
	question_free(q);
}

static void answer_read(struct work_job *job, const struct status *error)
{
	struct question *q = (struct question *)((char *)job - offsetof(struct question, reading));

	conclude(q, error ? error->message : q->wrong);
}

static void land(struct loop_task *task)
{
	struct question *q = (struct question *)((char *)task - offsetof(struct question, landing));

	q->reading =
		(struct work_job){.run = read_answer, .done = answer_read, .deadline = CLOCK_NEVER};
	if (!q->schema || q->wrong)
		conclude(q, q->wrong);
	else if (!lane_work(q->lanes->lanes, &q->reading))
		conclude(q, "too much is being computed");
}

/* On the http lane's thread. */
static void ended(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct question *q = (struct question *)job;

	if (!response)
		q->wrong = arena_string(q->arena, text_of(error->message));
	else
		q->answer = response->body;
	if (response && (response->status < 200 || response->status > 299))
		q->refused = response->status;
	loop_post(q->lanes->home, &q->landing);
	atomic_fetch_sub(&asked, 1);
}

/* --- the question ---------------------------------------------------------------------------- */

static struct question *question_new(struct schema *s)
{
	static const struct fetch_header headers[] = {
		{TEXT("Content-Type"), TEXT("application/json")},
		{TEXT("Accept"), TEXT("application/json")}};
	struct arena *a = arena_new(0);
	struct question *q = ARENA_NEW(a, struct question);

	q->arena = a;
	q->lanes = s->lanes;
	q->schema = s;
	q->path = arena_text(a, s->path);
	q->landing.run = land;
	q->request = (struct fetch_request){
		.method = "POST",
		.url = arena_string(a, text_of(s->urls[s->tried++ % s->url_count])),
		.headers = headers,
		.header_count = 2,
		.body = text_of(graphql_introspection),
		.connect_timeout_ms = TIMEOUT_MS,
		.total_timeout_ms = TIMEOUT_MS,
		.response_limit = ANSWER_LIMIT,
		.own_host = true,
	};
	q->job = (struct fetch_job){.arena = a,
		.request = &q->request,
		.deadline = CLOCK_NEVER,
		.cancelled = &ending,
		.done = ended};
	return q;
}

void schema_look(struct schema *s)
{
	if (s->question || clock_now() < s->due)
		return;
	atomic_fetch_add(&asked, 1);
	s->question = question_new(s);
	if (!atomic_load(&ending) && fetch_submit(s->lanes->fetch, &s->question->job))
		return;
	atomic_fetch_sub(&asked, 1);
	conclude(s->question, "too many requests are waiting");
}

/* --- life ------------------------------------------------------------------------------------ */

struct schema *schema_new(const struct schema_lanes *lanes, const struct found *found)
{
	struct arena *a = arena_new(0);
	struct schema *s = ARENA_NEW(a, struct schema);

	*s = (struct schema){
		.lanes = lanes,
		.arena = a,
		.service = arena_text(a, found->service),
		.path = arena_text(a, found->schema_path),
		.urls = arena_array(a, found->schema_url_count, sizeof(*s->urls)),
		.url_count = found->schema_url_count,
		.due = clock_now(),
		.pause_ms = FIRST_PAUSE_MS,
	};
	for (size_t i = 0; i < s->url_count; i++)
		s->urls[i] = arena_string(a, text_of(found->schema_urls[i]));
	return s;
}

void schema_free(struct schema **schema)
{
	struct schema *s = *schema;
	struct arena *a = s ? s->arena : NULL;

	*schema = NULL;
	if (!s)
		return;
	if (s->question && s->learned)
		question_free(s->question);
	else if (s->question)
		s->question->schema = NULL;
	free(s->said);
	arena_free(&a);
}

struct text schema_service(const struct schema *s)
{
	return s->service;
}

struct text schema_actions(const struct schema *s)
{
	return s->learned && s->question ? s->question->actions : (struct text){0};
}

void schema_published(struct schema *s)
{
	question_free(s->question);
	/* It is known now, and not asked for any more. */
	s->question = NULL;
	s->due = CLOCK_NEVER;
}

void schema_leave(void)
{
	const struct timespec pause = {0, 5 * 1000 * 1000};
	int64_t until = clock_now() + CLOCK_SECOND;

	atomic_store(&ending, true);
	while (atomic_load(&asked) > 0 && clock_now() < until)
		nanosleep(&pause, NULL);
}
