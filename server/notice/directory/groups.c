/* PutNoticeGroup, ChangeNoticeGroup, GetNoticeGroup, ListNoticeGroups, DeleteNoticeGroup. */
#include "junction/v1/notice.pb-c.h"
#include "server/notice/directory/names.h"
#include "server/page.h"
#include "steps.gen.h"

enum { MEMBERS_USUAL = 1000, MEMBERS_MOST = 10000, GROUPS_USUAL = 100, GROUPS_MOST = 1000 };

static const struct statement put_group = {
	.name = "notice_put_group",
	.sql = "SELECT notice.put_group($1, $2, $3::text[])",
	.parameters = 3,
};

static const struct statement change_group = {
	.name = "notice_change_group",
	.sql = "SELECT notice.change_group($1, $2, $3::text[], $4::text[])",
	.parameters = 4,
};

/* One row at least if there is such a group; its members are counted once. */
static const struct statement get_group = {
	.name = "notice_get_group",
	.sql = "WITH g AS MATERIALIZED (SELECT x.namespace, x.name, "
	       "notice.count_members(x.namespace, x.name) AS members "
	       "FROM notice.group_name AS x WHERE x.namespace = $1 AND x.name = $2) "
	       "SELECT g.members, m.user_name FROM g LEFT JOIN LATERAL (SELECT x.user_name "
	       "FROM notice.group_member AS x WHERE x.namespace = g.namespace "
	       "AND x.group_name = g.name AND x.user_name > $3 "
	       "ORDER BY x.user_name LIMIT $4::bigint) AS m ON true ORDER BY m.user_name",
	.parameters = 4,
};

static const struct statement list_groups = {
	.name = "notice_list_groups",
	.sql = "SELECT g.name, notice.count_members(g.namespace, g.name) "
	       "FROM notice.group_name AS g WHERE g.namespace = $1 AND g.name > $2 "
	       "ORDER BY g.name LIMIT $3::bigint",
	.parameters = 3,
};

static const struct statement delete_group = {
	.name = "notice_delete_group",
	.sql = "SELECT notice.delete_group($1, $2)",
	.parameters = 2,
};

/* Of calls about one group; NULL with c->status set. */
static struct text *group_parameters(struct call *c, const char *group, size_t count)
{
	struct text *parameters = arena_array(c->arena, count, sizeof(*parameters));

	if (!directory_name_holds(c, "group", group))
		return NULL;
	parameters[0] = c->caller.space;
	parameters[1] = text_of(group);
	return parameters;
}

/* --- PutNoticeGroup, ChangeNoticeGroup -------------------------------------------------------- */

static enum next put(struct call *c, const struct rows *rows)
{
	Notice__PutNoticeGroupResponse out = NOTICE__PUT_NOTICE_GROUP_RESPONSE__INIT;

	out.members = rows_int64(rows, 0, 0);
	return REPLY(c, &out);
}

enum next notice_put_notice_group(struct call *c)
{
	const Notice__PutNoticeGroupRequest *in = call_request(c, Notice__PutNoticeGroupRequest);
	struct text *parameters = group_parameters(c, in->group, 3);

	if (!parameters)
		return failed(c);
	parameters[2] = directory_names(c, "users", in->users, in->n_users);
	return parameters[2].data ? change(c, &put_group, parameters, put) : failed(c);
}

static enum next changed(struct call *c, const struct rows *rows)
{
	Notice__ChangeNoticeGroupResponse out = NOTICE__CHANGE_NOTICE_GROUP_RESPONSE__INIT;

	out.members = rows_int64(rows, 0, 0);
	return REPLY(c, &out);
}

enum next notice_change_notice_group(struct call *c)
{
	const Notice__ChangeNoticeGroupRequest *in =
		call_request(c, Notice__ChangeNoticeGroupRequest);
	struct text *parameters = group_parameters(c, in->group, 4);

