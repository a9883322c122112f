/* ReadInbox, DeleteFromInbox. What is told by its ids changes in one statement; all of an inbox in
 * steps of some thousands, each durable on its own: one that broke off goes on when it is
 * repeated. */
#include "server/db/array.h"
#include "server/notice/ids.h"
#include "server/notice/inbox/inbox_priv.h"
#include "server/notice/inbox/receipt.h"
#include "steps.gen.h"

enum { IDS_MOST = 1000 };
#define STEP "2000"

bool inbox_user(struct call *c, const char *given, struct text *user)
{
	*user = *given ? text_of(given) : c->caller.user;
	if (user->size == 0)
		return status_field(&c->status, c->arena, "user",
			"is required, since the caller is no user that is known");
	return text_equal(*user, c->caller.user) ||
	       call_may(c, TEXT("notice"), text_of(c->method->name), TEXT("ADMIN"));
}

/* --- what both do ----------------------------------------------------------------------------- */

enum { SPACE, USER, POSITIONS, AFTER, UP_TO, PARAMETERS };

struct changing {
	struct text parameters[PARAMETERS];
	int64_t changed;
};

/* Positions as an array; NULL if it is all. */
static bool read_ids(struct call *c, char *const *ids, size_t count, bool all, const char *all_name,
	struct text *positions)
{
	struct buffer array = {.arena = c->arena};
	struct text id;

	if (all && count > 0)
		return status_field(&c->status, c->arena, all_name, "does not go with deliveryIds");
	if (!all && (count < 1 || count > IDS_MOST))
		return status_field(&c->status, c->arena, "deliveryIds",
			"must be 1 to %d, unless there is %s", IDS_MOST, all_name);
	for (size_t i = 0; i < count; i++) {
		const char *field = arena_printf(c->arena, "deliveryIds[%zu]", i);

		if (!ids_read_position(c, field, ids[i], &id))
			return false;
		array_add(&array, id);
	}
	if (!all)
		*positions = array_text(&array);
	return true;
}

static struct changing *begin(struct call *c, const char *user, char *const *ids, size_t count,
	bool all, const char *all_name)
{
	struct changing *s = ARENA_NEW(c->arena, struct changing);

	s->parameters[SPACE] = c->caller.space;
	s->parameters[AFTER] = TEXT("0");
	c->state = s;
	return read_ids(c, ids, count, all, all_name, &s->parameters[POSITIONS]) &&
			       inbox_user(c, user, &s->parameters[USER])
		       ? s
		       : NULL;
}

static void note_changed(struct call *c, int64_t count)
{
	struct changing *s = c->state;

	s->changed += count;
	if (count > 0)
		inbox_changed(c->caller.space, &s->parameters[USER], 1);
}

/* --- ReadInbox -------------------------------------------------------------------------------- */

enum { READ, RECEIPTS, READ_LAST, READ_UP_TO, READ_UNREAD };

static const struct statement read_inbox = {
	.name = "notice_read_inbox",
	.sql = "SELECT r_read, r_receipts, r_last, r_up_to, r_unread FROM notice.read_inbox($1, "
	       "$2, "
	       "$3::bigint[], $4::bigint, $5::bigint, " STEP ")",
	.parameters = 5,
};

static enum next read_some(struct call *c, const struct rows *rows)
{
	Notice__ReadInboxResponse out = NOTICE__READ_INBOX_RESPONSE__INIT;
	struct changing *s = c->state;

	note_changed(c, rows_int64(rows, 0, READ));
	if (rows_int64(rows, 0, RECEIPTS) > 0)
		receipt_wake();
	if (!rows_null(rows, 0, READ_LAST)) {
		s->parameters[AFTER] = arena_text(c->arena, rows_text(rows, 0, READ_LAST));
		s->parameters[UP_TO] = arena_text(c->arena, rows_text(rows, 0, READ_UP_TO));
		return change(c, &read_inbox, s->parameters, read_some);
	}
	out.read = s->changed;
	out.unread = rows_int64(rows, 0, READ_UNREAD);
	return REPLY(c, &out);
}

enum next notice_read_inbox(struct call *c)
{
	const Notice__ReadInboxRequest *in = call_request(c, Notice__ReadInboxRequest);
	struct changing *s =
		begin(c, in->user, in->delivery_ids, in->n_delivery_ids, in->all, "all");

	return s ? change(c, &read_inbox, s->parameters, read_some) : failed(c);
}

/* --- DeleteFromInbox -------------------------------------------------------------------------- */

enum { DELETED, DELETED_LAST, DELETED_UNREAD };

static const struct statement delete_from_inbox = {
	.name = "notice_delete_from_inbox",
	.sql = "SELECT r_deleted, r_last, r_unread FROM notice.delete_from_inbox($1, $2, "
	       "$3::bigint[], $4::bigint, " STEP ")",
	.parameters = 4,
};

static enum next deleted_some(struct call *c, const struct rows *rows)
{
	Notice__DeleteFromInboxResponse out = NOTICE__DELETE_FROM_INBOX_RESPONSE__INIT;
	struct changing *s = c->state;

	note_changed(c, rows_int64(rows, 0, DELETED));
	if (!rows_null(rows, 0, DELETED_LAST)) {
		s->parameters[AFTER] = arena_text(c->arena, rows_text(rows, 0, DELETED_LAST));
		return change(c, &delete_from_inbox, s->parameters, deleted_some);
	}
	out.deleted = s->changed;
	out.unread = rows_int64(rows, 0, DELETED_UNREAD);
	return REPLY(c, &out);
}

enum next notice_delete_from_inbox(struct call *c)
{
	const Notice__DeleteFromInboxRequest *in = call_request(c, Notice__DeleteFromInboxRequest);
	struct changing *s =
		begin(c, in->user, in->delivery_ids, in->n_delivery_ids, in->all_read, "allRead");

	return s ? change(c, &delete_from_inbox, s->parameters, deleted_some) : failed(c);
}
