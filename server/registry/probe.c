/* The lane's sentences begin with host and port, which whoever reads a reason knows already. */
#include "server/registry/probe.h"

#include "base/clock.h"
#include "base/json.h"

#define SHOWN      40 /* bytes of a foreign value in a reason */
#define REASON_MAX 200

/* At most so many bytes, and only whole characters. */
static struct text cut(struct text t, size_t most)
{
	t = text_until(t, t.size < most ? t.size : most);
	return text_until(t, text_utf8_error(t));
}

/* --- verdicts ------------------------------------------------------------------------------- */

static const char *judge_code(struct arena *a, struct text body)
{
	struct status ignored;
	const struct json *code = json_member(json_read(a, body, &ignored), TEXT("code"));
	struct text value = code ? code->type == JSON_STRING ? code->string : code->raw : TEXT("");

	if (!code || text_equal(value, TEXT("200")))
		return NULL;
	return arena_printf(a, "code is %.*s", TEXT_ARGS(cut(code->raw, SHOWN)));
}

static const char *judge_response(struct probe *p, const struct fetch_response *response)
{
	if (p->request.connect_only)
		return NULL;
	if (response->status < 200 || response->status > 299)
		return arena_printf(p->arena, "status %d", response->status);
	return judge_code(p->arena, response->body);
}

/* "10.0.0.1:80 was not reached: connection refused" is "connection refused". */
static const char *shorten(struct arena *a, struct text message)
{
	const struct text not_reached = TEXT("was not reached: ");
	size_t space = text_find(message, ' ', 0);

	if (space < message.size)
		message = text_from(message, space + 1);
	if (text_starts(message, not_reached))
		message = text_from(message, not_reached.size);
	return arena_string(a, cut(message, REASON_MAX));
}

static const char *judge_error(struct probe *p, const struct status *error)
{
	switch (error->code) {
	case STATUS_DEADLINE_EXCEEDED:
		return arena_printf(p->arena, "no answer within %lld ms", (long long)p->timeout_ms);
	case STATUS_PERMISSION_DENIED:
		return "address refused by egress policy";
	case STATUS_RESOURCE_EXHAUSTED:
		return arena_printf(p->arena, "the answer is beyond %d bytes", PROBE_BODY_LIMIT);
	default:
		return shorten(p->arena, text_of(error->message));
	}
}

/* --- life ----------------------------------------------------------------------------------- */

static void land(struct loop_task *task)
{
	struct probe *p = (struct probe *)((char *)task - offsetof(struct probe, landing));

	p->landed(p);
}

/* On the http lane's thread. */
static void ended(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct probe *p = (struct probe *)job;

	p->reason = response ? judge_response(p, response) : judge_error(p, error);
	p->passed = !p->reason;
	loop_post(p->home, &p->landing);
}

static const char *write_url(struct arena *a, const struct address *address, struct text path)
{
	const struct action action = {.uri = path.size ? path : TEXT("/"),
		/* A TCP check asks for no TLS. */
		.protocol = path.size && address->protocol.size ? address->protocol : TEXT("http")};
	const struct node node = {.address = *address};

	return action_url(&action, &node, a).data;
}

struct probe *probe_start(struct fetch_lane *lane, struct loop *home,
	const struct probe_target *target, void (*landed)(struct probe *probe), void *arg)
{
	struct arena *a = arena_new(0);
	struct probe *p = ARENA_NEW(a, struct probe);

	p->arena = a;
	p->home = home;
	p->landed = landed;
	p->arg = arg;
	p->timeout_ms = target->timeout_ms;
	p->landing.run = land;
	p->request = (struct fetch_request){
		.method = "GET",
		.url = write_url(a, &target->address, target->path),
		.connect_timeout_ms = target->timeout_ms,
		.total_timeout_ms = target->timeout_ms,
		.response_limit = PROBE_BODY_LIMIT,
		.fresh = true,
		.own_host = target->own_host,
		.connect_only = target->path.size == 0,
	};
	p->job = (struct fetch_job){
		.arena = a, .request = &p->request, .deadline = CLOCK_NEVER, .done = ended};
	if (fetch_submit(lane, &p->job))
		return p;
	arena_free(&a);
	return NULL;
}

void probe_free(struct probe *p)
{
	struct arena *a = p->arena;

	arena_free(&a);
}
