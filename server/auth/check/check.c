/* Check and BatchCheck. One question takes microseconds, a thousand of them go to the work pool. */
#include "server/auth/check/question.h"
#include "steps.gen.h"

enum { QUESTIONS_MAX = 1000 };

static enum next check(struct call *c)
{
	const struct directory *d = question_directory(c);
	Auth__CheckResponse out = AUTH__CHECK_RESPONSE__INIT;

	if (!d)
		return failed(c);
	out.allowed = decide(d, c->state, clock_unix_ms());
	directory_release(&d);
	return REPLY(c, &out);
}

enum next auth_check(struct call *c)
{
	const Auth__CheckRequest *in = call_request(c, Auth__CheckRequest);
	struct question *q = c->state = ARENA_NEW(c->arena, struct question);

	if (!question_read(c, "question", in->question, q))
		return failed(c);
	return question_current(c, in->consistency, check);
}

/* --- BatchCheck ------------------------------------------------------------------------------- */

struct batch {
	struct question *questions;
	Auth__BatchCheckResponse out;
	bool known; /* else c->status says why there is no answer */
};

static enum next checked(struct call *c)
{
	const struct batch *batch = c->state;

	return batch->known ? REPLY(c, &batch->out) : failed(c);
}

static void check_all(struct call *c)
{
	struct batch *batch = c->state;
	const struct directory *d = question_directory(c);
	int64_t now_ms = clock_unix_ms();

	batch->known = d;
	for (size_t i = 0; d && i < batch->out.n_allowed && !call_over(c); i++)
		batch->out.allowed[i] = decide(d, &batch->questions[i], now_ms);
	directory_release(&d);
}

static enum next check_batch(struct call *c)
{
	return work(c, check_all, checked);
}

enum next auth_batch_check(struct call *c)
{
	const Auth__BatchCheckRequest *in = call_request(c, Auth__BatchCheckRequest);
	struct batch *batch = c->state = ARENA_NEW(c->arena, struct batch);

	if (in->n_questions == 0 || in->n_questions > QUESTIONS_MAX)
		return fail_field(c, "questions", "must be 1 to %d", QUESTIONS_MAX);
	auth__batch_check_response__init(&batch->out);
	batch->questions = arena_array(c->arena, in->n_questions, sizeof(*batch->questions));
	batch->out.n_allowed = in->n_questions;
	batch->out.allowed = arena_array(c->arena, in->n_questions, sizeof(*batch->out.allowed));
	for (size_t i = 0; i < in->n_questions; i++)
		if (!question_read(c, arena_printf(c->arena, "questions[%zu]", i), in->questions[i],
			    &batch->questions[i]))
			return failed(c);
	return question_current(c, in->consistency, check_batch);
}
