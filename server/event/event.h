/*
 * The Event service: what its handlers share, its start and its end.
 *
 * publish.c and its like write into the log; subscription/ keeps in memory who gets what; delivery/
 * takes what is due and hands it to those who deliver: push/ by HTTP, subscribe.c to streams,
 * pull.c to who asks. All state of deliveries is in PostgreSQL; memory is a hint of what may be
 * due, and what is true is found by who takes it. The handlers event_<method> are the first steps
 * named in the generated table of steps.
 */
#ifndef JUNCTION_SERVER_EVENT_EVENT_H
#define JUNCTION_SERVER_EVENT_EVENT_H

#include "server/call.h"

struct event_options {
	const char *server_name; /* holder of leases: another at each start */
	int64_t poll_ms;         /* how often the log is asked for what other servers published */
	int64_t member_ms;       /* how often a server says that it delivers; 0: it does not push */
	int64_t days;            /* how long events are kept; 0: for ever */
	bool drop_open;          /* also those that some group has not passed */
	int64_t log_days;        /* the log of WriteLog; 0: for ever */
	size_t data_limit;       /* bytes of an event's data */
};

/* Once, after seal_start() and lanes_start(), and before the first call. pushes: an http lane for
 * pushes alone. */
void event_start(
	const struct event_options *options, struct lanes *lanes, struct fetch_lane *pushes);
/* Calls are answered, and this server has seen the log. Any thread. */
bool event_ready(void);
/* Nothing more is taken, what is under way ends or is given back: waits a few seconds at most. Then
 * the lanes of the pushes stops, and after it the SQL lanes. */
void event_leave(void);
/* After the last call has ended and the lanes have stopped. */
void event_stop(void);

/* The options given at the start. */
const struct event_options *event_settings(void);

#endif
