/*
 * Upload: hands the content on in the form that FATE Flow's client gives it, as the only part of a
 * multipart/form-data body whose size is known from the start.
 *
 * With a size each message goes out as it comes. Without one all of it is spooled first, and then
 * read back in large pieces. Whoever sends less or more than the size said has the request broken
 * off before its last byte, so that the third party never takes a wrong content for a whole one.
 */
#include <errno.h>

#include "junction/v1/api_reader.pb-c.h"
#include "server/api_reader/api_reader.h"
#include "server/api_reader/request.h"
#include "server/api_reader/spool.h"
#include "server/api_reader/transfer_row.h"
#include "server/registry/third_party.h"
#include "steps.gen.h"

enum {
	ROOM_SIZE = 1024 * 1024,
	ENOUGH = 512 * 1024, /* of content to be passed on at once */
	ANSWER_MAX = 1024 * 1024,
};

#define LATE      (100 * CLOCK_MS) /* since content was passed on: what there is, is passed on now */

#define SIZE_MOST (INT64_C(1) << 50)

struct upload {
	struct transfer_row row; /* first */
	struct third_party party;
	struct fetch_request request;
	struct text given;        /* requestBody, as the caller gave it */
	struct text request_body; /* as the third party gets it */
	struct text head, tail;   /* of the multipart body */
	bool sized;
	int64_t size;
	int64_t received;  /* bytes of content from the caller */
	size_t taken;      /* of the content of the message that came last */
	char *room;        /* ROOM_SIZE: what was taken and not passed on, or read from the spool */
	size_t gathered;   /* bytes in it */
	int64_t passed_at; /* on clock_now() */
	struct text putting; /* content under way */
	struct spool spool;
	bool spooled;       /* all of it is in the spool, or was */
	bool good;          /* what the work pool says */
	struct text reason; /* with the answer's status */
	struct buffer answer;
};

/* --- the answer ------------------------------------------------------------------------------- */

/* A text; of who answers with a number, that as it is written. */
static bool read_job(struct call *c, struct upload *u, const struct json *answer)
{
	const struct json *job = json_member(json_member(answer, TEXT("data")), TEXT("jobId"));
	struct text id = job && job->type == JSON_STRING ? job->string : TEXT("");
	int64_t number;

	if (job && job->type == JSON_NUMBER && json_int64(job, &number))
		id = job->raw;
	if (id.size == 0 || id.size > JOB_ID_MAX || memchr(id.data, '\0', id.size))
		return status_set(&c->status, c->arena, STATUS_UNKNOWN,
			"%s answered without a data.jobId of 1 to %d bytes", u->party.name,
			JOB_ID_MAX);
	u->row.job_id = id;
	return true;
}

static enum next answered(struct call *c)
{
	struct upload *u = c->state;
	const struct fetch_response response = {
		.status = u->row.http_status,
		.reason = u->reason,
		.body = buffer_text(&u->answer),
	};
	const struct json *answer =
		third_party_answer(c, &u->party, &response, STATUS_UNKNOWN, false);
	ApiReader__UploadResponse out = API_READER__UPLOAD_RESPONSE__INIT;
	ApiReader__UploadData data = API_READER__UPLOAD_DATA__INIT;

	if (!answer || !read_job(c, u, answer))
		return failed(c);
	data.job_id = arena_string(c->arena, u->row.job_id);
	out.data = &data;
	return REPLY(c, &out);
}

static enum next gather(struct call *c, const struct fetch_response *response)
{
	struct upload *u = c->state;

	if (response->body.size == 0)
		return answered(c);
	if (u->answer.size + response->body.size > ANSWER_MAX)
		return fail(c, STATUS_UNKNOWN, "%s answered with more than %d bytes", u->party.name,
			ANSWER_MAX);
	buffer_add_text(&u->answer, response->body);
	return fetch_next(c, gather);
}

/* Who answers before it has taken the content may close at once, and then its body is lost. */
static enum next answered_early(struct call *c, const struct fetch_response *response)
{
	struct upload *u = c->state;

	if (response->status != 200)
		return answered(c);
	return fail(c, STATUS_UNKNOWN, "%s answered before it had taken all of the content",
		u->party.name);
}

static enum next begin_answer(struct call *c, const struct fetch_response *response)
{
	struct upload *u = c->state;

	u->row.http_status = response->status;
	u->reason = response->reason;
	u->answer = (struct buffer){.arena = c->arena};
	return u->row.bytes < u->size ? answered_early(c, response) : fetch_next(c, gather);
}

