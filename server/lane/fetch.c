/*
 * Design: one thread, one libuv loop, one curl multi handle driven by curl_multi_socket_action():
 * a uv_poll for each socket, one uv_timer for all of curl's timeouts.
 *
 * Who waits for a free connection waits here and not in curl, whose pending list stands still
 * behind one host that does not answer: each host has its own queue, hosts take turns. A sweep
 * every 50 ms, while there are jobs, ends those whose caller has gone or whose time is up, waiting
 * or not. done() comes last in a job's life here: its arena, and the transfer in it, may be gone
 * when it returns. Mails wait here, too, but go by threads of their own (fetch_mail.h).
 */
#include "server/lane/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/lane/fetch_mail.h"
#include "server/lane/fetch_stream.h"
#include "server/lane/fetch_transfer.h"

enum { SWEEP_MS = 50 };

#define STOPPING "Junction is stopping"
#define GONE     "the caller has gone"

TAILQ_HEAD(transfers, transfer);

/* A target that has transfers; gone with its last one. */
struct host {
	TAILQ_ENTRY(host) in_lane;
	struct transfers waiting;
	char *name; /* "host:port" */
	bool https, mail;
	int active, limit;
	int transfers;
};

struct fetch_lane {
	struct fetch_options options;
	atomic_int jobs; /* accepted and not ended */

	/* The lane thread's. */
	struct loop *loop;
	CURLM *multi;
	struct mailers *mailers;
	uv_timer_t curl_timer, sweep_timer;
	struct transfers all;
	TAILQ_HEAD(, host) hosts; /* in the order of their turns */
	int active;
	CURL **idle; /* easy handles kept for reuse */
	int idle_count;
	bool stopping;
	struct loop_task stop_task;
};

/* --- easy handles ---------------------------------------------------------------------------- */

static CURL *easy_take(struct fetch_lane *lane)
{
	CURL *easy = lane->idle_count > 0 ? lane->idle[--lane->idle_count] : curl_easy_init();

	CHECK(easy);
	return easy;
}

static void easy_put(struct fetch_lane *lane, CURL *easy)
{
	lane->idle[lane->idle_count++] = easy; /* never more than were active at once */
}

/* --- hosts ----------------------------------------------------------------------------------- */

static struct host *host_join(struct fetch_lane *lane, const struct transfer *t)
{
	struct host *h;

	TAILQ_FOREACH(h, &lane->hosts, in_lane)
	{
		if (h->https == t->https && h->mail == t->mail && strcmp(h->name, t->target) == 0) {
			h->transfers++;
			return h;
		}
	}
	h = check_calloc(1, sizeof(*h));
	h->name = check_strdup(t->target);
	h->https = t->https;
	h->mail = t->mail;
	h->limit = lane->options.connections_per_host;
	if (h->mail && h->limit > MAILERS_PER_HOST)
		h->limit = MAILERS_PER_HOST;
	h->transfers = 1;
	TAILQ_INIT(&h->waiting);
	TAILQ_INSERT_TAIL(&lane->hosts, h, in_lane);
	return h;
}

static void host_leave(struct fetch_lane *lane, struct host *h)
{
	if (--h->transfers > 0)
		return;
	TAILQ_REMOVE(&lane->hosts, h, in_lane);
	free(h->name);
	free(h);
}

/* The host whose turn it is; goes to the end of the line. */
static struct host *host_next(struct fetch_lane *lane)
{
	struct host *h;

	TAILQ_FOREACH(h, &lane->hosts, in_lane)
	{
		if (TAILQ_EMPTY(&h->waiting) || h->active >= h->limit ||
			(h->mail && !mailers_free(lane->mailers)))
			continue;
		TAILQ_REMOVE(&lane->hosts, h, in_lane);
		TAILQ_INSERT_TAIL(&lane->hosts, h, in_lane);
		return h;
	}
	return NULL;
}

/* --- a job's life ---------------------------------------------------------------------------- */

static void start(struct fetch_lane *lane, struct transfer *t)
{
	TAILQ_REMOVE(&t->host->waiting, t, in_host);
	t->host->active++;
	lane->active++;
	t->started = true;
	if (t->mail) {
		mailers_send(lane->mailers, t);
		return;
	}
	transfer_prepare(t, easy_take(lane));
	CHECK(curl_multi_add_handle(lane->multi, t->easy) == CURLM_OK);
}

static void start_waiting(struct fetch_lane *lane)
{
	struct host *h;

	while (lane->active < lane->options.connections && (h = host_next(lane)))
		start(lane, TAILQ_FIRST(&h->waiting));
}

