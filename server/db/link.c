/*
 * What has been sent stands in a ring, in order; answers come in that order. For each statement
 * libpq gives a result and then NULL, for each Sync one PGRES_PIPELINE_SYNC. In pipeline mode a
 * statement's rows may arrive before its commit, which happens at the Sync and may still fail: the
 * results of items that write are held until then.
 *
 * A prepared statement is not transactional: it stays although its group was rolled back. 26000
 * (there is none of that name) and 0A000 (its result type has changed) come before execution.
 *
 * libpq closes the socket itself when it sees the end of the stream, so uv_poll is closed in the
 * same turn. It also forgets what it was asked: what is still in its buffer then is parsed wrongly
 * (a row's description becomes an empty success), so nothing is taken from it any more.
 * A failure found while sending is told from a timer, so that senders need not expect done() to run
 * under them.
 */
#include "server/db/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/check.h"
#include "server/db/error.h"
#include "server/db/prepared.h"
#include "server/db/rows.h"

enum entry_kind { ENTRY_ITEM, ENTRY_PREPARE, ENTRY_DEALLOCATE, ENTRY_SYNC };

struct entry {
	enum entry_kind kind;
	bool answered; /* its result has come, its NULL has not */
	unsigned serial;
	struct prepared *prepared; /* NULL: of a statement without a name */
	struct link_item *item;
};

struct link {
	PGconn *conn;
	struct link_owner owner;
	uv_poll_t poll;
	uv_timer_t failure;
	int open_handles;
	bool writing; /* the socket was full */
	bool broken;  /* the owner is to be told */
	bool hung_up;
	bool gone;
	char reason[160];

	struct entry *ring;
	size_t head, count, room; /* room is a power of two */
	size_t unsynced;          /* entries at the end without a Sync */
	int nulls;                /* in a row */

	/* Of the group that is being answered. */
	struct link_item *held, **held_end;
	bool failed;
	PGresult *prepare_error; /* for the item that follows */
	PGresult *commit_error;

	struct prepared_set prepared;
	char *scratch;
	size_t scratch_room;
	const char **values;
	int values_room;
};

/* --- the ring ------------------------------------------------------------------------------- */

static struct entry *ring_at(struct link *l, size_t i)
{
	return &l->ring[(l->head + i) & (l->room - 1)];
}

static void ring_grow(struct link *l)
{
	size_t room = l->room ? l->room * 2 : 64;
	struct entry *ring = check_calloc(room, sizeof(*ring));
	for (size_t i = 0; i < l->count; i++)
		ring[i] = *ring_at(l, i);
	free(l->ring);
	l->ring = ring;
	l->head = 0;
	l->room = room;
}

static void ring_push(struct link *l, struct entry entry)
{
	if (l->count == l->room)
		ring_grow(l);
	*ring_at(l, l->count++) = entry;
	l->unsynced = entry.kind == ENTRY_SYNC ? 0 : l->unsynced + 1;
}

static void ring_pop(struct link *l)
{
	l->head = (l->head + 1) & (l->room - 1);
	l->count--;
	l->nulls = 0;
}

/* --- sending -------------------------------------------------------------------------------- */

static void break_off(struct link *l);

static bool drain(struct link *l);

static void on_failure(uv_timer_t *timer)
{
	struct link *l = timer->data;
	if (PQconsumeInput(l->conn))
		drain(l);
	break_off(l);
}

static void mark_broken(struct link *l)
{
	l->broken = true;
	CHECK(uv_timer_start(&l->failure, on_failure, 0, 0) == 0);
}

/* libpq wants texts that end in NUL. */
static void copy_parameters(struct link *l, const struct text *parameters, int count)
{
	size_t size = 0;
	for (int i = 0; i < count; i++)
		size += parameters[i].data ? parameters[i].size + 1 : 0;
	if (size > l->scratch_room) {
		l->scratch_room = size * 2;
		l->scratch = check_realloc(l->scratch, l->scratch_room);
	}
	if (count > l->values_room) {
		l->values_room = count * 2;
		l->values = check_realloc(l->values, (size_t)l->values_room * sizeof(*l->values));
	}
	char *end = l->scratch;
	for (int i = 0; i < count; i++) {
		l->values[i] = parameters[i].data ? end : NULL;
		if (!parameters[i].data)
			continue;
		memcpy(end, parameters[i].data, parameters[i].size);
		end += parameters[i].size;
		*end++ = '\0';
	}
}

