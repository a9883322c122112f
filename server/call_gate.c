/* The gate: who calls, and what he may do, is asked of whoever has been set; of nobody all may. */
#include "server/call.h"

static const struct call_gate *gate;
static void (*tell_of_gate)(void);

void call_use_gate(const struct call_gate *the_gate)
{
	gate = the_gate;
}

bool call_admit(struct call *c)
{
	return !gate || gate->admit(c);
}

bool call_still_known(struct call *c)
{
	int64_t until = c->caller.known_until;

	return until == 0 || clock_now() < until ||
	       status_set(
		       &c->status, c->arena, STATUS_UNAUTHENTICATED, "the credentials have ended");
}

bool call_may(struct call *c, struct text service, struct text action, struct text method)
{
	return !gate || gate->may(c, service, action, method);
}

bool call_is_open(const struct call *c)
{
	return !gate || gate->is_open(c);
}

bool call_identify(struct call *c)
{
	return !gate || gate->identify(c);
}

void call_judge(struct call *c, const struct caller *caller, struct text service,
	const struct text *actions, size_t count, struct text method, struct call_verdict *verdict)
{
	*verdict = (struct call_verdict){true, "nobody is asked who he is"};
	if (gate)
		gate->judge(c, caller, service, actions, count, method, verdict);
}

bool call_vouch(struct call *c, struct text audience, int64_t seconds, struct text *token)
{
	*token = TEXT("");
	return !gate || gate->vouch(c, audience, seconds, token);
}

void call_on_gate_change(void (*tell)(void))
{
	tell_of_gate = tell;
}

void call_gate_changed(void)
{
	if (tell_of_gate)
		tell_of_gate();
}
