/*
 * Call: one RPC on its way through its steps.
 *
 * A step is an ordinary function that never blocks. It ends by replying, by failing, or by handing
 * the call to a lane together with the step that follows; what it returns is the result of one of
 * those, so that every path of a step ends in exactly one of them. Steps run on an rpc thread
 * (the first) or on the thread of the lane that the call comes from; one thread at a time, so a
 * step needs no lock for what belongs to its call. Everything born in a call lives in its arena and
 * dies with it. When a step has ended, the call may be gone: touch nothing of it afterwards.
 */
#ifndef JUNCTION_SERVER_CALL_H
#define JUNCTION_SERVER_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/trace.h"
#include "proto/runtime/api.h"
#include "server/lane/fetch_stream.h"
#include "server/lane/follower.h"
#include "server/lane/sql.h"
#include "server/lane/stream.h"
#include "server/lane/work.h"

struct call;

/* How a step ended. Only the functions below make one. */
enum next { NEXT_ENDED, NEXT_LANE };

typedef enum next call_step(struct call *c);

/* Who calls, as far as is known: from metadata and the connection. Texts live in the call's arena,
 * empty if unknown. */
struct caller {
	struct text space;       /* namespace: metadata x-namespace, default "default" */
	struct text address;     /* "127.0.0.1:4711" of the outermost caller that is known */
	struct text application; /* of the two one is set if it has shown who it is, or none */
	struct text user;
	struct text roles; /* those that it has, as text of a PostgreSQL array */
	/* The gate's, or NULL: roles that a token of an outside issuer says. In the arena. */
	const struct text *claimed_roles;
	size_t claimed_count;
	bool anonymous; /* has not shown who it is, and may do everything: the server is open */
	/* On clock_now(): when that by which it has shown who it is ends; 0: never. A stream is
	 * failed then, while it waits or when its next message has been sent or received. */
	int64_t known_until;
	bool bridge;        /* the call came through the bridge */
	bool forwarded;     /* it has passed a proxy, as far as is told */
	struct trace trace; /* taken from the metadata, or made */
	int hops;           /* Junctions that this call has passed, this one not counted */
};

/* What a call shows of who makes it. Texts as sent, empty if they are missing. */
struct call_credentials {
	struct text authorization; /* metadata */
	/* It comes from beyond this machine or through a proxy, as far as is told: metadata
	 * forwarded, x-forwarded-for or via, or the bridge says so (junction-exposed). */
	bool exposed;
};

/* What the rules of a subject say of several names of one thing. */
struct call_verdict {
	bool allowed;
	const char *reason; /* a sentence, in the arena */
	int64_t until;      /* on clock_now(): when what allows it ends; 0: never */
};

/* Who lets calls in. Any thread. */
struct call_gate {
	/* Before the first step, on an rpc thread, never waiting: says in c->caller who calls.
	 * False with c->status set: refused. */
	bool (*admit)(struct call *c);
	/* Whether the caller may reach that action of a registered service. False with c->status
	 * set: PERMISSION_DENIED. */
	bool (*may)(struct call *c, struct text service, struct text action, struct text method);
	/* Calls without credentials may do everything, and this one may be such. */
	bool (*is_open)(const struct call *c);
	/* Of a method that anybody may call: says in c->caller who calls, as admit() does of any
	 * other. False with c->status set. */
	bool (*identify)(struct call *c);
	/* Whether that caller may reach something of a service that has several names: what any
	 * rule denies by one of them is denied, else what any allows by one of them is allowed. */
	void (*judge)(struct call *c, const struct caller *caller, struct text service,
		const struct text *actions, size_t count, struct text method,
		struct call_verdict *verdict);
	/* A token for a service that says who calls: a JWT signed by Junction's key, good for so
	 * many seconds. False with c->status set. */
	bool (*vouch)(struct call *c, struct text audience, int64_t seconds, struct text *token);
};

/* What carries a call: server/rpc. begin, send and receive end by running c->then (begin: then), or
 * by failing the call if the client has gone. */
struct call_transport {
	/* Sends the status, and before it the response if there is one. */
	void (*finish)(struct call *c);
	/* Tells the client that its stream has begun, unless it knows. */
	void (*begin)(struct call *c, call_step *then);
	/* Ends the turn as soon as the message is packed. */
	void (*send)(struct call *c, const ProtobufCMessage *message, bool more);
	void (*receive)(struct call *c);
	/* Any thread, at any time before at_end(). */
	void (*break_off)(struct call *c, enum status_code code, const char *message);
};

