/*
 * What the parts of sending share. All of it belongs to the home thread, except where it says
 * otherwise.
 *
 *   sending.c     its life, and what other servers did
 *   sender.c      who sends for a channel: when, and how much at a time
 *   taking.c      what is due, and what it says
 *   parcel.c      one message on its way
 *   enclosing.c   its attachments
 *   concluding.c  what came of it
 *   quota.c       how many messages a channel may send
 */
#ifndef JUNCTION_SERVER_NOTICE_SENDING_SENDING_PRIV_H
#define JUNCTION_SERVER_NOTICE_SENDING_SENDING_PRIV_H

#include <sys/queue.h>

#include "server/lane/errand.h"
#include "server/notice/provider/provider.h"
#include "server/notice/sending/quota.h"
#include "server/notice/sending/sending.h"
#include "server/pace.h"

enum {
	BATCH = 500,          /* messages taken, or deliveries concluded, by a statement */
	STATEMENT_MS = 10000, /* that one may take */
	AGAIN_MS = 200,       /* after one that failed */
	SUBMIT_MS = 20000,    /* a message that was taken is under way by then, or is given back */
	LEASE_BEYOND_MS = SUBMIT_MS + 15000, /* the channel's timeout */
	HELD_BYTES = 64 << 20, /* of attachments, by the messages of a channel, or by one message */
};

struct parcel;
TAILQ_HEAD(parcel_list, parcel);

/* Of a channel that this server is in charge of, or was. */
struct sender {
	struct errand claiming; /* first */
	int id;
	char name[12];       /* the id: its key in the table */
	bool in_charge;      /* else it goes when nothing of it is under way */
	bool claimed;        /* PostgreSQL knows that it is in charge */
	bool taking;         /* a statement is under way */
	int64_t claim;       /* its number */
	int64_t doubtful_at; /* when something may have been taken without an answer; 0: never */
	struct pace pace;
	struct quota quota;
	uint64_t settings; /* hash of those that the pace has got to know */
	int64_t due_at;    /* something is due then, on clock_now(), as far as is known */
	int64_t hold_until;
	struct loop_timer *timer;
	int64_t timer_at;
	struct parcel_list parcels; /* from the taking until what came of it is written */
	struct parcel_list waiting; /* of these, for room for their attachments */
	struct parcel_list ready;   /* of these, to be set off when the pace has room */
	int taken;                  /* of these, that are not in the pace yet */
	int ahead;                  /* so many may be taken beyond the pace */
	int ended;                  /* messages, since then */
	int64_t since;
	int64_t take_ns; /* how long a take lasts, until its contents are there */
	size_t held_bytes;
	int unsure;   /* parcels whose outcome could not be written at once */
	bool counted; /* among the open breakers */
	bool roused;
	TAILQ_ENTRY(sender) in_all, in_roused;
};

/* A message on its way: to be sent, or to be asked about. */
struct parcel {
	struct fetch_job job; /* first */
	struct loop_task task;
	struct arena *arena;
	struct sender *sender;
	bool ask;
	int64_t notice; /* its position */
	int64_t taken_at, begun;
	struct addressee *to;
	struct message message;
	struct rendered rendered;
	const struct content *content;   /* held */
	const struct channels *channels; /* held, from when it is composed */
	const struct channel *channel;
	struct enclosure *enclosures; /* attachments, or NULL */
	size_t enclosing;             /* that are still to come */
	size_t held_bytes;
	bool gives_back; /* one of them could not be read now */
	bool in_pace;    /* it counts there */
	/* What came of it, one for each recipient. */
	struct notice_outcome *outcomes;
	bool untried;
	double latency_ms; /* negative: there was no attempt */
	bool repeats;      /* the receiver tells repetitions */
	/* Until it is written. */
	bool alone;  /* in a statement of its own */
	bool unsure; /* a statement with it has failed */
	int tries;
	TAILQ_ENTRY(parcel) in_sender, in_list;
};

struct sending {
	struct lanes *lanes;
	struct fetch_lane *fetch;
	struct loop *home;
	const char *server_name;
	bool leaving;
	atomic_bool broken_off; /* what is under way is; any thread */
};

extern struct sending sending;

/* A statement's job on the home thread. False: the lane is full. */
bool sending_send(struct sql_job *job, const struct statement *statement,
	const struct text *parameters,
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error));
/* Whether this server is to send for the channel now. */
bool sending_in_charge(const struct channel *channel);
/* Whether its receiver tells repetitions. */
bool sending_repeats(const struct channel *channel);

/* --- sender.c --------------------------------------------------------------------------------- */

void senders_start(void);
void senders_stop(void);
/* Channels, or what this server is in charge of, have changed. */
void senders_changed(void);
struct sender *sender_find(int id); /* NULL if there is none */
/* Something is due then. */
void sender_due(struct sender *s, int64_t at);
void senders_due_all(void);
/* A message of it has ended; a take took so long. */
void sender_count_end(struct sender *s, int64_t now);
void sender_count_take(struct sender *s, int64_t ns);
/* It is looked at before the next wait. */
void sender_rouse(struct sender *s);
/* Takes nothing for a while. */
void sender_hold(struct sender *s, int64_t ms);
/* It may have taken something without knowing, since then; or: somebody else is in charge. It
 * claims the channel again. */
void sender_doubt(struct sender *s, int64_t since);
void sender_lost_charge(struct sender *s);
void senders_drive(void); /* before each wait */
bool senders_idle(void);  /* there are none */

/* --- taking.c --------------------------------------------------------------------------------- */

/* Takes so many messages at most. */
void taking_send(struct sender *s, const struct channel *channel, int room);
void taking_stop(void);

/* --- parcel.c --------------------------------------------------------------------------------- */

void parcels_start(void);
struct parcel *parcel_new(struct sender *s, bool ask);
/* Its recipients and its content are there: it goes its way. */
void parcel_go(struct parcel *p);
/* Nothing is missing but room in the pace. */
void parcel_wait_for_pace(struct parcel *p);
/* It ends without an attempt, to be as if it had not been taken; or for good. */
void parcel_give_back(struct parcel *p);
void parcel_fail(struct parcel *p, struct text code, const char *why);
/* Those that wait for room: it may be there, for their attachments or in the pace. */
void parcels_go_on(struct sender *s);
void parcel_free(struct parcel *p);

/* --- enclosing.c ------------------------------------------------------------------------------ */

/* Its attachments are read when there is room for them. */
void enclosing_wait(struct parcel *p);
void enclosing_go_on(struct sender *s);
void enclosing_release(struct parcel *p);

/* --- concluding.c ----------------------------------------------------------------------------- */

/* Its outcomes are to be written; it is freed when they are. */
void conclude_parcel(struct parcel *p);
void concluding_send(void); /* before each wait */
bool concluding_idle(void); /* all is written */
void concluding_stop(void);

#endif
