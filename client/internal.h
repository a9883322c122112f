/*
 * What the files of libjunction share.
 *
 * An exchange is one call under way: made by exchange_begin() and ended by exchange_end(), by one
 * thread; exchange_cancel() may come from any other in between. A worker is the thread of a node, a
 * watch or a subscription.
 */
#ifndef JUNCTION_CLIENT_INTERNAL_H
#define JUNCTION_CLIENT_INTERNAL_H

#include <grpc/grpc.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/files.h"
#include "base/status.h"
#include "client/junction.h"

#define DEFAULT_TARGET "127.0.0.1:50051"

struct junction {
	grpc_channel *channel;
	char *space;
	int64_t timeout_ms;
	char *fault;           /* why no call can be made, or NULL */
	struct keeper *keeper; /* NULL: the client is nobody */
	/* The thread that attends to the channel. */
	pthread_t attendant;
	pthread_mutex_t lock; /* the channel is not destroyed while it is held */
	pthread_cond_t called;
	bool troubled, closing;
	grpc_completion_queue *states;
};

struct junction_reply {
	struct arena *arena;
	ProtobufCMessage *message;
};

/* A call was not delivered: the channel is looked after until it is ready. Any thread. */
void client_attend(struct junction *j);

struct exchange {
	struct junction *j;
	struct keeper *keeper; /* whose token it shows, or NULL */
	const char *method;
	int64_t until;   /* its deadline, on clock_now() */
	grpc_call *call; /* NULL: it could not even begin */
	grpc_completion_queue *queue;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *request, *sent;
	grpc_byte_buffer *payload; /* the message that came, or NULL */
	grpc_status_code code;
	grpc_slice details;
	grpc_slice bearer; /* the token that it shows, and its number */
	uint64_t token_number;
	bool one_answer;
	bool begun;     /* its batch was taken by C core */
	bool repeated;  /* with another token */
	bool settled;   /* code and details are there */
	bool cancelled; /* guarded by the keeper, if there is one */
};

#define EXCHANGE_FOREVER INT64_C(-1)

/* Sends the request, once there is a token if the client shows one; NULL: requests follow, as
 * batches of their own. one_answer: it is taken into payload before it settles, and with a request
 * the exchange is made once more if its token was refused. method lives until it settles. */
void exchange_begin(struct exchange *e, struct junction *j, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ms, bool one_answer);
/* The same, showing no token. */
void exchange_begin_plain(struct exchange *e, struct junction *j, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ms, bool one_answer);
/* Waits until it has begun or, since it cannot, settled: before batches of one's own. */
bool exchange_ready(struct exchange *e, int64_t timeout_ms);
/* Waits until code and details are there. False if they were not in that time. */
bool exchange_settle(struct exchange *e, int64_t timeout_ms);
void exchange_cancel(struct exchange *e);
/* Cancels what is still under way. Nothing else that was begun on the queue may be open. */
void exchange_end(struct exchange *e);
/* Waits for the batch with that tag. */
bool exchange_wait(struct exchange *e, void *tag, int64_t timeout_ms);

/* Ends it with a reason of ours. */
void exchange_fail(struct exchange *e, enum status_code code, const char *reason);

/* Fills error from a settled exchange that has failed. */
void exchange_refusal(const struct exchange *e, struct junction_error *error);
void error_set(struct junction_error *error, int code, const char *message);
/* The message on its way out. */
grpc_byte_buffer *message_pack(const ProtobufCMessage *message);
/* The message in the payload. NULL with the reason. */
struct junction_reply *reply_decode(grpc_byte_buffer *payload,
	const ProtobufCMessageDescriptor *response, struct junction_error *error);

struct exchange *stream_exchange(struct junction_stream *stream);

/* --- keeper: the token that a client shows, and who brings the next one -----------------------
 * Any thread. */

/* What the options say, into j->keeper. False with the reason if they cannot be used. */
bool keeper_open(
	struct junction *j, const struct junction_options *options, char reason[FILES_REASON_SIZE]);
void keeper_close(struct keeper **keeper); /* NULL allowed; clears the pointer */

/* Has the exchange take a token that is good, and waits for one. False if none came in that time;
 * else error->code is 0, or why there will be none. */
bool keeper_give(
	struct keeper *k, struct exchange *e, int64_t timeout_ms, struct junction_error *error);
/* The server has refused the token that the exchange took. False: there is no other. */
bool keeper_refused(struct keeper *k, const struct exchange *e);
/* There is a newer token than the one that the exchange took. */
bool keeper_renewed(struct keeper *k, const struct exchange *e);
/* The exchange goes on with another call. */
void keeper_set_call(struct keeper *k, struct exchange *e, grpc_call *call);
void keeper_cancel(struct keeper *k, struct exchange *e);

/* The id and secret of the options' key, the caller's; both NULL: they name none. False with the
 * reason. */
bool key_read(const struct junction_options *options, char **id, char **secret,
	char reason[FILES_REASON_SIZE]);

/* A copy in the arena. */
ProtobufCMessage *message_copy(struct arena *a, const ProtobufCMessage *message);

/* --- worker: a thread that can be told to stop while it waits or calls ------------------------ */

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool stopping;
	struct exchange *calling; /* what a stop cancels */
	int failures;             /* in a row; of the thread alone */
};

/* A thread that takes no signals. */
void thread_start(pthread_t *thread, void *(*run)(void *), void *context);

/* Its lock and condition; the rest is zero. */
void worker_open(struct worker *w);
void worker_close(struct worker *w);
void worker_start(struct worker *w, void *(*run)(void *), void *context);
/* Cancels what it waits for, and waits for its end. Any other thread, once. */
void worker_stop(struct worker *w);
/* By the worker itself: waits; false if it is to stop. */
bool worker_pause(struct worker *w, int64_t ms);
/* How long to pause after a failure: longer from one to the next, most_ms at most, but never less
 * than 50. */
int64_t worker_next_pause(struct worker *w, int64_t most_ms);
/* By the worker itself: pauses so. */
bool worker_back_off(struct worker *w, int64_t most_ms);
/* By the worker itself: from now on, until it is called with NULL, a stop cancels this. */
void worker_calls(struct worker *w, struct exchange *e);

/* --- following: a server stream that is opened again when it ends ------------------------------
 * From a worker's thread. Its part up to failed is set before following_start(). */

struct following {
	struct junction *j;
	const char *method;
	const ProtobufCMessageDescriptor *response;
	char **after; /* in the request: where it goes on */
	/* By the thread, one at a time. first: of a stream. Gives the cursor to go on after, or
	 * NULL: the one before. */
	const char *(*message)(struct following *f, const ProtobufCMessage *message, bool first);
	/* It is opened again afterwards, after a pause. Not called if only its token has ended. */
	void (*failed)(struct following *f, const struct junction_error *error);

	struct worker worker;
	struct arena *arena; /* of the request */
	ProtobufCMessage *request;
	char *cursor; /* the last one */
};

/* Its request, a copy, which lives as long as it. */
ProtobufCMessage *following_copy(struct following *f, const ProtobufCMessage *request);
void following_start(struct following *f);
/* Waits for a callback that is running. */
void following_stop(struct following *f);

#endif
