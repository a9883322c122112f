/* ConfigureSubscriptions: each pattern is a subscription of its own, named after the service and
 * the pattern. */
#include "base/json.h"
#include "server/event/manage/push_secret.h"
#include "server/event/manage/settled.h"
#include "server/event/manage/specification.h"
#include "server/event/subscription/topic.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

enum { EVENTS_MOST = 1000 };

static const struct statement configure_service = {
	.name = "event_configure_service",
	.sql = "SELECT r_added, r_removed FROM event.configure_service($1, $2, $3::json)",
	.parameters = 3,
};

static enum next configured(struct call *c, const struct rows *rows)
{
	Event__ConfigureSubscriptionsResponse *out =
		ARENA_NEW(c->arena, Event__ConfigureSubscriptionsResponse);

	event__configure_subscriptions_response__init(out);
	out->added = (int32_t)rows_int64(rows, 0, 0);
	out->removed = (int32_t)rows_int64(rows, 0, 1);
	return SETTLED_REPLY(c, out);
}

static bool events_hold(struct call *c, const Event__ConfigureSubscriptionsRequest *in)
{
	size_t used = strlen(in->service) + 1;
	size_t most = used < SPECIFICATION_NAME_MAX ? SPECIFICATION_NAME_MAX - used : 0;

	if (in->n_events > EVENTS_MOST)
		return status_field(
			&c->status, c->arena, "events", "must be at most %d", EVENTS_MOST);
	if (!topic_patterns_hold(c->arena, "events", in->events, in->n_events, &c->status))
		return false;
	for (size_t i = 0; i < in->n_events; i++)
		if (strlen(in->events[i]) > most)
			return status_field(&c->status, c->arena,
				arena_printf(c->arena, "events[%zu]", i),
				"must have at most %zu bytes for a service of that name", most);
	return true;
}

static void write_one(struct call *c, struct buffer *specs, char *service, char *pattern)
{
	char *unseen;

	json_write_comma(specs);
	specification_write_configured(
		specs, &c->caller, service, pattern, push_secret_take(c, "", &unseen));
}

enum next event_configure_subscriptions(struct call *c)
{
	const Event__ConfigureSubscriptionsRequest *in =
		call_request(c, Event__ConfigureSubscriptionsRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));
	struct buffer specs = {.arena = c->arena};

	if (!valid_server_name(&v, "service", text_of(in->service)) || !events_hold(c, in))
		return failed(c);
	buffer_add_char(&specs, '[');
	for (size_t i = 0; i < in->n_events; i++)
		write_one(c, &specs, in->service, in->events[i]);
	buffer_add_char(&specs, ']');
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->service);
	parameters[2] = buffer_text(&specs);
	return change(c, &configure_service, parameters, configured);
}
