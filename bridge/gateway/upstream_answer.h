/*
 * Upstream answer: what a node's bytes say, one request's worth; pulled by who feeds it, so that
 * between two pieces he may let go of it.
 *
 * Strict, as what is passed on must mean the same to everybody: each line ends in CR LF, none is
 * folded, one framing and no doubt about it. Owned by one request, one thread.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_UPSTREAM_ANSWER_H
#define JUNCTION_BRIDGE_GATEWAY_UPSTREAM_ANSWER_H

#include "bridge/gateway/upstream.h"

#define ANSWER_INTERIM_MAX    16
#define ANSWER_CHUNK_LINE_MAX 1024 /* bytes of a chunk's size with its extensions */

/* Lines that end in an empty one: a head, or trailers behind a status line of our own. */
struct answer_block {
	char *bytes;
	size_t size, room;
	size_t line;                     /* where the one that is not complete begins */
	size_t lines;                    /* complete ones */
	struct upstream_header *headers; /* once it is complete */
	size_t header_count, header_room;
};

/* Zeroed but for the first two. */
struct answer {
	bool is_head; /* no answer has a body */
	bool upgrade; /* 101 may come */

	struct upstream_head head; /* lives as long as the answer */
	struct answer_block trailers;
	bool begun;        /* a byte has come */
	bool keep;         /* the connection may serve another request afterwards */
	const char *error; /* of ANSWER_MALFORMED: "has two lengths" */

	/* The rest is the parser's. */
	int step;
	unsigned interims;
	uint64_t left; /* of the body or the chunk */
	size_t chunk_line;
	bool chunk_size; /* a digit of it has come */
	struct answer_block block;
};

enum answer_event {
	ANSWER_MORE,   /* nothing is left: go on when more has come */
	ANSWER_GO_ON,  /* 100 */
	ANSWER_HEAD,   /* with 101 what is left belongs to the other protocol: pull no more */
	ANSWER_BODY,   /* a piece */
	ANSWER_END,    /* pull no more */
	ANSWER_BROKEN, /* malformed, see error: pull no more */
};

/* Takes from the front of left. */
enum answer_event answer_pull(struct answer *a, struct text *left, struct text *piece);
/* The node sends no more: whether that completes the answer. */
bool answer_close(struct answer *a);
void answer_clear(struct answer *a); /* frees what it points to */

#endif
