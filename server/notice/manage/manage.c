#include "server/notice/manage/manage.h"

#include "server/lane/keeping.h"

enum { FORGET_MOST = 1000 };

static const struct statement keep_months = {
	.name = "notice_keep",
	.sql = "SELECT notice.keep($1::integer)",
	.parameters = 1,
};

static const struct statement forget_keys = {
	.name = "notice_forget_keys",
	.sql = "SELECT notice.forget_keys($1::integer)",
	.parameters = 1,
};

static struct keeping months, keys;

void notice_manage_start(struct lanes *lanes, int64_t days)
{
	keeping_start(&months, lanes, &keep_months, (int)days);
	keeping_start_steps(&keys, lanes, &forget_keys, FORGET_MOST);
}

void notice_manage_stop(void)
{
	keeping_end(&months);
	keeping_end(&keys);
}