struct call {
	struct arena *arena;
	struct arena *turn; /* of a stream: see below; of any other call the same as arena */
	const struct api_method *method;
	/* Of a client stream: NULL in the first step, then what stream_receive() has brought. */
	const ProtobufCMessage *request;
	void *state; /* what the steps hand on to each other; NULL at first */
	/* NULL, or set by a step: runs once when the call ends, however it ends, on whatever thread
	 * that is. For what does not live in the arena. */
	void (*at_end)(struct call *c);
	struct caller caller;
	struct call_credentials given; /* in the arena */
	int64_t deadline;      /* on clock_now(); CLOCK_NEVER only of a stream, or of a call of a
				  third party (API_ACCESS_CALL), without one */
	int64_t lane_limit;    /* nanoseconds that a lane may take, if the deadline is later */
	atomic_bool cancelled; /* set by the rpc thread when the client has gone or the deadline
				  passed */
	struct status status;  /* why it failed; message and field live in the arena */

	/* What follows is the runtime's. */
	const struct call_transport *transport;
	struct text response; /* serialized reply; data NULL: none */
	void *then;           /* the step that follows the lane, or the message */
	call_step *unreached; /* the one that does instead, if a third party was not reached */
	struct fetch_stream *answer; /* NULL: none is open */
	void (*work)(struct call *c);
	union {
		struct sql_job sql;
		struct append_job append;
		struct fetch_job fetch;
		struct fetch_read read;
		struct fetch_put put;
		struct work_job work;
		struct wait_job wait;
		struct follow_job follow;
	} lane;
};

/* The request, of the type that the method's proto names. */
#define call_request(c, type) ((const type *)(c)->request)

/* --- how a step ends ---------------------------------------------------------------------- */

enum next reply(struct call *c, const ProtobufCMessage *message);
#define REPLY(c, message) reply((c), &(message)->base)

