/*
 * The Notice service: what its handlers share, its start and its end.
 *
 * send/ writes a notice and its deliveries; channel/ keeps the ways out in memory; sending/ takes
 * what is due and sends it by provider/, which knows each kind of channel; template/ makes what is
 * said; inbox/ shows what came to channel site, and takes receipts; attachment/ keeps files;
 * manage/ shows and repairs. All rules of states are SQL functions (migrations/0018 and after). The
 * handlers notice_<method> are the first steps named in the generated table of steps.
 */
#ifndef JUNCTION_SERVER_NOTICE_NOTICE_H
#define JUNCTION_SERVER_NOTICE_NOTICE_H

#include "server/call.h"
#include "server/tell.h"

struct notice_options {
	const char *server_name; /* hostname-starttime: another at each start */
	int64_t poll_ms;         /* how often it looks for what other servers did */
	int64_t member_ms;       /* how often it says that it sends; 0: it does not send */
	int64_t days;            /* how long notices are kept, by whole months; 0: for ever */
	int64_t idempotency_hours;
	int64_t attachment_limit; /* bytes of one */
	const char *file_action;  /* "SERVICE.ACTION" that gives files by id, or NULL */
	const char *
		public_url; /* where people reach the bridge, without a slash at its end, or NULL */
	tell_event *tell;   /* publishes events of the server's own */
};

/* Once, after seal_start() and lanes_start(), and before the first call. sends: an http lane for
 * sending alone. False (logged) if an option is wrong. */
bool notice_start(
	const struct notice_options *options, struct lanes *lanes, struct fetch_lane *sends);
/* Calls are answered: channels and the key of links are known. Any thread. */
bool notice_ready(void);
/* Nothing more is taken, what is under way ends: waits a few seconds at most. Then the lane of the
 * sends stops, and after it the SQL lanes. */
void notice_leave(void);
/* After the last call has ended and the lanes have stopped. */
void notice_stop(void);

/* The options given at the start. */
const struct notice_options *notice_settings(void);
/* The lane thread that sending and inboxes live on. */
struct loop *notice_home(void);

#endif
