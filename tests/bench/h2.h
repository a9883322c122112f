/*
 * gRPC for load generators, straight on nghttp2: C core as a client takes as much CPU as the server
 * that is measured.
 *
 * A connection belongs to one thread, which polls its socket. Frames gather in a buffer, so that
 * one read is followed by one write. What the system refuses ends the program; a lost connection is
 * told by false, and its calls are not ended one by one.
 */
#ifndef JUNCTION_TESTS_BENCH_H2_H
#define JUNCTION_TESTS_BENCH_H2_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	H2_BUFFER = 65536,
	H2_PREFIX = 5, /* gRPC's, before a message: not compressed, length */
	PATTERN_DIGIT = 0xff,
};

/* One call. It lives until it is closed. */
struct rpc {
	const uint8_t *request; /* with its prefix; stays until the call is closed */
	size_t size, sent;
	bool keep_open; /* do not end the requests */
	bool ok;        /* the status is OK */
};

struct h2 {
	int socket;
	nghttp2_session *session;
	const char *address;
	/* Bytes of the answer, and its end. NULL allowed for bytes. */
	void (*bytes)(struct h2 *h2, struct rpc *rpc, const uint8_t *bytes, size_t size);
	void (*closed)(struct h2 *h2, struct rpc *rpc);
	size_t filled, sent;
	uint8_t out[H2_BUFFER];
};

/* Connects to HOST:PORT; the functions are set before. address must stay. */
void h2_open(struct h2 *h2, const char *address);
void h2_close(struct h2 *h2);
/* False when the peer takes no more calls. path must stay as long as the call. */
bool h2_call(struct h2 *h2, const char *path, struct rpc *rpc);
/* Sends what the socket takes; false when the connection is lost. */
bool h2_flush(struct h2 *h2);
/* One read's worth; false when the connection is lost. */
bool h2_receive(struct h2 *h2);
/* What to poll for after h2_flush(). */
short h2_events(const struct h2 *h2);

/* A request in which each run of PATTERN_DIGIT stands for a number: its last digits, as many as the
 * run is long. So all requests made of it have one size. The byte is in no text and no length. */
struct pattern {
	uint8_t *bytes; /* with the prefix */
	size_t size;
};

/* Reads the message from a file. */
struct pattern pattern_read(const char *path);
/* out has room for pattern->size. */
void pattern_write(const struct pattern *pattern, uint64_t number, uint8_t *out);

/* Sorts, and gives the value that so many percent do not exceed; 0 if there is none. */
int64_t percentile(int64_t *values, size_t count, int percent);

#endif
