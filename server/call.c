/*
 * How steps end, and the ways into the lanes and the transport.
 *
 * A lane embeds its job in the call, so that the job's done() finds the call by its address. What
 * a call may use of memory is looked at here, between steps: whatever a step does next, it ends
 * in one of these functions.
 */
#include "server/call.h"

#include <stdio.h>

#include "proto/runtime/guard.h"

#define CALL_OF(job, member) ((struct call *)((char *)(job)-offsetof(struct call, lane.member)))

typedef enum next rows_step(struct call *c, const struct rows *rows);
typedef enum next append_step(struct call *c, const struct rows *rows, int row);
typedef enum next fetch_step(struct call *c, const struct fetch_response *response);
typedef enum next put_step(struct call *c, bool wanted);

static struct lanes *sql_lanes;
static struct fetch_lane *http_lane;
static struct stream_lane *streams_lane;

void call_use_lanes(struct lanes *lanes, struct fetch_lane *fetch, struct stream_lane *streams)
{
	sql_lanes = lanes;
	http_lane = fetch;
	streams_lane = streams;
}

struct stream_lane *call_streams(void)
{
	return streams_lane;
}

struct lanes *call_lanes(void)
{
	return sql_lanes;
}

/* --- how a step ends -------------------------------------------------------------------------- */

static enum next end(struct call *c)
{
	fetch_stream_close(&c->answer);
	if (c->at_end)
		c->at_end(c);
	c->transport->finish(c);
	return NEXT_ENDED;
}

enum next failed(struct call *c)
{
	return end(c);
}

/* The status is set: the call has used more than it may. */
static bool overdrawn(struct call *c)
{
	if (!arena_overdrawn(c->arena) && !arena_overdrawn(c->turn))
		return false;
	status_set(&c->status, c->arena, STATUS_RESOURCE_EXHAUSTED,
		"the call needs more memory than one call may use");
	return true;
}

enum next reply(struct call *c, const ProtobufCMessage *message)
{
	c->response = guard_pack(c->arena, message);
	if (overdrawn(c))
		return failed(c);
	c->status.code = STATUS_OK;
	return end(c);
}

enum next fail(struct call *c, enum status_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	c->status = (struct status){code, arena_vprintf(c->arena, format, args), NULL};
	va_end(args);
	return failed(c);
}