enum next fail(struct call *c, enum status_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* INVALID_ARGUMENT with google.rpc.BadRequest; the message becomes "field: rule". */
enum next fail_field(struct call *c, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* With the reason already in c->status. */
enum next failed(struct call *c);

/* --- lanes: see the headers in server/lane for what each promises --------------------------- */

/* A bounded read on a shared, pipelined connection. Parameters live in the call's arena. */
enum next query(struct call *c, const struct statement *s, const struct text *parameters,
	enum next (*then)(struct call *c, const struct rows *rows));
/* A read without small bound, or a write that is no append, on a connection of its own. */
enum next change(struct call *c, const struct statement *s, const struct text *parameters,
	enum next (*then)(struct call *c, const struct rows *rows));
/* A read that callers can make as long as they like, on a connection of its own that cannot write,
 * apart from those of changes. What takes too long fails with DEADLINE_EXCEEDED, and the message
 * says what to do about it. A statement that is made for the call has no name and lives in its
 * arena, as the parameters do. */
enum next search(struct call *c, const struct statement *s, const struct text *parameters,
	enum next (*then)(struct call *c, const struct rows *rows));
/* A durable insert that shares its statement and commit with others. row: index of its result row
 * in rows. */
enum next append(struct call *c, const struct append_log *log, struct text key,
	const struct text *columns,
	enum next (*then)(struct call *c, const struct rows *rows, int row));
/* A third party's answer over HTTP: the request's own timeout counts, and the call's deadline.
 * unreached: NULL, or the step that follows, with the reason in c->status, if nothing of the
 * request can have arrived. */
enum next fetch(struct call *c, const struct fetch_request *request,
	enum next (*then)(struct call *c, const struct fetch_response *response),
	call_step *unreached);
/* The same, but then() runs when the header has come, with an empty body, and fetch_next() brings
 * the body piece by piece, empty at its end; a piece is gone when then() has ended. The times and
 * errors are those of fetch_stream.h. One answer is open at a time; the end of the call, or
 * another fetch_open(), breaks off what has not come of it. */
enum next fetch_open(struct call *c, const struct fetch_request *request,
	enum next (*then)(struct call *c, const struct fetch_response *response),
	call_step *unreached);
enum next fetch_next(
	struct call *c, enum next (*then)(struct call *c, const struct fetch_response *response));
/* A request whose body follows (fetch_request.body_follows): fetch_begin(), which ends no step,
 * then fetch_put() for each piece, which lives until then(), and at last fetch_next(), which brings
 * the header of the answer like fetch_open(). wanted false: no more of the body is taken,
 * fetch_next() tells why. False with c->status set: the lane is full. */
bool fetch_begin(struct call *c, const struct fetch_request *request);
enum next fetch_put(
	struct call *c, struct text bytes, enum next (*then)(struct call *c, bool wanted));
/* CPU or a blocking library call, on the work pool; run() must not touch the runtime. */
enum next work(struct call *c, void (*run)(struct call *c), call_step *then);

/* --- streams -------------------------------------------------------------------------------
 *
 * A server stream is answered by stream_send(), message by message, and ended by stream_end() or
 * by failing; a client stream is read by stream_receive(), and a call that only its requests
 * stream is ended by reply(). One message is under way at a time: a client that does not read
 * holds up its own stream and nobody else's.
 *
 * A stream may go on for days, so what is made for one message belongs in c->turn: it is emptied
 * when stream_send(), stream_receive() or stream_wait() takes the call, and holds the message that
 * stream_receive() brings. Other lanes leave it as it is. The call's arena lives until the end.
 * A stream has no deadline unless its client gave one.
 */

/* Sends a message; then() runs when there is room for the next one. more: the next one follows at
 * once, so the transport may hold this one back to send them together. */
enum next stream_send(struct call *c, const ProtobufCMessage *message, bool more, call_step *then);
#define STREAM_SEND(c, message, more, then) stream_send((c), &(message)->base, (more), (then))
/* The next message of the client as c->request; NULL after its last. A client that leaves before
 * its last message ends the call; only if it has been sent something already may the step get NULL
 * for that, too. */
enum next stream_receive(struct call *c, call_step *then);
/* Waits in the stream lane until the bell has rung more often than seen, or until. Tells the client
 * that its stream has begun, if nothing has been sent yet. Not then(), but the end of the call, if
 * the client leaves, its deadline passes or the server shuts down. */
enum next stream_wait(
	struct call *c, struct bell *bell, uint64_t seen, int64_t until, call_step *then);
/* All is sent: OK. */
enum next stream_end(struct call *c);
/* Takes the turn's memory, with the message in it, for what goes on while further messages are
 * received: the caller frees it. c->turn is a new one. */
struct arena *stream_take_turn(struct call *c);
/* The transport's: empties c->turn, and forgets the request that lives in it. */
void call_end_turn(struct call *c);

/* From outside of its steps, and any thread: ends a call whose client is in the way, for one that
 * does not take its message. The client is told; the step under way learns of it like of a client
 * that has gone. Only before at_end(). message: a constant. */
void call_break_off(struct call *c, enum status_code code, const char *message);

/* Once readers of what is followed see that revision, which is committed, so that the caller's next
 * read sees it; or all that was committed, by any server, before now. then() is on the follower's
 * thread. UNAVAILABLE if the call is over before. */
enum next follow_visible(struct call *c, struct follower *f, int64_t revision, call_step *then);
enum next follow_current(struct call *c, struct follower *f, call_step *then);

/* Parks the call in a place of the caller's own (a waiting list) which later, on one thread,
 * resumes or fails it exactly once. */
enum next call_parked(struct call *c);
void call_resume(struct call *c, call_step *then);

/* The client has gone or the deadline passed: no need to go on. */
bool call_over(const struct call *c);

/* Bound once, before the first call; without a gate all may do everything. */
void call_use_gate(const struct call_gate *gate);
bool call_admit(struct call *c);
/* False with c->status set, UNAUTHENTICATED: what has shown who calls has ended meanwhile. */
bool call_still_known(struct call *c);
/* For methods that check their target (options.proto): as call_gate.may. service and action as they
 * are registered; method in upper case. */
bool call_may(struct call *c, struct text service, struct text action, struct text method);

/* As those of call_gate; without a gate everything is open, and nobody is known. */
bool call_is_open(const struct call *c);
bool call_identify(struct call *c);
void call_judge(struct call *c, const struct caller *caller, struct text service,
	const struct text *actions, size_t count, struct text method, struct call_verdict *verdict);
bool call_vouch(struct call *c, struct text audience, int64_t seconds, struct text *token);
/* Who is to know that what callers are and may do has changed; any thread calls it. Once, before
 * the first call; or never. */
void call_on_gate_change(void (*tell)(void));
void call_gate_changed(void); /* the gate's */

/* Bound to the lanes once, before the first call. */
void call_use_lanes(struct lanes *lanes, struct fetch_lane *fetch, struct stream_lane *streams);
/* The lane that streams wait in, for bell_ring(). */
struct stream_lane *call_streams(void);
/* For a call that has several jobs in the lanes, and parks itself: where they go, and until when
 * they may take. */
struct lanes *call_lanes(void);
int64_t call_lane_deadline(const struct call *c);

#endif
