/* Of a group nothing is remembered: the server knows what has been confirmed. Without one each
 * message brings the cursor to go on after. */
#include <stdlib.h>

#include "base/check.h"
#include "client/internal.h"
#include "junction/v1/event.pb-c.h"

struct junction_subscription {
	struct following following; /* first */
	struct junction_subscription_callbacks callbacks;
};

static const char *hand_on(struct following *f, const ProtobufCMessage *base, bool first)
{
	struct junction_subscription *s = (struct junction_subscription *)f;
	const Event__SubscribeResponse *event = (const Event__SubscribeResponse *)base;

	if (s->callbacks.event)
		s->callbacks.event(s->callbacks.context, event);
	return *event->cursor ? event->cursor : NULL;
}

static void failed(struct following *f, const struct junction_error *error)
{
	struct junction_subscription *s = (struct junction_subscription *)f;

	if (s->callbacks.troubled)
		s->callbacks.troubled(s->callbacks.context, error);
}

struct junction_subscription *junction_subscription_start(struct junction *j,
	const struct Event__SubscribeRequest *request,
	const struct junction_subscription_callbacks *callbacks)
{
	struct junction_subscription *s = check_calloc(1, sizeof(*s));
	s->following = (struct following){
		.j = j,
		.method = "/junction.v1.Event/Subscribe",
		.response = &event__subscribe_response__descriptor,
		.message = hand_on,
		.failed = failed,
	};
	s->callbacks = *callbacks;
	ProtobufCMessage *copy = following_copy(&s->following, &request->base);
	s->following.after = &((Event__SubscribeRequest *)copy)->after;
	following_start(&s->following);
	return s;
}

void junction_subscription_stop(struct junction_subscription **subscription)
{
	if (*subscription)
		following_stop(&(*subscription)->following);
	free(*subscription);
	*subscription = NULL;
}