enum next fail_field(struct call *c, const char *field, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *rule = arena_vprintf(c->arena, format, args);
	va_end(args);
	status_field(&c->status, c->arena, field, "%s", rule);
	return failed(c);
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* A stream may go on for days, what it waits for here may not. */
int64_t call_lane_deadline(const struct call *c)
{
	int64_t longest = clock_now() + c->lane_limit;
	return c->deadline < longest ? c->deadline : longest;
}

#define FULL "too many %s are waiting"

static enum next full(struct call *c, const char *what)
{
	return fail(c, STATUS_RESOURCE_EXHAUSTED, FULL, what);
}

/* The reason is the lane's: its texts do not live as long as the call. */
static void take_error(struct call *c, const struct status *error)
{
	c->status = (struct status){
		.code = error->code, .message = arena_string(c->arena, text_of(error->message))};
}

static void lane_failed(struct call *c, const struct status *error)
{
	take_error(c, error);
	failed(c);
}

static void sql_done(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct call *c = CALL_OF(job, sql);
	if (rows)
		((rows_step *)c->then)(c, rows);
	else
		lane_failed(c, error);
}

static void set_sql_job(
	struct call *c, const struct statement *s, const struct text *parameters, rows_step *then)
{
	c->then = (void *)then;
	c->lane.sql = (struct sql_job){
		.statement = s,
		.parameters = parameters,
		.deadline = call_lane_deadline(c),
		.cancelled = &c->cancelled,
		.done = sql_done,
	};
}

enum next query(
	struct call *c, const struct statement *s, const struct text *parameters, rows_step *then)
{
	if (overdrawn(c))
		return failed(c);
	set_sql_job(c, s, parameters, then);
	return lane_query(sql_lanes, &c->lane.sql) ? NEXT_LANE : full(c, "reads");
}

enum next change(
	struct call *c, const struct statement *s, const struct text *parameters, rows_step *then)
{
	if (overdrawn(c))
		return failed(c);
	set_sql_job(c, s, parameters, then);
	return lane_change(sql_lanes, &c->lane.sql) ? NEXT_LANE : full(c, "changes");
}

enum next search(
	struct call *c, const struct statement *s, const struct text *parameters, rows_step *then)
{
	if (overdrawn(c))
		return failed(c);
	set_sql_job(c, s, parameters, then);
	return lane_search(sql_lanes, &c->lane.sql) ? NEXT_LANE : full(c, "searches");
}

static void append_done(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct call *c = CALL_OF(job, append);
	if (rows)
		((append_step *)c->then)(c, rows, row);
	else
		lane_failed(c, error);
}

enum next append(struct call *c, const struct append_log *log, struct text key,
	const struct text *columns, append_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->lane.append = (struct append_job){
		.log = log,
		.key = key,
		.columns = columns,
		.deadline = call_lane_deadline(c),
		.cancelled = &c->cancelled,
		.done = append_done,
	};
	return lane_append(sql_lanes, &c->lane.append) ? NEXT_LANE : full(c, "writes");
}

static void fetched(struct call *c, const struct fetch_response *response, bool reached,
	const struct status *error)
{
	if (response) {
		((fetch_step *)c->then)(c, response);
	} else if (reached || !c->unreached) {
		lane_failed(c, error);
	} else {
		take_error(c, error);
		c->unreached(c);
	}
}

static void fetch_done(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	fetched(CALL_OF(job, fetch), response, job->reached, error);
}

enum next fetch(
	struct call *c, const struct fetch_request *request, fetch_step *then, call_step *unreached)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->unreached = unreached;
	c->lane.fetch = (struct fetch_job){
		.arena = c->arena,
		.request = request,
		.deadline = c->deadline,
		.cancelled = &c->cancelled,
		.done = fetch_done,
	};
	return fetch_submit(http_lane, &c->lane.fetch) ? NEXT_LANE : full(c, "requests to others");
}

static void read_done(
	struct fetch_read *read, const struct fetch_response *response, const struct status *error)
{
	struct call *c = CALL_OF(read, read);
	fetched(c, response, fetch_stream_reached(c->answer), error);
}

enum next fetch_next(struct call *c, fetch_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->lane.read = (struct fetch_read){.cancelled = &c->cancelled, .done = read_done};
	fetch_stream_read(c->answer, &c->lane.read);
	return NEXT_LANE;
}

enum next fetch_open(
	struct call *c, const struct fetch_request *request, fetch_step *then, call_step *unreached)
{
	fetch_stream_close(&c->answer);
	c->unreached = unreached;
	c->answer = fetch_stream_open(http_lane, request, c->deadline);
	return c->answer ? fetch_next(c, then) : full(c, "requests to others");
}

bool fetch_begin(struct call *c, const struct fetch_request *request)
{
	fetch_stream_close(&c->answer);
	c->unreached = NULL;
	c->answer = fetch_stream_open(http_lane, request, c->deadline);
	return c->answer || status_set(&c->status, c->arena, STATUS_RESOURCE_EXHAUSTED, FULL,
				    "requests to others");
}

static void put_done(struct fetch_put *put, bool wanted)
{
	struct call *c = CALL_OF(put, put);
	((put_step *)c->then)(c, wanted);
}

enum next fetch_put(struct call *c, struct text bytes, put_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->lane.put =
		(struct fetch_put){.bytes = bytes, .cancelled = &c->cancelled, .done = put_done};
	fetch_stream_put(c->answer, &c->lane.put);
	return NEXT_LANE;
}

static void work_run(struct work_job *job)
{
	struct call *c = CALL_OF(job, work);
	c->work(c);
}

