/*
 * A token is fixed, or a source brings one after the other: the program's own, or the one here that
 * exchanges an access key. A source is asked on a thread of the keeper's: when a call waits for a
 * token, when three quarters of a token's time are over, and when the server has refused one. As
 * long as there is a token that is good nobody waits for the next, and a failure hurts nobody: it
 * is tried again. Without one, who waits fails with the attempt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/option.h"
#include "client/internal.h"
#include "junction/v1/auth.pb-c.h"

enum { PAUSE_MOST_MS = 10000 };

struct keeper {
	/* Its lock guards what follows, its condition tells of changes, callers too: by broadcasts.
	 */
	struct worker worker;
	grpc_slice bearer;         /* "Bearer " and the token; empty: there is none */
	uint64_t number;           /* of the token: rises from one to the next */
	int64_t renew_at, ends_at; /* on clock_now() */
	bool wanted;               /* a call waits for a token */
	bool refused;              /* the server takes the token no more */
	uint64_t failures;         /* of the source */
	struct junction_error failure;
	/* NULL: the token is fixed, and there is no thread. */
	junction_token_callback *source;
	void *context;
	/* Of the source that exchanges a key, which runs on the keeper's thread. */
	struct junction *j;
	char *id, *secret;
	char *token, *refresh;
};

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

/* --- the source that exchanges a key ---------------------------------------------------------- */

/* A call that closing the client breaks off. */
static struct junction_reply *call(struct keeper *k, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
	struct junction_error *error)
{
	struct junction_reply *reply = NULL;
	struct exchange e;

	exchange_begin_plain(&e, k->j, method, request, k->j->timeout_ms, true);
	worker_calls(&k->worker, &e);
	exchange_settle(&e, EXCHANGE_FOREVER);
	worker_calls(&k->worker, NULL);
	if (e.code == GRPC_STATUS_OK)
		reply = reply_decode(e.payload, response, error);
	else
		exchange_refusal(&e, error);
	exchange_end(&e);
	return reply;
}

static void take_tokens(struct keeper *k, const char *token, const char *refresh, uint32_t seconds,
	int64_t *good_ms)
{
	forget(&k->token);
	k->token = check_strdup(token);
	k->refresh = check_strdup(refresh);
	*good_ms = (int64_t)seconds * 1000;
}

static bool issue(struct keeper *k, int64_t *good_ms, struct junction_error *error)
{
	Auth__IssueTokenRequest request = AUTH__ISSUE_TOKEN_REQUEST__INIT;

	request.access_key_id = k->id;
	request.secret = k->secret;
	struct junction_reply *reply = call(k, "/junction.v1.Auth/IssueToken", &request.base,
		&auth__issue_token_response__descriptor, error);
	if (!reply)
		return false;
	const Auth__IssueTokenResponse *r = (const void *)junction_reply_message(reply);
	take_tokens(k, r->access_token, r->refresh_token, r->expires_in, good_ms);
	junction_reply_free(&reply);
	return true;
}

/* A refresh token is shown once, whatever comes of it. */
static bool refresh(struct keeper *k, int64_t *good_ms, struct junction_error *error)
{
	Auth__RefreshRequest request = AUTH__REFRESH_REQUEST__INIT;

	request.refresh_token = k->refresh;
	struct junction_reply *reply = call(k, "/junction.v1.Auth/Refresh", &request.base,
		&auth__refresh_response__descriptor, error);
	forget(&k->refresh);
	if (!reply)
		return false;
	const Auth__RefreshResponse *r = (const void *)junction_reply_message(reply);
	take_tokens(k, r->access_token, r->refresh_token, r->expires_in, good_ms);
	junction_reply_free(&reply);
	return true;
}

static const char *exchange_key(
	void *context, bool refused, int64_t *good_ms, struct junction_error *error)
{
	struct keeper *k = context;

	if (refused)
		forget(&k->refresh);
	if (k->refresh && refresh(k, good_ms, error))
		return k->token;
	return issue(k, good_ms, error) ? k->token : NULL;
}

