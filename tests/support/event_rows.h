/* Rows as event.load() gives them. */
#ifndef JUNCTION_TESTS_SUPPORT_EVENT_ROWS_H
#define JUNCTION_TESTS_SUPPORT_EVENT_ROWS_H

#include "base/json.h"
#include "server/event/subscription/subscriptions.h"

/* Queue 7 is group "group7" of the namespace. */
static struct subscriptions_row event_queue_row(struct arena *a, int id, const char *space)
{
	return (struct subscriptions_row){TEXT("queue"),
		text_of(arena_printf(a,
			"{\"id\":%d,\"namespace\":\"%s\",\"group\":\"group%d\",\"member\":\"\","
			"\"paused\":false,\"generation\":1}",
			id, space, id))};
}

/* Subscription 7 is "s7" with the id "7"; patterns and conditions are JSON. */
static struct subscriptions_row event_subscription_row(struct arena *a, int id, const char *space,
	int queue, const char *patterns, const char *conditions, bool encrypted)
{
	return (struct subscriptions_row){TEXT("subscription"),
		text_of(arena_printf(a,
			"{\"id\":\"%d\",\"namespace\":\"%s\",\"name\":\"s%d\",\"queue\":%d,"
			"\"patterns\":%s,\"conditions\":%s,\"target\":\"pull\",\"url\":null,"
			"\"service\":null,\"confirm\":\"auto\",\"ackWindowMs\":600000,"
			"\"timeoutMs\":15000,\"concurrency\":32,\"rate\":0,\"encryptStored\":%s,"
			"\"pushKey\":null,\"pushKeyId\":null,\"origin\":\"api\",\"enabled\":true,"
			"\"secrets\":[]}",
			id, space, id, queue, patterns, conditions, encrypted ? "true" : "false"))};
}

#endif
