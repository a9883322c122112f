/* The steps of the service Trial (trial.proto). */
#include "junction/v1/trial.pb-c.h"
#include "steps.gen.h"

enum next trial_echo(struct call *c)
{
	return reply(c, c->request);
}

#define NOT_YET(name)                                                                              \
	enum next name(struct call *c)                                                             \
	{                                                                                          \
		return fail(c, STATUS_UNIMPLEMENTED, "not yet");                                   \
	}
NOT_YET(trial_count)
NOT_YET(trial_listen)
NOT_YET(trial_ring)
NOT_YET(trial_sum)
NOT_YET(trial_upload)
NOT_YET(trial_chat)
NOT_YET(trial_streams)
