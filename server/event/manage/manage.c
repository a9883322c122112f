#include "server/event/manage/manage.h"

#include "server/event/manage/event_lister.h"
#include "server/lane/keeping.h"

static const struct statement keep_open = {
	.name = "event_keep_events",
	.sql = "SELECT event.keep_events($1::integer, false)",
	.parameters = 1,
};

static const struct statement drop_open_too = {
	.name = "event_drop_open_events",
	.sql = "SELECT event.keep_events($1::integer, true)",
	.parameters = 1,
};

static struct keeping months;

void manage_start(struct lanes *lanes, int64_t days, bool drop_open)
{
	event_list_use(event_lister_list);
	keeping_start(&months, lanes, drop_open ? &drop_open_too : &keep_open, (int)days);
}

void manage_stop(void)
{
	keeping_end(&months);
}
