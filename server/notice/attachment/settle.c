/*
 * Settling: those of our own are found in one statement; the others are asked for one by one, each
 * stored as it comes. The call's state is kept aside meanwhile.
 */
#include "server/db/array.h"
#include "server/lane/fetch_stream.h"
#include "server/notice/attachment/disposition.h"
#include "server/notice/attachment/store.h"
#include "server/notice/ids.h"
#include "server/registry/call_shape.h"
#include "server/registry/upstream.h"

enum { ID_MAX = 255 };

static const struct statement find_attachments = {
	.name = "notice_find_attachments",
	.sql = "SELECT r_id FROM notice.find_attachments($1, $2::text[])",
	.parameters = 2,
};

struct settling {
	struct attachment_store store; /* first */
	struct text given[ATTACHMENTS_MOST];
	struct text found[ATTACHMENTS_MOST]; /* UUIDs; data NULL: none yet */
	size_t count, next;                  /* next: the first that may have none */
	char *piece;                         /* FETCH_PIECE_SIZE bytes */
	struct text *ids;
	call_step *then;
	void *outer_state;
};

/* --- the file service ------------------------------------------------------------------------- */

static enum next settle_next(struct call *c);

static enum next kept(struct call *c)
{
	struct settling *s = c->state;

	s->found[s->next] = arena_text(c->arena, text_of(s->store.id));
	return settle_next(c);
}

static enum next piece_arrived(struct call *c, const struct fetch_response *response);

static enum next read_on(struct call *c)
{
	return fetch_next(c, piece_arrived);
}

static enum next piece_arrived(struct call *c, const struct fetch_response *response)
{
	struct settling *s = c->state;
	struct text bytes = {s->piece, response->body.size};

	if (bytes.size == 0)
		return store_complete(c, kept);
	/* It is gone before all of it may have been written. */
	memcpy(s->piece, response->body.data, bytes.size);
	return store_put(c, bytes, read_on);
}

static enum next not_there(struct call *c, struct text id)
{
	return fail(c, STATUS_NOT_FOUND, "attachments: \"%.*s\" is not there", TEXT_ARGS(id));
}

static struct text disposition_of(const struct fetch_response *response)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (text_equal_nocase(response->headers[i].name, TEXT("content-disposition")))
			return response->headers[i].value;
	return TEXT("");
}

static enum next answered(struct call *c, const struct fetch_response *response)
{
	struct settling *s = upstream_outer_state(c);
	struct attachment_store *store = &s->store;
	struct text id = s->given[s->next];

	c->state = s;
	if (response->status == 404 || response->status == 410)
		return not_there(c, id);
	if (response->status < 200 || response->status > 299)
		return fail(c, STATUS_UNKNOWN,
			"attachments: %s answered HTTP %d when it was asked for \"%.*s\"",
			notice_settings()->file_action, response->status, TEXT_ARGS(id));
	store_begin(c, store, "attachments");
	store->file_id = id;
	store->name = disposition_file_name(c->arena, disposition_of(response), id);
	store->content_type = text_of(call_content_type(c->arena, response));
	if (!store_content_type_holds(store->content_type))
		store->content_type = TEXT(ATTACHMENT_TYPE);
	return read_on(c);
}

static enum next open_answer(
	struct call *c, const struct fetch_request *request, call_step *unreached)
{
	return fetch_open(c, request, answered, unreached);
}

static enum next ask_file_service(struct call *c, struct settling *s)
{
	struct text action = text_of(notice_settings()->file_action);
	size_t dot = (size_t)(strrchr(action.data, '.') - action.data);
	struct buffer param = {.arena = c->arena};

	if (!s->piece)
		s->piece = arena_alloc(c->arena, FETCH_PIECE_SIZE);
	buffer_add_char(&param, '{');
	json_write_text_member(&param, "id", s->given[s->next]);
	buffer_add_char(&param, '}');
	const struct upstream_input input = {
		.service = text_until(action, dot),
		.action = text_from(action, dot + 1),
		.param = buffer_text(&param),
		.trusted = true,
	};
	return upstream_check_names(c, &input) ? upstream_ask(c, &input, open_answer) : failed(c);
}

/* --- one by one ------------------------------------------------------------------------------- */

/* Two names may be of one attachment. */
static bool is_first(const struct settling *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (text_equal(s->found[i], s->found[at]))
			return false;
	return true;
}

static enum next all_settled(struct call *c, const struct settling *s)
{
	struct buffer array = {.arena = c->arena};

	for (size_t i = 0; i < s->count; i++)
		if (is_first(s, i))
			array_add(&array, s->found[i]);
	*s->ids = array_text(&array);
	c->state = s->outer_state;
	return s->then(c);
}

static enum next settle_next(struct call *c)
{
	struct settling *s = c->state;

	while (s->next < s->count && s->found[s->next].data)
		s->next++;
	if (s->next == s->count)
		return all_settled(c, s);
	return notice_settings()->file_action ? ask_file_service(c, s)
					      : not_there(c, s->given[s->next]);
}

static enum next found(struct call *c, const struct rows *rows)
{
	struct settling *s = c->state;

	for (size_t i = 0; i < s->count; i++)
		if (!rows_null(rows, (int)i, 0))
			s->found[i] = arena_text(c->arena, rows_text(rows, (int)i, 0));
	return settle_next(c);
}

/* --- what is given ---------------------------------------------------------------------------- */

static bool is_given(const struct settling *s, struct text id)
{
	for (size_t i = 0; i < s->count; i++)
		if (text_equal(s->given[i], id))
			return true;
	return false;
}

static bool add_id(struct call *c, struct settling *s, struct text id)
{
	if (id.size == 0 || id.size > ID_MAX || text_has_control(id))
		return status_field(&c->status, c->arena, "attachments",
			"must be ids of 1 to %d bytes without control characters, parted by commas",
			ID_MAX);
	if (is_given(s, id))
		return true;
	if (s->count == ATTACHMENTS_MOST)
		return status_field(&c->status, c->arena, "attachments", "must be at most %d",
			ATTACHMENTS_MOST);
	s->given[s->count++] = id;
	return true;
}

static bool read_given(struct call *c, struct settling *s, struct text given)
{
	size_t at = 0;

	while (at <= given.size) {
		size_t end = text_find(given, ',', at);

		if (!add_id(c, s, text_trim(text_from(text_until(given, end), at))))
			return false;
		at = end + 1;
	}
	return true;
}

enum next attachments_settle(struct call *c, struct text given, struct text *ids, call_step *then)
{
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));
	struct buffer array = {.arena = c->arena};
	struct settling *s;

	*ids = TEXT("{}");
	if (text_trim(given).size == 0)
		return then(c);
	s = ARENA_NEW(c->arena, struct settling);
	s->ids = ids;
	s->then = then;
	s->outer_state = c->state;
	if (!read_given(c, s, given))
		return failed(c);
	for (size_t i = 0; i < s->count; i++)
		array_add(&array, s->given[i]);
	parameters[0] = c->caller.space;
	parameters[1] = array_text(&array);
	c->state = s;
	return query(c, &find_attachments, parameters, found);
}