static bool send_deallocate(struct link *l, struct prepared *p)
{
	char sql[96];
	snprintf(sql, sizeof(sql), "DEALLOCATE \"%s\"", p->statement->name);
	ring_push(l, (struct entry){.kind = ENTRY_DEALLOCATE, .prepared = p, .serial = p->serial});
	return PQsendQueryParams(l->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

static bool send_prepare(struct link *l, struct prepared *p)
{
	bool sent = p->state != PREPARED_STALE || send_deallocate(l, p);
	p->state = PREPARED_SENT;
	p->serial++;
	ring_push(l, (struct entry){.kind = ENTRY_PREPARE, .prepared = p, .serial = p->serial});
	return sent && PQsendPrepare(l->conn, p->statement->name, p->statement->sql, 0, NULL);
}

static bool send_prepared(struct link *l, struct link_item *item)
{
	const struct statement *s = item->statement;
	struct prepared *p = prepared_find(&l->prepared, s);
	bool sent = p->state == PREPARED_SENT || send_prepare(l, p);
	ring_push(l, (struct entry){
			     .kind = ENTRY_ITEM, .prepared = p, .serial = p->serial, .item = item});
	return sent &&
	       PQsendQueryPrepared(l->conn, s->name, s->parameters, l->values, NULL, NULL, 0);
}

static bool send_unnamed(struct link *l, struct link_item *item)
{
	const struct statement *s = item->statement;
	ring_push(l, (struct entry){.kind = ENTRY_ITEM, .item = item});
	return PQsendQueryParams(l->conn, s->sql, s->parameters, NULL, l->values, NULL, NULL, 0);
}

void link_send(struct link *l, struct link_item *item, const struct text *parameters)
{
	const struct statement *s = item->statement;
	CHECK(!l->hung_up && !l->gone);
	if (l->broken) {
		ring_push(l, (struct entry){.kind = ENTRY_ITEM, .item = item});
		return;
	}
	copy_parameters(l, parameters, s->parameters);
	if (!(s->name ? send_prepared(l, item) : send_unnamed(l, item)))
		mark_broken(l);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void flush(struct link *l)
{
	int left = PQflush(l->conn);
	if (left < 0)
		mark_broken(l);
	else if (l->writing != (left == 1)) {
		l->writing = left == 1;
		CHECK(uv_poll_start(&l->poll, UV_READABLE | (l->writing ? UV_WRITABLE : 0),
			      on_poll) == 0);
	}
}

void link_sync(struct link *l)
{
	if (l->broken)
		return;
	ring_push(l, (struct entry){.kind = ENTRY_SYNC});
	if (PQpipelineSync(l->conn))
		flush(l);
	else
		mark_broken(l);
}

void link_hang_up(struct link *l)
{
	l->hung_up = true;
	shutdown(PQsocket(l->conn), SHUT_WR);
}

/* --- answers -------------------------------------------------------------------------------- */

/* Gives the item its result; takes r over. */
static void deliver(struct link_item *item, PGresult *r)
{
	struct link_result result = item->result;
	struct rows rows = {r};
	if (result.outcome == LINK_ROWS)
		result.rows = &rows;
	else
		result.error = r;
	item->done(item, &result);
	PQclear(r);
}

static void hold(struct link *l, struct link_item *item, PGresult *r)
{
	item->held = r;
	item->next = NULL;
	*l->held_end = item;
	l->held_end = &item->next;
}

static struct link_item *take_held(struct link *l)
{
	struct link_item *item = l->held;
	if (item) {
		l->held = item->next;
		if (!l->held)
			l->held_end = &l->held;
	}
	return item;
}

/* An item that went well in a group that did not was rolled back. */
static void deliver_undone(struct link_item *item, const PGresult *commit_error)
{
	struct link_result result = {
		.outcome = commit_error ? LINK_ERROR : LINK_AGAIN,
		.error = commit_error,
	};
	PQclear(item->held);
	item->done(item, &result);
}

static void end_group(struct link *l)
{
	struct link_item *item;
	while ((item = take_held(l))) {
		if (item->result.outcome == LINK_ROWS && l->failed)
			deliver_undone(item, l->commit_error);
		else
			deliver(item, item->held);
	}
	PQclear(l->commit_error);
	l->commit_error = NULL;
	l->failed = false;
}

/* The preparation is out of date; the statement has not been executed. */
static bool is_stale(const struct entry *e, const PGresult *error)
{
	const char *state = db_error_state(error);
	if (!e->prepared)
		return false;
	if (!strcmp(state, "26000"))
		prepared_mark(e->prepared, e->serial, PREPARED_NOT);
	else if (!strcmp(state, "0A000"))
		prepared_mark(e->prepared, e->serial, PREPARED_STALE);
	else
		return false;
	return true;
}

static void answer_item(struct link *l, const struct entry *e, PGresult *r)
{
	struct link_item *item = e->item;
	item->result = (struct link_result){.outcome = LINK_ROWS};
	switch (PQresultStatus(r)) {
	case PGRES_FATAL_ERROR:
		l->failed = true;
		item->result.outcome = is_stale(e, r) ? LINK_AGAIN : LINK_ERROR;
		break;
	case PGRES_PIPELINE_ABORTED:
		PQclear(r);
		r = l->prepare_error;
		l->prepare_error = NULL;
		item->result.outcome = r ? LINK_ERROR : LINK_AGAIN;
		item->result.unprepared = r != NULL;
		break;
	default:
		break;
	}
	if (item->commits)
		hold(l, item, r);
	else
		deliver(item, r);
}

static void answer_prepare(struct link *l, const struct entry *e, PGresult *r)
{
	bool error = PQresultStatus(r) == PGRES_FATAL_ERROR;
	if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		PQclear(r);
		return;
	}
	l->failed |= error;
	/* 42P05: there is one already, left by a group that failed before it could deallocate it.
	 */
	bool stale = error && !strcmp(db_error_state(r), "42P05");
	prepared_mark(e->prepared, e->serial, stale ? PREPARED_STALE : PREPARED_NOT);
	if (error && !stale)
		l->prepare_error = r;
	else
		PQclear(r);
}

/* A statement's or a Sync's result; takes r over. */
static void answer(struct link *l, PGresult *r)
{
	struct entry e = *ring_at(l, 0);
	ring_at(l, 0)->answered = true;
	l->nulls = 0;
	switch (e.kind) {
	case ENTRY_ITEM:
		answer_item(l, &e, r);
		break;
	case ENTRY_PREPARE:
		answer_prepare(l, &e, r);
		break;
	case ENTRY_DEALLOCATE:
		l->failed |= PQresultStatus(r) == PGRES_FATAL_ERROR;
		PQclear(r);
		break;
	case ENTRY_SYNC:
		if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			ring_pop(l);
			end_group(l);
			break;
		}
		l->failed = true;
		PQclear(l->commit_error);
		l->commit_error = r;
		break;
	}
}

/* False: libpq and the ring do not agree any more. */
static bool answer_end(struct link *l)
{
	struct entry *e = ring_at(l, 0);
	if (e->answered && e->kind != ENTRY_SYNC) {
		ring_pop(l);
		return true;
	}
	return ++l->nulls < 3;
}

/* The first line: what follows may be a hint of libpq's, or SQL. The first reason stays. */
static void note_reason(struct link *l, const char *message)
{
	if (!*l->reason)
		snprintf(
			l->reason, sizeof(l->reason), "%.*s", (int)strcspn(message, "\n"), message);
}

/* Takes the answers that have come. False: the connection is of no more use. */
static bool drain(struct link *l)
{
	while (l->count > 0 && !PQisBusy(l->conn)) {
		PGresult *r = PQgetResult(l->conn);
		if (!r && !answer_end(l))
			return false;
		if (!r)
			continue;
		if (PQresultStatus(r) == PGRES_FATAL_ERROR && db_error_ends_connection(r)) {
			note_reason(l, PQresultErrorMessage(r));
			PQclear(r);
			return false;
		}
		answer(l, r);
	}
	return true;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct link *l = poll->data;
	bool good = !(events & UV_READABLE) || PQconsumeInput(l->conn);
	if (!good || !drain(l) || status != 0) {
		break_off(l);
		return;
	}
	flush(l);
	l->owner.room(l->owner.arg);
}

/* --- the end -------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct link *l = handle->data;
	if (--l->open_handles > 0)
		return;
	free(l->ring);
	free(l->scratch);
	free(l->values);
	free(l);
}

static void shut(struct link *l)
{
	l->gone = true;
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->failure, on_closed);
	PQfinish(l->conn);
	PQclear(l->prepare_error);
	PQclear(l->commit_error);
}

static void lose_item(struct link_item *item, enum link_outcome outcome)
{
	struct link_result result = {.outcome = outcome};
	item->done(item, &result);
}

static void lose_items(struct link *l)
{
	struct link_item *item;
	while ((item = take_held(l))) {
		if (item->result.outcome != LINK_ROWS) {
			deliver(item, item->held);
			continue;
		}
		PQclear(item->held);
		lose_item(item, LINK_LOST);
	}
	for (size_t i = 0; i < l->count; i++) {
		struct entry *e = ring_at(l, i);
		bool synced = i + l->unsynced < l->count;
		/* Without its Sync a group is rolled back when the connection ends. */
		if (e->kind == ENTRY_ITEM && !e->answered)
			lose_item(e->item, synced ? LINK_LOST : LINK_AGAIN);
	}
}

static void break_off(struct link *l)
{
	note_reason(l, PQerrorMessage(l->conn));
	shut(l);
	lose_items(l);
	l->owner.lost(l->owner.arg, l->reason);
}

void link_close(struct link **link)
{
	struct link *l = *link;
	struct link_item *item;
	while ((item = take_held(l)))
		PQclear(item->held);
	shut(l);
	*link = NULL;
}

struct link *link_open(uv_loop_t *loop, PGconn *conn, const struct link_owner *owner)
{
	struct link *l = check_calloc(1, sizeof(*l));
	l->conn = conn;
	l->owner = *owner;
	l->held_end = &l->held;
	l->open_handles = 2;
	CHECK(PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn));
	CHECK(uv_poll_init(loop, &l->poll, PQsocket(conn)) == 0);
	CHECK(uv_timer_init(loop, &l->failure) == 0);
	l->poll.data = l->failure.data = l;
	CHECK(uv_poll_start(&l->poll, UV_READABLE, on_poll) == 0);
	return l;
}
