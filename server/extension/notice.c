#include "server/extension/notice.h"

#include <semaphore.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/extension/known.h"

enum { RESPONSE_LIMIT = 64 * 1024 };

struct notice {
	struct fetch_job job; /* first */
	struct fetch_request request;
	struct arena *arena;
	const struct extension *extension;
	sem_t *ended; /* counts them */
};

static const struct fetch_header json_header[] = {{TEXT("Content-Type"), TEXT("application/json")}};

/* On the http lane's thread. */
static void ended(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct notice *n = (struct notice *)job;

	if (response)
		log_event(LOG_INFO, "extension told to end",
			LOG_SLICE("name", n->extension->row.name),
			LOG_NUMBER("status", response->status));
	else
		log_event(LOG_WARN, "extension not told to end",
			LOG_SLICE("name", n->extension->row.name),
			LOG_TEXT("reason", error->message));
	sem_post(n->ended);
}

static bool send_notice(struct fetch_lane *fetch, struct notice *n, int64_t term_at)
{
	int64_t left = (term_at - clock_now()) / CLOCK_MS;

	left = left > 1 ? left : 1;
	n->request = (struct fetch_request){
		.method = "POST",
		.url = arena_printf(
			n->arena, "http://%s/extension/shutdown", n->extension->address),
		.headers = json_header,
		.header_count = 1,
		.body = text_of(
			arena_printf(n->arena, "{\"reason\":\"SPINDOWN\",\"deadlineMs\":%lld}",
				(long long)(clock_unix_ms() + left))),
		.connect_timeout_ms = left,
		.total_timeout_ms = left,
		.response_limit = RESPONSE_LIMIT,
		.own_host = true,
		.fresh = true,
	};
	n->job = (struct fetch_job){
		.arena = n->arena, .request = &n->request, .deadline = term_at, .done = ended};
	return fetch_submit(fetch, &n->job);
}

static bool runs(struct processes *processes, const struct extension *e)
{
	int pid;

	return e->row.own && e->row.pid && processes_find(processes, e->row.name, &pid) &&
	       pid == e->row.pid;
}

void notices_send(struct fetch_lane *fetch, struct processes *processes, int64_t term_at)
{
	struct notice notices[EXTENSIONS_MAX];
	struct extension_list list;
	size_t sent = 0;
	sem_t all;

	CHECK(sem_init(&all, 0, 0) == 0);
	known_list(&list);
	for (size_t i = 0; i < list.count; i++) {
		struct notice *n = &notices[i];

		*n = (struct notice){
			.arena = arena_new(0), .extension = list.items[i], .ended = &all};
		if (runs(processes, n->extension) && send_notice(fetch, n, term_at))
			sent++;
	}
	while (sent > 0)
		if (sem_wait(&all) == 0)
			sent--;
	for (size_t i = 0; i < list.count; i++)
		arena_free(&notices[i].arena);
	known_release(&list);
	sem_destroy(&all);
}