static void work_done(struct work_job *job, const struct status *error)
{
	struct call *c = CALL_OF(job, work);
	if (!error)
		((call_step *)c->then)(c);
	else
		lane_failed(c, error);
}

enum next work(struct call *c, void (*run)(struct call *c), call_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->work = run;
	c->then = (void *)then;
	c->lane.work = (struct work_job){
		.run = work_run,
		.done = work_done,
		.deadline = call_lane_deadline(c),
		.cancelled = &c->cancelled,
	};
	return lane_work(sql_lanes, &c->lane.work) ? NEXT_LANE : full(c, "computations");
}

/* --- streams ---------------------------------------------------------------------------------- */

void call_end_turn(struct call *c)
{
	if (c->method->client_streaming)
		c->request = NULL;
	arena_clear(c->turn);
}

struct arena *stream_take_turn(struct call *c)
{
	struct arena *taken = c->turn;

	c->turn = arena_new(arena_cap(taken));
	return taken;
}

enum next stream_send(struct call *c, const ProtobufCMessage *message, bool more, call_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->transport->send(c, message, more);
	return NEXT_LANE;
}

enum next stream_receive(struct call *c, call_step *then)
{
	if (overdrawn(c))
		return failed(c);
	call_end_turn(c);
	c->then = (void *)then;
	c->transport->receive(c);
	return NEXT_LANE;
}

static void wait_done(struct wait_job *job, const struct status *error)
{
	struct call *c = CALL_OF(job, wait);
	if (error)
		lane_failed(c, error);
	else if (call_still_known(c))
		((call_step *)c->then)(c);
	else
		failed(c);
}

static enum next enter_streams(struct call *c)
{
	stream_lane_wait(streams_lane, &c->lane.wait);
	return NEXT_LANE;
}

enum next stream_wait(
	struct call *c, struct bell *bell, uint64_t seen, int64_t until, call_step *then)
{
	int64_t known_until = c->caller.known_until;

	if (overdrawn(c))
		return failed(c);
	call_end_turn(c);
	c->then = (void *)then;
	c->lane.wait = (struct wait_job){
		.bell = bell,
		.seen = seen,
		.until = known_until && known_until < until ? known_until : until,
		.deadline = c->deadline,
		.cancelled = &c->cancelled,
		.done = wait_done,
	};
	c->transport->begin(c, enter_streams);
	return NEXT_LANE;
}

enum next stream_end(struct call *c)
{
	if (overdrawn(c))
		return failed(c);
	c->status.code = STATUS_OK;
	return end(c);
}

/* --- what is followed ------------------------------------------------------------------------- */

static void follow_done(struct follow_job *job, const struct status *error)
{
	struct call *c = CALL_OF(job, follow);
	if (error)
		lane_failed(c, error);
	else
		((call_step *)c->then)(c);
}

static enum next follow(struct call *c, struct follower *f, int64_t revision, call_step *then)
{
	if (overdrawn(c))
		return failed(c);
	c->then = (void *)then;
	c->lane.follow = (struct follow_job){
		.revision = revision,
		.deadline = c->deadline,
		.cancelled = &c->cancelled,
		.done = follow_done,
	};
	follower_wait(f, &c->lane.follow);
	return NEXT_LANE;
}

enum next follow_visible(struct call *c, struct follower *f, int64_t revision, call_step *then)
{
	return revision <= follower_revision(f) ? then(c) : follow(c, f, revision, then);
}

enum next follow_current(struct call *c, struct follower *f, call_step *then)
{
	return follow(c, f, 0, then);
}

/* --- parking ---------------------------------------------------------------------------------- */

enum next call_parked(struct call *c)
{
	return NEXT_LANE;
}

void call_resume(struct call *c, call_step *then)
{
	then(c);
}

void call_break_off(struct call *c, enum status_code code, const char *message)
{
	c->transport->break_off(c, code, message);
}

bool call_over(const struct call *c)
{
	return atomic_load(&c->cancelled) || clock_now() >= c->deadline;
}