	if (!parameters)
		return failed(c);
	parameters[2] = directory_names(c, "add", in->add, in->n_add);
	if (!parameters[2].data)
		return failed(c);
	if (in->n_remove > DIRECTORY_NAMES_MOST - in->n_add)
		return fail_field(
			c, "remove", "must be at most %d with those to add", DIRECTORY_NAMES_MOST);
	parameters[3] = directory_names(c, "remove", in->remove, in->n_remove);
	return parameters[3].data ? change(c, &change_group, parameters, changed) : failed(c);
}

/* --- GetNoticeGroup --------------------------------------------------------------------------- */

enum member_column { COUNT, USER, MEMBER_COLUMNS };

static enum next got(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Notice__GetNoticeGroupResponse out = NOTICE__GET_NOTICE_GROUP_RESPONSE__INIT;
	int count = page_rows(page, rows, MEMBER_COLUMNS);

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "no group %s",
			call_request(c, Notice__GetNoticeGroupRequest)->group);
	out.members = rows_int64(rows, 0, COUNT);
	out.users = arena_array(c->arena, (size_t)count, sizeof(*out.users));
	for (int i = 0; i < count && !rows_null(rows, i, USER); i++)
		out.users[out.n_users++] = arena_string(c->arena, rows_text(rows, i, USER));
	if (count < rows_count(rows)) {
		struct text last = text_of(out.users[count - 1]);
		out.next_page_token = page_token(c->arena, &last, 1);
	}
	return REPLY(c, &out);
}

enum next notice_get_notice_group(struct call *c)
{
	const Notice__GetNoticeGroupRequest *in = call_request(c, Notice__GetNoticeGroupRequest);
	struct text *parameters = group_parameters(c, in->group, 4);
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!parameters || !page_read(c->arena, in->page_size, MEMBERS_USUAL, MEMBERS_MOST,
				   in->page_token, 1, page, &c->status))
		return failed(c);
	parameters[2] = page->after[0];
	parameters[3] = page_limit(c->arena, page);
	c->state = page;
	return search(c, &get_group, parameters, got);
}

/* --- ListNoticeGroups ------------------------------------------------------------------------- */

enum group_column { NAME, MEMBERS, GROUP_COLUMNS };

static Notice__NoticeGroup *group_message(struct call *c, const struct rows *rows, int row)
{
	Notice__NoticeGroup *group = ARENA_NEW(c->arena, Notice__NoticeGroup);

	notice__notice_group__init(group);
	group->group = arena_string(c->arena, rows_text(rows, row, NAME));
	group->members = rows_int64(rows, row, MEMBERS);
	return group;
}

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Notice__ListNoticeGroupsResponse out = NOTICE__LIST_NOTICE_GROUPS_RESPONSE__INIT;
	int count = page_rows(page, rows, GROUP_COLUMNS);

	out.groups = arena_array(c->arena, (size_t)count, sizeof(*out.groups));
	for (int i = 0; i < count; i++)
		out.groups[out.n_groups++] = group_message(c, rows, i);
	if (count < rows_count(rows)) {
		struct text last = text_of(out.groups[count - 1]->group);
		out.next_page_token = page_token(c->arena, &last, 1);
	}
	return REPLY(c, &out);
}

enum next notice_list_notice_groups(struct call *c)
{
	const Notice__ListNoticeGroupsRequest *in =
		call_request(c, Notice__ListNoticeGroupsRequest);
	const struct page_asked asked = {in->page_size, GROUPS_USUAL, GROUPS_MOST, in->page_token};

	return page_by_name(c, &list_groups, &asked, listed);
}

/* --- DeleteNoticeGroup ------------------------------------------------------------------------ */

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Notice__DeleteNoticeGroupResponse out = NOTICE__DELETE_NOTICE_GROUP_RESPONSE__INIT;

	return REPLY(c, &out);
}

enum next notice_delete_notice_group(struct call *c)
{
	const Notice__DeleteNoticeGroupRequest *in =
		call_request(c, Notice__DeleteNoticeGroupRequest);
	const struct text *parameters = group_parameters(c, in->group, 2);

	return parameters ? change(c, &delete_group, parameters, deleted) : failed(c);
}
