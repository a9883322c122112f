/*
 * Download: asks like FATE Flow's client, and passes the table on while it comes.
 *
 * A piece that has come is decoded on the work pool, step by step if it grows by that. Nothing is
 * sent until the first bytes have told that it is a table; what is held until then goes out with
 * the verdict, behind a first message with the Content-Type.
 */
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/api_reader.pb-c.h"
#include "server/api_reader/decode.h"
#include "server/api_reader/inspect.h"
#include "server/api_reader/request.h"
#include "server/api_reader/transfer_row.h"
#include "server/registry/call_shape.h"
#include "server/registry/third_party.h"
#include "steps.gen.h"

struct download {
	struct transfer_row row; /* first */
	struct third_party party;
	struct fetch_request request;
	struct buffer refusal; /* the body with a status other than 200 */
	const char *content_type;
	struct inspector inspector;
	struct decoder *decoder; /* NULL: nothing is to be undone */
	struct text decoded;     /* what the work pool made */
	bool good;
	bool end;       /* the answer has come to its end */
	size_t sending; /* bytes of the message under way */
};

static enum next read_on(struct call *c);

/* --- out -------------------------------------------------------------------------------------- */

static enum next sent(struct call *c)
{
	struct download *d = c->state;

	d->row.bytes += (int64_t)d->sending;
	return d->end ? stream_end(c) : read_on(c);
}

static enum next send_bytes(struct call *c, struct text bytes)
{
	struct download *d = c->state;
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	d->sending = bytes.size;
	if (bytes.size == 0)
		return sent(c);
	out.data = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
	return STREAM_SEND(c, &out, false, sent);
}

static enum next send_held(struct call *c)
{
	const struct download *d = c->state;

	return send_bytes(c, buffer_text(&d->inspector.held));
}

static enum next pass_on(struct call *c, struct text bytes)
{
	struct download *d = c->state;
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	if (d->inspector.verdict == VERDICT_TABLE)
		return send_bytes(c, bytes);
	switch (inspector_look(&d->inspector, bytes, d->end, &c->status)) {
	case VERDICT_TABLE:
		out.content_type = (char *)d->content_type;
		return STREAM_SEND(c, &out, d->inspector.held.size > 0, send_held);
	case VERDICT_REFUSED:
		return failed(c);
	default:
		return read_on(c);
	}
}

/* --- in --------------------------------------------------------------------------------------- */

/* On the work pool. */
static void decode(struct call *c)
{
	struct download *d = c->state;

	d->good = decoder_read(d->decoder, &d->decoded, &c->status);
}

static enum next arrived(struct call *c, const struct fetch_response *response);

static enum next decoded(struct call *c)
{
	const struct download *d = c->state;

	if (!d->good)
		return failed(c);
	return d->decoded.size > 0 ? pass_on(c, d->decoded) : fetch_next(c, arrived);
}

static enum next arrived(struct call *c, const struct fetch_response *response)
{
	struct download *d = c->state;

	d->end = response->body.size == 0;
	if (d->end && d->decoder && !decoder_end(d->decoder, &c->status))
		return failed(c);
	if (d->end || !d->decoder)
		return pass_on(c, response->body);
	decoder_put(d->decoder, response->body);
	return work(c, decode, decoded);
}

static enum next read_on(struct call *c)
{
	const struct download *d = c->state;

	if (d->decoder && !decoder_hungry(d->decoder))
		return work(c, decode, decoded);
	return fetch_next(c, arrived);
}

/* Of several headers of one name all values count, as if they were one. */
static struct text encoding_of(struct call *c, const struct fetch_response *response)
{
	struct buffer value = {.arena = c->arena};

	for (size_t i = 0; i < response->header_count; i++) {
		const struct fetch_header *h = &response->headers[i];

		if (!text_equal_nocase(h->name, TEXT("content-encoding")))
			continue;
		if (value.size > 0)
			buffer_add_text(&value, TEXT(", "));
		buffer_add_text(&value, text_trim(h->value));
	}
	return buffer_text(&value);
}

/* Of a status other than 200 the body may say why. */
static enum next gather_refusal(struct call *c, const struct fetch_response *response)
{
	struct download *d = c->state;
	struct fetch_response whole = *response;

	buffer_add_text(&d->refusal, response->body);
	if (response->body.size > 0 && d->refusal.size <= INSPECT_MAX)
		return fetch_next(c, gather_refusal);
	whole.body = buffer_text(&d->refusal);
	third_party_answer(c, &d->party, &whole, STATUS_UNKNOWN, false);
	return failed(c);
}

static enum next begin(struct call *c, const struct fetch_response *response)
{
	struct download *d = c->state;
	const char *name = d->party.name;

	d->row.http_status = response->status;
	d->refusal = (struct buffer){.arena = c->arena};
	if (response->status != 200)
		return fetch_next(c, gather_refusal);
	d->content_type = call_content_type(c->arena, response);
	if (!inspector_begin(&d->inspector, c->arena, name, d->content_type, &c->status) ||
		!decoder_new(c->arena, name, encoding_of(c, response), &d->decoder, &c->status))
		return failed(c);
	return fetch_next(c, arrived);
}

/* --- the request ------------------------------------------------------------------------------ */

static enum next ask(struct call *c)
{
	const struct download *d = c->state;

	return fetch_open(c, &d->request, begin, NULL);
}

static void at_end(struct call *c)
{
	transfer_row_end(c, c->state);
}

enum next api_reader_download(struct call *c)
{
	const ApiReader__DownloadRequest *in = call_request(c, ApiReader__DownloadRequest);
	struct download *d = ARENA_NEW(c->arena, struct download);
	struct text body;

	if (!*in->server_name)
		return fail_field(c, "server_name", "is required");
	if (!request_download_body(c->arena, text_of(in->request_body), text_of(in->job_id), &body,
		    &d->row.job_id, &c->status) ||
		!third_party_find(c, c->caller.space, text_of(in->server_name), TEXT("download"),
			&d->party) ||
		!third_party_may(c, &d->party))
		return failed(c);
	third_party_request(c, &d->party, NULL, &d->request);
	d->request.url = request_url(c->arena, d->party.url, body);
	d->request.accept_encoding = "gzip, deflate";
	d->row.direction = TRANSFER_DOWNLOAD;
	d->row.server_name = text_of(in->server_name);
	c->state = d;
	c->at_end = at_end;
	return transfer_row_begin(c, &d->row, ask);
}
