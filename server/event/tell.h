/* Tell: publishes what other services of this server have to tell (server/tell.h). */
#ifndef JUNCTION_SERVER_EVENT_TELL_H
#define JUNCTION_SERVER_EVENT_TELL_H

#include "server/tell.h"

/* A tell_event. It is matched, appended and, if subscriptions change meanwhile, matched again, as
 * Publish does, within 10 seconds. Between event_start() and the stop of the SQL lanes. */
void event_tell(struct told_event *event);

#endif
