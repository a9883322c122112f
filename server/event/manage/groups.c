/* ListGroups, Pause, Resume. */
#include "junction/v1/event.pb-c.h"
#include "server/event/manage/settled.h"
#include "server/event/stored.h"
#include "server/page.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 100, PAGE_MOST = 1000, KEY_PARTS = 2 };

enum column { GROUP, MEMBER_ID, MEMBER, PAUSED, OPEN, LAG, COLUMNS };

static const struct statement list_groups = {
	.name = "event_list_groups",
	.sql = "SELECT q.group_name, q.member, "
	       "CASE WHEN q.member <> '' THEN coalesce(s.name, q.member) ELSE '' END, q.paused, "
	       "b.r_open, greatest(-event.due_ms(b.r_oldest), 0) "
	       "FROM (SELECT * FROM event.queue x WHERE x.namespace = $1 "
	       "AND (x.group_name, x.member) > ($2, $3) "
	       "ORDER BY x.group_name, x.member LIMIT $4::bigint) AS q "
	       "CROSS JOIN LATERAL event.backlog(q.id) AS b "
	       "LEFT JOIN event.subscription AS s ON s.id::text = q.member "
	       "ORDER BY q.group_name, q.member",
	.parameters = 4,
};

static const struct statement pause_statement = {
	.name = "event_pause",
	.sql = "SELECT event.pause($1, $2, $3, $4::boolean)",
	.parameters = 4,
};

/* --- ListGroups ------------------------------------------------------------------------------- */

static Event__GroupInfo *group_of(struct call *c, const struct rows *rows, int row)
{
	Event__GroupInfo *group = ARENA_NEW(c->arena, Event__GroupInfo);

	event__group_info__init(group);
	group->group = arena_string(c->arena, rows_text(rows, row, GROUP));
	group->member = arena_string(c->arena, rows_text(rows, row, MEMBER));
	group->paused = rows_bool(rows, row, PAUSED);
	group->open = rows_int64(rows, row, OPEN);
	group->lag_ms = rows_int64(rows, row, LAG);
	return group;
}

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Event__ListGroupsResponse out = EVENT__LIST_GROUPS_RESPONSE__INIT;
	int count = page_rows(page, rows, COLUMNS);

	out.groups = arena_array(c->arena, (size_t)count, sizeof(*out.groups));
	for (int i = 0; i < count; i++)
		out.groups[out.n_groups++] = group_of(c, rows, i);
	if (count < rows_count(rows)) {
		const struct text key[] = {
			rows_text(rows, count - 1, GROUP), rows_text(rows, count - 1, MEMBER_ID)};
		out.next_page_token = page_token(c->arena, key, KEY_PARTS);
	}
	return REPLY(c, &out);
}

enum next event_list_groups(struct call *c)
{
	const Event__ListGroupsRequest *in = call_request(c, Event__ListGroupsRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, KEY_PARTS,
		    page, &c->status))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = page->after[0];
	parameters[2] = page->after[1];
	parameters[3] = page_limit(c->arena, page);
	c->state = page;
	return search(c, &list_groups, parameters, listed);
}

/* --- Pause, Resume ---------------------------------------------------------------------------- */

static enum next paused(struct call *c, const struct rows *rows)
{
	Event__PauseResponse *out = ARENA_NEW(c->arena, Event__PauseResponse);

	event__pause_response__init(out);
	return SETTLED_REPLY(c, out);
}

static enum next resumed(struct call *c, const struct rows *rows)
{
	Event__ResumeResponse *out = ARENA_NEW(c->arena, Event__ResumeResponse);

	event__resume_response__init(out);
	return SETTLED_REPLY(c, out);
}

static enum next set_paused(struct call *c, const char *group, const char *subscription,
	struct text on, enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));

	if (!*group == !*subscription)
		return fail_field(c, "group", "either it or a subscription is required");
	parameters[0] = c->caller.space;
	parameters[1] = sql_or_null(text_of(group));
	parameters[2] = sql_or_null(text_of(subscription));
	parameters[3] = on;
	return change(c, &pause_statement, parameters, then);
}

enum next event_pause(struct call *c)
{
	const Event__PauseRequest *in = call_request(c, Event__PauseRequest);

	return set_paused(c, in->group, in->subscription, TEXT("true"), paused);
}

enum next event_resume(struct call *c)
{
	const Event__ResumeRequest *in = call_request(c, Event__ResumeRequest);

	return set_paused(c, in->group, in->subscription, TEXT("false"), resumed);
}