static struct text content_of(const struct call *c)
{
	const ApiReader__UploadRequest *in = call_request(c, ApiReader__UploadRequest);

	return (struct text){(const char *)in->content.data, in->content.len};
}

/* --- out to the third party ------------------------------------------------------------------- */

static enum next go_on(struct call *c);

static enum next tail_put(struct call *c, bool wanted)
{
	return fetch_next(c, begin_answer);
}

static enum next content_put(struct call *c, bool wanted)
{
	struct upload *u = c->state;

	if (!wanted)
		return fetch_next(c, begin_answer);
	u->row.bytes += (int64_t)u->putting.size;
	return go_on(c);
}

static enum next put_content(struct call *c, struct text bytes)
{
	struct upload *u = c->state;

	u->putting = bytes;
	return fetch_put(c, bytes, content_put);
}

static enum next put_tail(struct call *c)
{
	const struct upload *u = c->state;

	return fetch_put(c, u->tail, tail_put);
}

static void make_form(struct call *c, struct upload *u, const char **content_type)
{
	char boundary[37];

	uuid_random(boundary);
	*content_type = arena_printf(c->arena, "multipart/form-data; boundary=%s", boundary);
	u->head = text_of(arena_printf(c->arena,
		"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"id\"\r\n"
		"Content-Type: application/octet-stream\r\n\r\n",
		boundary));
	u->tail = text_of(arena_printf(c->arena, "\r\n--%s--\r\n", boundary));
}

static enum next head_put(struct call *c, bool wanted)
{
	return wanted ? go_on(c) : fetch_next(c, begin_answer);
}

static enum next begin_request(struct call *c)
{
	struct upload *u = c->state;
	const char *content_type;

	make_form(c, u, &content_type);
	third_party_request(c, &u->party, content_type, &u->request);
	u->request.url = request_url(c->arena, u->party.url, u->request_body);
	u->request.body_follows = true;
	u->request.body_size = u->head.size + (uint64_t)u->size + u->tail.size;
	return fetch_begin(c, &u->request) ? fetch_put(c, u->head, head_put) : failed(c);
}

/* --- by way of the spool ---------------------------------------------------------------------- */

static enum next spool_failed(struct call *c)
{
	const struct upload *u = c->state;
	int error = u->spool.error;

	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return fail(c, STATUS_RESOURCE_EXHAUSTED,
			"content: there is no more room in the server's --spool-folder");
	return fail(c, STATUS_INTERNAL, "the server's --spool-folder cannot be used: %s",
		strerrordesc_np(error));
}

/* On the work pool. */
static void read_spool(struct call *c)
{
	struct upload *u = c->state;

	u->good = spool_read(&u->spool, u->room, ROOM_SIZE, &u->putting);
}

static enum next spool_was_read(struct call *c)
{
	const struct upload *u = c->state;

	return u->good ? put_content(c, u->putting) : spool_failed(c);
}

static enum next put_spool(struct call *c)
{
	const struct upload *u = c->state;

	return u->row.bytes == u->size ? put_tail(c) : work(c, read_spool, spool_was_read);
}

static enum next send_spool(struct call *c)
{
	struct upload *u = c->state;

	u->spooled = true;
	u->size = u->received;
	return begin_request(c);
}

/* On the work pool. */
static void write_spool(struct call *c)
{
	struct upload *u = c->state;

	u->good = spool_write(&u->spool, u->putting);
}

static enum next spool_written(struct call *c)
{
	const struct upload *u = c->state;

	return u->good ? go_on(c) : spool_failed(c);
}

/* --- in from the caller ----------------------------------------------------------------------- */

static enum next received(struct call *c);

static enum next pass_on(struct call *c, struct text bytes)
{
	struct upload *u = c->state;

	u->gathered = 0;
	u->passed_at = clock_now();
	u->putting = bytes;
	return u->sized ? put_content(c, bytes) : work(c, write_spool, spool_written);
}

static enum next pass_gathered(struct call *c)
{
	const struct upload *u = c->state;

	return pass_on(c, (struct text){u->room, u->gathered});
}

/* Small messages are passed on together, since each piece that is passed on takes two threads; but
 * those of a slow caller one by one. */
static enum next gather_message(struct call *c)
{
	struct upload *u = c->state;
	struct text rest = text_from(content_of(c), u->taken);
	size_t fits = ROOM_SIZE - u->gathered;