/* --- its thread ------------------------------------------------------------------------------- */

static void set_token(struct keeper *k, const char *token)
{
	grpc_slice_unref(k->bearer);
	k->bearer = grpc_slice_malloc(strlen("Bearer ") + strlen(token));
	memcpy(GRPC_SLICE_START_PTR(k->bearer), "Bearer ", strlen("Bearer "));
	memcpy(GRPC_SLICE_START_PTR(k->bearer) + strlen("Bearer "), token, strlen(token));
	k->number++;
	k->refused = false;
	k->renew_at = k->ends_at = CLOCK_NEVER;
}

/* As a header can have it. */
static bool is_legal(const char *token)
{
	for (; *token > ' ' && *token < 127; token++)
		;
	return !*token;
}

static void took(struct keeper *k, const char *token, int64_t since, int64_t good_ms)
{
	k->worker.failures = 0;
	set_token(k, token);
	if (good_ms > 0) {
		k->renew_at = since + good_ms * CLOCK_MS / 4 * 3;
		k->ends_at = since + good_ms * CLOCK_MS;
	}
}

static bool is_good(const struct keeper *k)
{
	return GRPC_SLICE_LENGTH(k->bearer) && !k->refused && clock_now() < k->ends_at;
}

static void failed(struct keeper *k, const struct junction_error *error)
{
	k->failures++;
	k->failure = *error;
	k->renew_at =
		is_good(k) ? clock_now() + worker_next_pause(&k->worker, PAUSE_MOST_MS) * CLOCK_MS
			   : CLOCK_NEVER;
}

static void renew(struct keeper *k, bool refused)
{
	struct junction_error error = {STATUS_UNKNOWN, "no reason was given"};
	int64_t since = clock_now(), good_ms = 0;
	const char *token = k->source(k->context, refused, &good_ms, &error);

	if (token && !is_legal(token)) {
		error_set(&error, STATUS_INVALID_ARGUMENT, "the token is not a legal header value");
		token = NULL;
	}
	pthread_mutex_lock(&k->worker.lock);
	k->wanted = false;
	if (token)
		took(k, token, since, good_ms);
	else
		failed(k, &error);
	pthread_cond_broadcast(&k->worker.told);
	pthread_mutex_unlock(&k->worker.lock);
}

static void wait_until(struct keeper *k, int64_t until)
{
	struct timespec at = {until / CLOCK_SECOND, until % CLOCK_SECOND};

	pthread_cond_timedwait(&k->worker.told, &k->worker.lock, &at);
}

static void *keep(void *context)
{
	struct keeper *k = context;
	bool go_on = true;

	while (go_on) {
		pthread_mutex_lock(&k->worker.lock);
		while (!k->worker.stopping && !k->wanted && clock_now() < k->renew_at)
			wait_until(k, k->renew_at);
		bool refused = k->refused;
		go_on = !k->worker.stopping;
		pthread_mutex_unlock(&k->worker.lock);
		if (go_on)
			renew(k, refused);
	}
	return NULL;
}

/* --- for exchanges ---------------------------------------------------------------------------- */

/* While the lock is held. False: not in that time. */
static bool wait_for_token(struct keeper *k, const struct exchange *e, int64_t until)
{
	uint64_t failures = k->failures;

	while (!is_good(k) && k->failures == failures && !e->cancelled && clock_now() < until) {
		if (!k->wanted)
			pthread_cond_broadcast(&k->worker.told);
		k->wanted = true;
		wait_until(k, until);
	}
	return is_good(k) || k->failures != failures || e->cancelled;
}

static void give(struct keeper *k, struct exchange *e, struct junction_error *error)
{
	if (e->cancelled)
		error_set(error, STATUS_CANCELLED, "the call was cancelled");
	else if (!is_good(k))
		*error = k->failure;
	else {
		e->bearer = grpc_slice_ref(k->bearer);
		e->token_number = k->number;
	}
}

