/* The service's start and end. Subscriptions, engine and pushes live on the last lane thread, away
 * from the registry's feed and the directory of callers, which are on the first. */
#include "server/event/event.h"

#include "server/event/delivery/engine.h"
#include "server/event/log.h"
#include "server/event/manage/manage.h"
#include "server/event/publishing.h"
#include "server/event/push/push.h"
#include "server/event/subscribe.h"
#include "server/event/subscription/subscriptions.h"

enum { LEAVE_MS = 3000 }; /* for what is under way */

static struct event_options settings;

static void subscriptions_loaded(void)
{
	engine_subscriptions_changed();
	subscribe_changed();
	push_changed();
}

void event_start(
	const struct event_options *options, struct lanes *lanes, struct fetch_lane *pushes)
{
	settings = *options;
	publishing_start();
	struct loop *home = lane_loop(lanes, lanes_threads(lanes) - 1);
	const struct engine_options engine = {
		.lanes = lanes,
		.home = home,
		.server_name = options->server_name,
		.poll_ms = options->poll_ms,
		.member_ms = options->member_ms,
	};
	engine_on_charge(push_changed);
	engine_start(&engine);
	push_start(lanes, pushes);
	event_log_start(lanes, options->log_days);
	manage_start(lanes, options->days, options->drop_open);
	subscriptions_start(lanes, home, options->poll_ms, subscriptions_loaded);
}

bool event_ready(void)
{
	return subscriptions_ready() && engine_ready();
}

void event_leave(void)
{
	engine_leave(clock_now() + LEAVE_MS * CLOCK_MS);
}

void event_stop(void)
{
	push_stop();
	engine_stop();
	subscribe_stop();
	subscriptions_stop();
	manage_stop();
	event_log_stop();
}

const struct event_options *event_settings(void)
{
	return &settings;
}
