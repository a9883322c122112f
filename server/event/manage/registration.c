/* RegisterSubscription, ListSubscriptions, DeleteSubscription, RotateSecret. */
#include "server/event/manage/push_secret.h"
#include "server/event/manage/settled.h"
#include "server/event/manage/specification.h"
#include "server/event/manage/subscription_message.h"
#include "server/page.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 100, PAGE_MOST = 1000 };

static const struct statement put_subscription = {
	.name = "event_put_subscription",
	.sql = "SELECT " SUBSCRIPTION_COLUMNS ", p.r_fresh "
	       "FROM event.put_subscription($1::json) AS p "
	       "CROSS JOIN LATERAL (SELECT (p.r_subscription).*) AS s "
	       "CROSS JOIN LATERAL (SELECT $1::json ->> 'group' AS group_name, "
	       "CASE WHEN ($1::json ->> 'broadcast')::boolean THEN s.id::text ELSE '' END AS "
	       "member) "
	       "AS q",
	.parameters = 1,
};

static const struct statement list_subscriptions = {
	.name = "event_list_subscriptions",
	.sql = "SELECT " SUBSCRIPTION_COLUMNS " FROM event.subscription AS s "
	       "JOIN event.queue AS q ON q.id = s.queue_id "
	       "WHERE s.namespace = $1 AND $2 IN ('', q.group_name) AND s.name > $3 "
	       "ORDER BY s.name LIMIT $4::bigint",
	.parameters = 4,
};

static const struct statement delete_subscription = {
	.name = "event_delete_subscription",
	.sql = "SELECT event.delete_subscription($1, $2)",
	.parameters = 2,
};

static const struct statement rotate_secret = {
	.name = "event_rotate_secret",
	.sql = "SELECT event.rotate_secret($1, $2, $3::bytea, $4::bigint)",
	.parameters = 4,
};

/* --- RegisterSubscription --------------------------------------------------------------------- */

static enum next registered(struct call *c, const struct rows *rows)
{
	Event__RegisterSubscriptionResponse *out = c->state;

	out->subscription = subscription_message(c, rows, 0);
	if (!rows_bool(rows, 0, SUBSCRIPTION_COLUMN_COUNT))
		out->secret = (char *)"";
	return SETTLED_REPLY(c, out);
}

enum next event_register_subscription(struct call *c)
{
	const Event__RegisterSubscriptionRequest *in =
		call_request(c, Event__RegisterSubscriptionRequest);
	Event__RegisterSubscriptionResponse *out =
		ARENA_NEW(c->arena, Event__RegisterSubscriptionResponse);
	struct buffer spec = {.arena = c->arena};
	struct text *parameter = ARENA_NEW(c->arena, struct text);

	event__register_subscription_response__init(out);
	if (!specification_holds(c, in))
		return failed(c);
	struct text secret = push_secret_take(c, in->secret, &out->secret);
	if (!secret.data)
		return failed(c);
	specification_write(&spec, &c->caller, in, TEXT("api"), secret, !*in->secret);
	*parameter = buffer_text(&spec);
	c->state = out;
	return change(c, &put_subscription, parameter, registered);
}

/* --- ListSubscriptions ------------------------------------------------------------------------ */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Event__ListSubscriptionsResponse out = EVENT__LIST_SUBSCRIPTIONS_RESPONSE__INIT;
	int count = page_rows(page, rows, SUBSCRIPTION_COLUMN_COUNT);

	out.subscriptions = arena_array(c->arena, (size_t)count, sizeof(*out.subscriptions));
	for (int i = 0; i < count; i++)
		out.subscriptions[out.n_subscriptions++] = subscription_message(c, rows, i);
	if (count < rows_count(rows)) {
		struct text last = text_of(out.subscriptions[count - 1]->name);
		out.next_page_token = page_token(c->arena, &last, 1);
	}
	return REPLY(c, &out);
}

enum next event_list_subscriptions(struct call *c)
{
	const Event__ListSubscriptionsRequest *in =
		call_request(c, Event__ListSubscriptionsRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, 1, page,
		    &c->status))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->group);
	parameters[2] = page->after[0];
	parameters[3] = page_limit(c->arena, page);
	c->state = page;
	return search(c, &list_subscriptions, parameters, listed);
}

/* --- DeleteSubscription ----------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Event__DeleteSubscriptionResponse *out =
		ARENA_NEW(c->arena, Event__DeleteSubscriptionResponse);

	event__delete_subscription_response__init(out);
	return SETTLED_REPLY(c, out);
}

enum next event_delete_subscription(struct call *c)
{
	const Event__DeleteSubscriptionRequest *in =
		call_request(c, Event__DeleteSubscriptionRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	if (!specification_name_holds(c, "name", in->name))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->name);
	return change(c, &delete_subscription, parameters, deleted);
}

/* --- RotateSecret ----------------------------------------------------------------------------- */

enum { OVERLAP_SECONDS = 86400, OVERLAP_MOST_SECONDS = 2592000 };

static enum next rotated(struct call *c, const struct rows *rows)
{
	return SETTLED_REPLY(c, (Event__RotateSecretResponse *)c->state);
}

enum next event_rotate_secret(struct call *c)
{
	const Event__RotateSecretRequest *in = call_request(c, Event__RotateSecretRequest);
	const struct validation v = {c->arena, &c->status, ""};
	Event__RotateSecretResponse *out = ARENA_NEW(c->arena, Event__RotateSecretResponse);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	int64_t overlap = in->_overlap_seconds_case ? in->overlap_seconds : OVERLAP_SECONDS;

	event__rotate_secret_response__init(out);
	if (!specification_name_holds(c, "name", in->name) ||
		!valid_range(&v, "overlap_seconds", overlap, 0, OVERLAP_MOST_SECONDS))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->name);
	parameters[2] = push_secret_take(c, in->secret, &out->secret);
	parameters[3] = text_of(arena_printf(c->arena, "%lld", (long long)overlap));
	if (!parameters[2].data)
		return failed(c);
	c->state = out;
	return change(c, &rotate_secret, parameters, rotated);
}
