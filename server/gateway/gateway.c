/* Gateway: the parts are started and ended in their order. */
#include "server/gateway/gateway.h"

#include "server/gateway/changes.h"
#include "server/gateway/cleaning.h"
#include "server/gateway/config/loader.h"
#include "server/gateway/route.h"

static struct gateway_options settings;

void gateway_start(
	const struct gateway_options *options, struct lanes *lanes, struct fetch_lane *fetch)
{
	settings = *options;
	metric_register(&gateway_routes);
	cleaning_start(lanes);
	loader_start(&settings, lanes, fetch);
}

bool gateway_ready(void)
{
	return loader_ready();
}

void gateway_leave(void)
{
	loader_leave();
	cleaning_leave();
}

void gateway_stop(void)
{
	loader_stop();
	cleaning_stop();
	changes_clear();
}

const struct gateway_options *gateway_settings(void)
{
	return &settings;
}
