/*
 * Mail: one job of the http lane that is a mail, as curl carries it out by SMTP, and the mailers:
 * threads that do so, one mail at a time each. The http lane's own.
 *
 * A mailer keeps its connection for the next mail to the same server, for 10 s. While it has a
 * transfer, the transfer, its job and their arena are the mailer's thread's; else the lane's.
 */
#ifndef JUNCTION_SERVER_LANE_FETCH_MAIL_H
#define JUNCTION_SERVER_LANE_FETCH_MAIL_H

#include <pthread.h>

#include "server/lane/fetch_transfer.h"

/* --- fetch_mail_body.c --- */

/* False with error set (INVALID_ARGUMENT): the mail would break out of its lines. */
bool mail_check(struct transfer *t, struct status *error);
/* To be freed; the body before its easy handle, and the arena after it. */
struct curl_slist *mail_headers(struct arena *a, const struct fetch_mail *mail);
curl_mime *mail_body(struct arena *a, const struct fetch_mail *mail, CURL *easy);
void mail_add_line(struct curl_slist **list, const char *line); /* a copy */

/* --- fetch_mail.c --- */

/* What a mailer can be told from other threads. */
struct mail_line {
	pthread_mutex_t lock; /* of socket */
	int socket;           /* that it talks by, -1: none */
	atomic_bool broken;   /* the mail is given up */
};

/* Gives it to its server, and waits until that has answered, or the line is broken. Sets
 * t->mail_response, or t->mail_error, and t->connected: the server may have all of it. */
void mail_send(struct transfer *t, CURL *easy, struct mail_line *line);
/* Why there is no response, when its time is up. */
void mail_timed_out(struct transfer *t, struct status *error);

/* --- fetch_mailer.c: on the lane's thread --- */

enum { MAILERS_MOST = 128, MAILERS_PER_HOST = 32 };

struct mailers;

/* ended: on the loop, with each transfer that was sent and has not been taken back by a stop. */
struct mailers *mailers_new(
	struct loop *loop, void (*ended)(struct transfer *t, void *arg), void *arg);
bool mailers_free(const struct mailers *m); /* one more can be sent */
void mailers_send(struct mailers *m, struct transfer *t);
/* The transfer, which is sent, ends soon. */
void mailers_break(struct transfer *t);
/* Breaks off what is being sent, waits for that, and ends all connections. Nothing is ended(). */
void mailers_stop(struct mailers *m);
void mailers_delete(struct mailers **m); /* after the loop has stopped */

#endif
