/*
 * Transfer: one fetch job as curl carries it out. The http lane's own, on its thread alone.
 *
 * A transfer lives in its job's arena and borrows an easy handle while curl works on it. After
 * fetch_job.done() neither exists any more.
 */
#ifndef JUNCTION_SERVER_LANE_FETCH_TRANSFER_H
#define JUNCTION_SERVER_LANE_FETCH_TRANSFER_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "server/lane/fetch.h"

struct transfer {
	struct fetch_job *job;
	const struct egress_policy *egress;
	int64_t begun;      /* on clock_now() */
	int64_t expires;    /* the earlier of the job's deadline and its total timeout */
	const char *target; /* "host:port", for sentences */
	bool https;         /* or smtps */

	CURL *easy; /* NULL while it waits */
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];

	const char *refusal; /* by the egress policy, NULL if none */
	bool resolved;       /* an address was known */
	bool opened;         /* an allowed address was tried */
	bool connected;      /* the request may have been sent */
	bool resend;         /* curl was kept from sending it again */
	bool answered;       /* a status line has come */
	bool headers_done;
	const char *excess; /* which limit the answer broke, NULL if none */

	struct fetch_response response;
	struct buffer header_list; /* of struct fetch_header */
	size_t header_bytes;
	struct buffer body;

	/* Of a mail: see fetch_mail.h. */
	bool mail;
	struct mailer *mailer; /* who sends it; NULL: nobody yet, or no more */
	const struct fetch_response *mail_response;
	struct status mail_error;  /* if there is no response */
	enum status_code given_up; /* why it is broken off; STATUS_OK: it is not */

	/* The lane's. */
	bool started; /* it counts as a connection of its host */
	struct host *host;
	TAILQ_ENTRY(transfer) in_lane, in_host;
};

/* Reads the URL: t->target, t->https and t->mail. False with error set (INVALID_ARGUMENT). */
bool transfer_read_url(struct transfer *t, struct status *error);
/* Gives easy (fresh or reset) all options of the job; t->easy is set. */
void transfer_prepare(struct transfer *t, CURL *easy);
/* What curl's result means: the response, or NULL with error set. */
const struct fetch_response *transfer_result(
	struct transfer *t, CURLcode result, struct status *error);
/* Takes the easy handle back, reset. */
CURL *transfer_release(struct transfer *t);

/* A socket that the egress policy allows, for curl, which does not care about the purpose. */
curl_socket_t transfer_open_socket(void *t, curlsocktype purpose, struct curl_sockaddr *address);
/* Whole milliseconds, at least 1: 0 would be no timeout. */
long transfer_milliseconds(int64_t ns);

/* --- fetch_failure.c --- */

/* DEADLINE_EXCEEDED, saying what it was that took too long. */
void transfer_timed_out(struct transfer *t, struct status *error);
/* UNAVAILABLE or PERMISSION_DENIED, of what no byte was sent of. */
void transfer_not_reached(struct transfer *t, CURLcode result, struct status *error);
/* Sets the reason, of what is no CURLE_OK. */
void transfer_failed(struct transfer *t, CURLcode result, struct status *error);

#endif
