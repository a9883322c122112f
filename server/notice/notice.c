/* The service's start and end. Sending, inboxes and channels live on the last lane thread, as the
 * event service's engine does. */
#include "server/notice/notice.h"

#include "server/notice/attachment/attachment.h"
#include "server/notice/channel/channel.h"
#include "server/notice/inbox/inbox.h"
#include "server/notice/inbox/receipt.h"
#include "server/notice/manage/manage.h"
#include "server/notice/provider/report.h"
#include "server/notice/send/send.h"
#include "server/notice/sending/sending.h"
#include "server/notice/template/content.h"

enum { LEAVE_MS = 3000 }; /* for what is under way */

static struct notice_options settings;
static struct loop *home;

bool notice_start(
	const struct notice_options *options, struct lanes *lanes, struct fetch_lane *sends)
{
	settings = *options;
	home = lane_loop(lanes, lanes_threads(lanes) - 1);
	report_start();
	attachment_start(lanes, options);
	receipt_start(lanes, home, options);
	inbox_start(lanes, home, options->poll_ms);
	send_start();
	spread_start(lanes, home, options->poll_ms);
	sending_start(lanes, sends, home, options);
	channels_start(lanes, home, options->poll_ms, sending_channels_changed);
	notice_manage_start(lanes, options->days);
	return true;
}

bool notice_ready(void)
{
	return channels_ready() && receipt_ready();
}

void notice_leave(void)
{
	sending_leave(clock_now() + LEAVE_MS * CLOCK_MS);
}

void notice_stop(void)
{
	notice_manage_stop();
	channels_stop();
	sending_stop();
	spread_stop();
	inbox_stop();
	receipt_stop();
	attachment_stop();
	content_stop();
}

const struct notice_options *notice_settings(void)
{
	return &settings;
}

struct loop *notice_home(void)
{
	return home;
}
