/*
 * Fetch stream: the answer of a third party to one request, taken piece by piece, of any size in
 * constant memory.
 *
 * Any thread opens, reads, puts and closes. One read is under way at a time; it ends exactly once,
 * on the lane's thread, by its done(): the first one with the answer's header, each other one with
 * the next piece of its body. What is read ahead is one piece, and 64 KiB in curl and in the
 * socket's buffers; then the peer has to wait. A body that is put costs 256 KiB in curl. A user
 * that does not read holds up its own transfer, and one of the connections to that host.
 *
 * total_timeout_ms of the request is the time until the header has come, and after that the longest
 * silence while a read waits. Of a request whose body follows it is the longest time in which the
 * peer takes nothing while a put waits, and the time until the header begins with the first read.
 * response_limit does not count. Bytes are not decoded: what the peer encodes though it was asked
 * for identity stays so. The bytes of a piece are the lane's, and gone when done() returns. Errors
 * are those of a fetch job; after the header one that is broken off is DATA_LOSS, given when all
 * that came before has been read.
 */
#ifndef JUNCTION_SERVER_LANE_FETCH_STREAM_H
#define JUNCTION_SERVER_LANE_FETCH_STREAM_H

#include "server/lane/fetch.h"

#define FETCH_PIECE_SIZE (256 * 1024) /* at most */

struct fetch_stream;

/* request: copied. NULL: the lane is full. */
struct fetch_stream *fetch_stream_open(
	struct fetch_lane *lane, const struct fetch_request *request, int64_t deadline);
/* Breaks the transfer off, unless it has ended, within 50 ms. Not while a read or a put is under
 * way; done() may call it. Before the lane stops. */
void fetch_stream_close(struct fetch_stream **s); /* NULL allowed; clears the pointer */

struct fetch_read {
	struct loop_task task;
	struct fetch_stream *stream;
	const atomic_bool *cancelled; /* or NULL; ends the transfer too */
	/* response: NULL with the reason in error, at every read from then on. body: empty in the
	 * first read, then the piece, empty at the end. status, reason and headers live until the
	 * stream is closed. */
	void (*done)(struct fetch_read *read, const struct fetch_response *response,
		const struct status *error);
};

void fetch_stream_read(struct fetch_stream *s, struct fetch_read *read);

/*
 * A request with a body that follows is sent as its pieces are put, one at a time, all of them
 * before the first read or until one of them is not wanted any more. What is put is held by nobody:
 * curl takes it as the peer does, and done() comes when all of it has been taken.
 */
struct fetch_put {
	struct loop_task task;
	struct fetch_stream *stream;
	struct text bytes;            /* live until done(); together never more than body_size */
	const atomic_bool *cancelled; /* or NULL; ends the transfer too */
	/* wanted false: the peer takes no more of the body, since an answer of 300 or more has
	 * begun or the transfer has ended: reading tells which, and nothing more is to be put. */
	void (*done)(struct fetch_put *put, bool wanted);
};

void fetch_stream_put(struct fetch_stream *s, struct fetch_put *put);
/* In done(), after a failure: something of the request may have arrived. */
bool fetch_stream_reached(const struct fetch_stream *s);

/* --- for the transfer, within curl's callbacks ---------------------------------------------- */

struct transfer;

/* It is on its way, and the stream says from now on when its time is up. */
void fetch_stream_enter(struct fetch_stream *s, struct transfer *t);
/* The header is complete. */
void fetch_stream_begin(struct fetch_stream *s);
/* False: there is no room, the transfer pauses and brings the same bytes again later. */
bool fetch_stream_take(struct fetch_stream *s, struct text bytes);
/* Bytes of the request's body, at most room, for curl to send; or what else a read callback of curl
 * may return: 0 if there are no more, or CURL_READFUNC_PAUSE if nothing has been put. */
size_t fetch_stream_give(struct fetch_stream *s, char *to, size_t room);
/* So many bytes of the body have been sent. */
void fetch_stream_sent(struct fetch_stream *s, uint64_t size);
/* A part of the body has not been sent; put: though it has been put. */
bool fetch_stream_sends(const struct fetch_stream *s, bool *put);

#endif