bool keeper_give(
	struct keeper *k, struct exchange *e, int64_t timeout_ms, struct junction_error *error)
{
	int64_t until = timeout_ms < 0 ? CLOCK_NEVER : clock_now() + timeout_ms * CLOCK_MS;
	bool late = e->until <= until;

	pthread_mutex_lock(&k->worker.lock);
	bool told = wait_for_token(k, e, late ? e->until : until);
	if (told)
		give(k, e, error);
	else if (late)
		error_set(error, STATUS_DEADLINE_EXCEEDED, "no token came in time");
	pthread_mutex_unlock(&k->worker.lock);
	return told || late;
}

bool keeper_refused(struct keeper *k, const struct exchange *e)
{
	if (!k->source)
		return false;
	pthread_mutex_lock(&k->worker.lock);
	if (e->token_number == k->number)
		k->refused = true;
	pthread_mutex_unlock(&k->worker.lock);
	return true;
}

bool keeper_renewed(struct keeper *k, const struct exchange *e)
{
	pthread_mutex_lock(&k->worker.lock);
	bool renewed = e->token_number != k->number;
	pthread_mutex_unlock(&k->worker.lock);
	return renewed;
}

void keeper_set_call(struct keeper *k, struct exchange *e, grpc_call *call)
{
	pthread_mutex_lock(&k->worker.lock);
	grpc_call_unref(e->call);
	e->call = call;
	pthread_mutex_unlock(&k->worker.lock);
}

void keeper_cancel(struct keeper *k, struct exchange *e)
{
	pthread_mutex_lock(&k->worker.lock);
	e->cancelled = true;
	if (e->call)
		grpc_call_cancel(e->call, NULL);
	pthread_cond_broadcast(&k->worker.told);
	pthread_mutex_unlock(&k->worker.lock);
}

/* --- its life --------------------------------------------------------------------------------- */

/* What is wrong with them, or NULL. */
static const char *find_fault(const struct junction_options *o)
{
	bool key = o->access_key_id || o->access_key_secret;

	if (!!o->token + !!o->key_file + !!o->get_token + key > 1)
		return "token, key file, access key and token source exclude each other";
	if (o->token && !(*o->token && is_legal(o->token)))
		return "token: is not a legal header value";
	if (!o->ca && !o->insecure_credentials &&
		!option_local(o->target ? o->target : DEFAULT_TARGET))
		return "credentials are not sent in plain text to another machine: give a ca, for "
		       "TLS, or allow it as insecure credentials";
	return NULL;
}

bool keeper_open(
	struct junction *j, const struct junction_options *options, char reason[FILES_REASON_SIZE])
{
	if (!options->token && !options->key_file && !options->get_token &&
		!options->access_key_id && !options->access_key_secret)
		return true;
	const char *fault = find_fault(options);
	char *id = NULL, *secret = NULL;
	if (fault)
		snprintf(reason, FILES_REASON_SIZE, "%s", fault);
	if (fault || !key_read(options, &id, &secret, reason)) {
		forget(&id);
		forget(&secret);
		return false;
	}
	struct keeper *k = check_calloc(1, sizeof(*k));
	*k = (struct keeper){.j = j,
		.id = id,
		.secret = secret,
		.source = id ? exchange_key : options->get_token,
		.context = id ? k : options->get_token_context,
		.bearer = grpc_empty_slice(),
		.renew_at = CLOCK_NEVER};
	if (options->token)
		set_token(k, options->token);
	worker_open(&k->worker);
	if (k->source)
		worker_start(&k->worker, keep, k);
	j->keeper = k;
	return true;
}

void keeper_close(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	if (!k)
		return;
	if (k->source)
		worker_stop(&k->worker);
	worker_close(&k->worker);
	explicit_bzero(GRPC_SLICE_START_PTR(k->bearer), GRPC_SLICE_LENGTH(k->bearer));
	grpc_slice_unref(k->bearer);
	forget(&k->id);
	forget(&k->secret);
	forget(&k->token);
	forget(&k->refresh);
	free(k);
	*keeper = NULL;
}