static void finish(struct fetch_lane *lane, struct fetch_job *job,
	const struct fetch_response *response, const struct status *error)
{
	atomic_fetch_sub(&lane->jobs, 1);
	job->done(job, response, response ? NULL : error);
}

/* Takes the transfer out of everything and ends its job. response, if any, is in its arena. */
static void leave(struct fetch_lane *lane, struct transfer *t,
	const struct fetch_response *response, const struct status *error)
{
	if (t->easy) {
		curl_multi_remove_handle(lane->multi, t->easy);
		easy_put(lane, transfer_release(t));
	}
	if (t->started) {
		t->host->active--;
		lane->active--;
	} else {
		TAILQ_REMOVE(&t->host->waiting, t, in_host);
	}
	host_leave(lane, t->host);
	TAILQ_REMOVE(&lane->all, t, in_lane);
	if (TAILQ_EMPTY(&lane->all))
		uv_timer_stop(&lane->sweep_timer);
	t->job->reached = t->connected;
	finish(lane, t->job, response, error);
}

/* A mail ends when its mailer has let go of it. */
static void give_up(struct fetch_lane *lane, struct transfer *t, enum status_code why)
{
	struct status error;

	t->given_up = why;
	if (t->mailer) {
		mailers_break(t);
		return;
	}
	if (why == STATUS_CANCELLED)
		status_set(&error, t->job->arena, why, GONE);
	else
		transfer_timed_out(t, &error);
	leave(lane, t, NULL, &error);
}

static void sweep(uv_timer_t *timer)
{
	struct fetch_lane *lane = timer->data;
	int64_t now = clock_now();
	struct transfer *t = TAILQ_FIRST(&lane->all);

	while (t) {
		struct transfer *next = TAILQ_NEXT(t, in_lane);

		if (t->job->cancelled && atomic_load(t->job->cancelled))
			give_up(lane, t, STATUS_CANCELLED);
		else if (now >= t->expires)
			give_up(lane, t, STATUS_DEADLINE_EXCEEDED);
		t = next;
	}
	start_waiting(lane);
}

static void on_mail_ended(struct transfer *t, void *arg)
{
	struct fetch_lane *lane = arg;
	struct status error = t->mail_error;

	if (t->given_up == STATUS_CANCELLED)
		status_set(&error, t->job->arena, t->given_up, GONE);
	else if (t->given_up)
		mail_timed_out(t, &error);
	leave(lane, t, t->mail_response, &error);
	start_waiting(lane);
}

static int64_t expiry(const struct fetch_job *job, int64_t now)
{
	int64_t own = now + job->request->total_timeout_ms * CLOCK_MS;

	return own < job->deadline ? own : job->deadline;
}

static void enter(struct loop_task *task)
{
	struct fetch_job *job = (struct fetch_job *)task;
	struct fetch_lane *lane = job->lane;
	struct transfer *t = ARENA_NEW(job->arena, struct transfer);
	struct status error;

	t->job = job;
	t->egress = lane->options.egress;
	t->begun = clock_now();
	t->expires = expiry(job, t->begun);
	if (lane->stopping)
		status_set(&error, job->arena, STATUS_UNAVAILABLE, STOPPING);
	if (lane->stopping || !transfer_read_url(t, &error) ||
		(t->mail && !mail_check(t, &error))) {
		finish(lane, job, NULL, &error);
		return;
	}
	if (job->stream)
		fetch_stream_enter(job->stream, t);
	t->host = host_join(lane, t);
	TAILQ_INSERT_TAIL(&t->host->waiting, t, in_host);
	TAILQ_INSERT_TAIL(&lane->all, t, in_lane);
	if (!uv_is_active((uv_handle_t *)&lane->sweep_timer))
		uv_timer_start(&lane->sweep_timer, sweep, SWEEP_MS, SWEEP_MS);
	start_waiting(lane);
}

bool fetch_submit(struct fetch_lane *lane, struct fetch_job *job)
{
	if (atomic_fetch_add(&lane->jobs, 1) >= lane->options.queue_limit) {
		atomic_fetch_sub(&lane->jobs, 1);
		return false;
	}
	job->lane = lane;
	job->reached = false;
	job->task.run = enter;
	loop_post(lane->loop, &job->task);
	return true;
}

int fetch_depth(const struct fetch_lane *lane)
{
	return atomic_load(&lane->jobs);
}

struct loop *fetch_loop(const struct fetch_lane *lane)
{
	return lane->loop;
}

/* --- curl on libuv --------------------------------------------------------------------------- */

