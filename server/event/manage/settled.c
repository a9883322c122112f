#include "server/event/manage/settled.h"

#include "server/event/subscription/subscriptions.h"

static enum next answer(struct call *c)
{
	return reply(c, c->state);
}

enum next settled_reply(struct call *c, ProtobufCMessage *message)
{
	c->state = message;
	return subscriptions_current(c, answer);
}
