#include "server/patience.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, patience) streams = LIST_HEAD_INITIALIZER(streams);

void patience_begin(struct patience *p, struct call *c, const char *too_slow, const char *stopping)
{
	p->call = c;
	p->too_slow = too_slow;
	p->stopping = stopping;
	atomic_init(&p->sending_since, 0);
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(&streams, p, others);
	pthread_mutex_unlock(&lock);
}

void patience_end(struct patience *p)
{
	pthread_mutex_lock(&lock);
	LIST_REMOVE(p, others);
	pthread_mutex_unlock(&lock);
}

enum next patience_send(
	struct patience *p, const ProtobufCMessage *message, bool more, call_step *then)
{
	atomic_store(&p->sending_since, clock_now());
	return stream_send(p->call, message, more, then);
}

void patience_sent(struct patience *p)
{
	atomic_store(&p->sending_since, 0);
}

void patience_look(int64_t longest_ms)
{
	int64_t since = clock_now() - longest_ms * CLOCK_MS;
	bool stopping = stream_lane_draining(call_streams());
	struct patience *p;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(p, &streams, others)
	{
		int64_t sending = atomic_load(&p->sending_since);
		if (sending != 0 && stopping)
			call_break_off(p->call, STATUS_UNAVAILABLE, p->stopping);
		else if (sending != 0 && sending < since)
			call_break_off(p->call, STATUS_RESOURCE_EXHAUSTED, p->too_slow);
	}
	pthread_mutex_unlock(&lock);
}