static void finish_completed(struct fetch_lane *lane)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(lane->multi, &left))) {
		const struct fetch_response *response;
		CURLcode result = message->data.result;
		struct transfer *t;
		struct status error;

		if (message->msg != CURLMSG_DONE)
			continue;
		CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK);
		response = transfer_result(t, result, &error);
		leave(lane, t, response, &error);
	}
	start_waiting(lane);
}

static void drive(struct fetch_lane *lane, curl_socket_t socket, int events)
{
	int running;

	curl_multi_socket_action(lane->multi, socket, events, &running);
	finish_completed(lane);
}

static void on_curl_timer(uv_timer_t *timer)
{
	drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* A socket that curl waits for. */
struct watch {
	uv_poll_t poll;
	struct fetch_lane *lane;
	curl_socket_t socket;
	int events;
};

/* Reading comes first: a peer that refuses a request while it is being sent answers, closes and
 * resets the connection, and after a failed sending curl reads no more. On an error libuv has
 * stopped watching. */
static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int what = (w->events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		   (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

	if (status < 0) {
		what |= CURL_CSELECT_ERR;
		uv_poll_start(&w->poll, w->events, on_socket);
	}
	drive(w->lane, w->socket, what);
}

static void watch_free(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *watch_new(struct fetch_lane *lane, CURL *easy, curl_socket_t socket)
{
	struct watch *w = check_calloc(1, sizeof(*w));

	w->lane = lane;
	w->socket = socket;
	w->poll.data = w;
	CHECK(uv_poll_init_socket(loop_uv(lane->loop), &w->poll, socket) == 0);
	curl_multi_assign(lane->multi, socket, w);
	return w;
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
	struct fetch_lane *lane = arg;
	struct watch *w = socket_arg;
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	if (what != CURL_POLL_REMOVE) {
		w = w ? w : watch_new(lane, easy, socket);
		w->events = events;
		uv_poll_start(&w->poll, events, on_socket);
	} else if (w) {
		/* At once: curl may close the socket and get the same number again. */
		uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, watch_free);
		curl_multi_assign(lane->multi, socket, NULL);
	}
	return 0;
}

static int set_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct fetch_lane *lane = arg;

	if (ms < 0)
		uv_timer_stop(&lane->curl_timer);
	else if (!lane->stopping)
		uv_timer_start(&lane->curl_timer, on_curl_timer, ms, 0);
	return 0;
}

/* --- start and stop -------------------------------------------------------------------------- */

static void multi_init(struct fetch_lane *lane)
{
	lane->multi = curl_multi_init();
	CHECK(lane->multi);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)lane->options.connections);
}

struct fetch_lane *fetch_start(const struct fetch_options *options)
{
	struct fetch_lane *lane = check_calloc(1, sizeof(*lane));

	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	lane->options = *options;
	lane->idle = check_calloc(options->connections, sizeof(CURL *));
	TAILQ_INIT(&lane->all);
	TAILQ_INIT(&lane->hosts);
	lane->loop = loop_new("http");
	uv_timer_init(loop_uv(lane->loop), &lane->curl_timer);
	uv_timer_init(loop_uv(lane->loop), &lane->sweep_timer);
	lane->curl_timer.data = lane;
	lane->sweep_timer.data = lane;
	multi_init(lane);
	lane->mailers = mailers_new(lane->loop, on_mail_ended, lane);
	/* With NOSIGNAL curl leaves SIGPIPE to us; a loop's thread has all signals blocked. */
	loop_start(lane->loop);
	return lane;
}

static void stop(struct loop_task *task)
{
	struct fetch_lane *lane =
		(struct fetch_lane *)((char *)task - offsetof(struct fetch_lane, stop_task));
	struct transfer *t;

	lane->stopping = true;
	mailers_stop(lane->mailers);
	while ((t = TAILQ_FIRST(&lane->all))) {
		struct status error;

		status_set(&error, t->job->arena, STATUS_UNAVAILABLE, STOPPING);
		leave(lane, t, t->mail_response, &error);
	}
	while (lane->idle_count > 0)
		curl_easy_cleanup(lane->idle[--lane->idle_count]);
	curl_multi_cleanup(lane->multi);
	uv_close((uv_handle_t *)&lane->curl_timer, NULL);
	uv_close((uv_handle_t *)&lane->sweep_timer, NULL);
}

void fetch_stop(struct fetch_lane **lane)
{
	struct fetch_lane *l = *lane;

	if (!l)
		return;
	*lane = NULL;
	l->stop_task.run = stop;
	loop_post(l->loop, &l->stop_task);
	loop_stop(&l->loop);
	mailers_delete(&l->mailers);
	free(l->idle);
	free(l);
}
