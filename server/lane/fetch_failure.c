/* How a transfer failed, in words. */
#include <errno.h>

#include "base/clock.h"
#include "server/lane/fetch_stream.h"
#include "server/lane/fetch_transfer.h"

static const char *connect_phase(const struct transfer *t)
{
	if (!t->easy)
		return "waiting for a free connection";
	if (!t->resolved)
		return "resolving the name";
	return t->https ? "connecting or in the TLS handshake" : "connecting";
}

/* A body that follows has not been sent whole. */
static void timed_out_sending(struct transfer *t, bool put, long ms, struct status *error)
{
	struct fetch_job *job = t->job;

	if (clock_now() < job->deadline)
		status_set(error, job->arena, STATUS_DEADLINE_EXCEEDED,
			"%s did not take the request: nothing of it went for %lld ms", t->target,
			(long long)job->request->total_timeout_ms);
	else if (put)
		status_set(error, job->arena, STATUS_DEADLINE_EXCEEDED,
			"%s did not take the whole request: timed out after %ld ms", t->target, ms);
	else
		status_set(error, job->arena, STATUS_DEADLINE_EXCEEDED,
			"%s was not sent the whole request in time: timed out after %ld ms",
			t->target, ms);
}

void transfer_timed_out(struct transfer *t, struct status *error)
{
	struct arena *a = t->job->arena;
	long ms = (long)((clock_now() - t->begun) / CLOCK_MS);
	bool put;

	if (t->connected && t->job->stream && fetch_stream_sends(t->job->stream, &put)) {
		timed_out_sending(t, put, ms, error);
		return;
	}
	if (!t->connected)
		status_set(error, a, STATUS_DEADLINE_EXCEEDED,
			"%s was not reached: timed out after %ld ms, %s", t->target, ms,
			connect_phase(t));
	else if (!t->answered)
		status_set(error, a, STATUS_DEADLINE_EXCEEDED,
			"%s did not answer: timed out after %ld ms", t->target, ms);
	else if (t->job->stream && clock_now() < t->job->deadline)
		status_set(error, a, STATUS_DEADLINE_EXCEEDED,
			"%s did not go on with its answer: nothing came for %lld ms", t->target,
			(long long)t->job->request->total_timeout_ms);
	else
		status_set(error, a, STATUS_DEADLINE_EXCEEDED,
			"%s did not finish its answer: timed out after %ld ms", t->target, ms);
}

void transfer_not_reached(struct transfer *t, CURLcode result, struct status *error)
{
	struct arena *a = t->job->arena;
	long number = 0;

	if (t->refusal && !t->opened) {
		status_set(error, a, STATUS_PERMISSION_DENIED, "Junction may not connect to %s: %s",
			t->target, t->refusal);
		return;
	}
	if (result == CURLE_COULDNT_RESOLVE_HOST) {
		status_set(error, a, STATUS_UNAVAILABLE,
			"%s was not reached: the name cannot be resolved", t->target);
		return;
	}
	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
	if (result == CURLE_COULDNT_CONNECT && number != 0)
		status_set(error, a, STATUS_UNAVAILABLE, "%s was not reached: %s", t->target,
			number == ECONNREFUSED ? "connection refused" : strerror((int)number));
	else
		status_set(error, a, STATUS_UNAVAILABLE, "%s was not reached: %s", t->target,
			t->error[0] ? t->error : curl_easy_strerror(result));
}

/* Sending failed on a connection that had been kept: as good as its end, after which curl would
 * have sent the request again. */
static bool kept_died(struct transfer *t, CURLcode result)
{
	long made = 1;

	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &made);
	return t->resend || (result == CURLE_SEND_ERROR && made == 0 && !t->answered);
}

static void set_broken_off(struct transfer *t, CURLcode result, struct status *error)
{
	struct arena *a = t->job->arena;

	if (kept_died(t, result))
		status_set(error, a, STATUS_UNAVAILABLE,
			"%s closed a kept connection without an answer; the request may have "
			"arrived and is not sent again",
			t->target);
	else if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WEIRD_SERVER_REPLY)
		status_set(error, a, STATUS_UNAVAILABLE, "%s does not answer in HTTP", t->target);
	else if (!t->answered)
		status_set(error, a, STATUS_UNAVAILABLE, "%s broke off before its answer: %s",
			t->target, curl_easy_strerror(result));
	else
		status_set(error, a,
			t->job->stream && t->headers_done ? STATUS_DATA_LOSS : STATUS_UNAVAILABLE,
			"%s broke off its answer: %s", t->target, curl_easy_strerror(result));
}

void transfer_failed(struct transfer *t, CURLcode result, struct status *error)
{
	if (t->excess)
		status_set(error, t->job->arena, STATUS_RESOURCE_EXHAUSTED,
			"the answer of %s is too large: its %s", t->target, t->excess);
	else if (result == CURLE_OPERATION_TIMEDOUT)
		transfer_timed_out(t, error);
	else if (!t->connected)
		transfer_not_reached(t, result, error);
	else
		set_broken_off(t, result, error);
}