	if (u->gathered == 0 && rest.size >= ENOUGH) {
		u->taken += rest.size;
		return pass_on(c, rest);
	}
	rest = text_until(rest, rest.size < fits ? rest.size : fits);
	if (rest.size > 0)
		memcpy(u->room + u->gathered, rest.data, rest.size);
	u->taken += rest.size;
	u->gathered += rest.size;
	if (u->gathered >= ENOUGH || (u->gathered > 0 && clock_now() - u->passed_at > LATE))
		return pass_gathered(c);
	return stream_receive(c, received);
}

static enum next end_of_content(struct call *c)
{
	const struct upload *u = c->state;

	if (u->sized && u->received < u->size)
		return fail_field(c, "size", "is %lld, but only %lld bytes came",
			(long long)u->size, (long long)u->received);
	if (u->gathered > 0)
		return pass_gathered(c);
	return u->sized ? put_tail(c) : send_spool(c);
}

static enum next go_on(struct call *c)
{
	const struct upload *u = c->state;

	if (u->spooled)
		return put_spool(c);
	return c->request ? gather_message(c) : end_of_content(c);
}

static bool count_message(struct call *c, struct upload *u)
{
	int64_t limit = u->sized ? u->size : api_reader_settings()->spool_limit;
	size_t size = content_of(c).size;

	u->taken = 0;
	if ((int64_t)size <= limit - u->received) {
		u->received += (int64_t)size;
		return true;
	}
	if (u->sized)
		return status_field(&c->status, c->arena, "size", "is %lld, but more bytes came",
			(long long)limit);
	return status_set(&c->status, c->arena, STATUS_RESOURCE_EXHAUSTED,
		"content: is beyond %lld bytes, the most that the server keeps of a content "
		"without size (--spool-limit)",
		(long long)limit);
}

static bool same_or_absent(const char *given, struct text first)
{
	return !*given || text_equal(text_of(given), first);
}

/* What the first message has said may be said again, and not otherwise. */
static bool check_message(struct call *c, const struct upload *u)
{
	const ApiReader__UploadRequest *in = call_request(c, ApiReader__UploadRequest);
	const char *wrong = NULL;

	if (!same_or_absent(in->server_name, u->row.server_name))
		wrong = "server_name";
	else if (!same_or_absent(in->request_body, u->given))
		wrong = "requestBody";
	else if (in->_size_case && (!u->sized || in->size != u->size))
		wrong = "size";
	return !wrong ||
	       status_field(&c->status, c->arena, wrong, "must be as in the first message");
}

static enum next received(struct call *c)
{
	struct upload *u = c->state;

	if (c->request && (!check_message(c, u) || !count_message(c, u)))
		return failed(c);
	return go_on(c);
}

/* --- the first message ------------------------------------------------------------------------ */

static bool read_first(struct call *c, struct upload *u)
{
	const ApiReader__UploadRequest *in = call_request(c, ApiReader__UploadRequest);

	if (!in || !*in->server_name)
		return status_field(
			&c->status, c->arena, "server_name", "is required in the first message");
	if (in->_size_case && (in->size < 0 || in->size > SIZE_MOST))
		return status_field(
			&c->status, c->arena, "size", "must be 0 to %lld", (long long)SIZE_MOST);
	/* The message itself is gone with the next one. */
	u->row.server_name = arena_text(c->arena, text_of(in->server_name));
	u->given = arena_text(c->arena, text_of(in->request_body));
	u->sized = in->_size_case != 0;
	u->size = u->sized ? in->size : 0;
	return request_upload_body(c->arena, u->given, &u->request_body, &c->status) &&
	       third_party_find(
		       c, c->caller.space, u->row.server_name, TEXT("upload"), &u->party) &&
	       third_party_may(c, &u->party);
}

/* The first message may have content. */
static enum next started(struct call *c)
{
	struct upload *u = c->state;

	u->room = arena_alloc(c->arena, ROOM_SIZE);
	if (!count_message(c, u))
		return failed(c);
	return u->sized ? begin_request(c) : go_on(c);
}

static void at_end(struct call *c)
{
	struct upload *u = c->state;

	spool_close(&u->spool);
	transfer_row_end(c, &u->row);
}

static enum next first(struct call *c)
{
	struct upload *u = ARENA_NEW(c->arena, struct upload);

	u->spool = (struct spool){.folder = api_reader_settings()->spool_folder, .fd = -1};
	u->row.direction = TRANSFER_UPLOAD;
	if (!read_first(c, u))
		return failed(c);
	c->state = u;
	c->at_end = at_end;
	return transfer_row_begin(c, &u->row, started);
}

enum next api_reader_upload(struct call *c)
{
	return stream_receive(c, first);
}
