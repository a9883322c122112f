/*
 * The http lane: requests to third parties, by libcurl, on a thread of its own; mails by SMTP, on a
 * thread for each connection, at most 32 to one server and 128 in all.
 *
 * Any thread hands a job over; it ends exactly once, on the lane's thread, by its done(). A job
 * whose caller has gone or whose deadline has passed is broken off within 50 ms. http and https
 * only, no redirects, no proxies from the environment, nothing is ever sent twice. Every
 * connection obeys the egress policy (egress.h), checked on the resolved address at connect.
 *
 * A job gathers the whole answer, up to its limit; fetch_stream.h takes one of any size in pieces.
 */
#ifndef JUNCTION_SERVER_LANE_FETCH_H
#define JUNCTION_SERVER_LANE_FETCH_H

#include <stdatomic.h>

#include "base/egress.h"
#include "base/loop.h"
#include "base/status.h"

struct fetch_lane;
struct fetch_stream;

struct fetch_header {
	struct text name, value;
};

/* A mail by SMTP, of one recipient. Texts end in NUL. Header values are ASCII on one line, already
 * encoded (RFC 2047), and folded at blanks; curl makes the body's parts (RFC 2045). Bytes are not
 * copied. */
struct fetch_mail_part {
	const char *name, *content_type;
	struct text bytes;
};
struct fetch_mail {
	const char *from, *to;       /* addresses alone, without "<" and ">" */
	const char *user, *password; /* NULL: without authentication */
	bool starttls;               /* with smtp: TLS is required; else it is not used */
	const char *ca_file;         /* NULL: the system's; who signs the server's certificate */
	const struct fetch_header *headers; /* From, To, Subject, Date, Message-ID, ... */
	size_t header_count;
	struct text text, html; /* UTF-8; html: data NULL: there is none */
	const struct fetch_mail_part *parts;
	size_t part_count;
};

struct fetch_request {
	/* Of a job: a mail instead of what is HTTP's below. url is smtp or smtps then, and an
	 * answer that is not 2yz is a response, too. The response's status is that of the last
	 * reply, 250 if the server took the mail; reason its text; body the command that it
	 * answers, empty: the connection. job.reached: the server may have the whole mail, so it
	 * may have been taken though no answer says so. A connection is kept for the next mail for
	 * 10 s. Given up, a mail ends at once, or within a second while a name is being resolved.
	 */
	const struct fetch_mail *mail;
	const char *method; /* HEAD sends no body */
	const char *url;    /* absolute, http or https; of a mail smtp or smtps */
	const struct fetch_header *headers;
	size_t header_count;
	struct text body; /* data NULL: none; POST, PUT and PATCH then send Content-Length: 0 */
	/* Of a fetch stream: the body is not given here, but put piece by piece (fetch_stream_put),
	 * body_size bytes in all, sent as Content-Length. */
	bool body_follows;
	uint64_t body_size;
	int64_t connect_timeout_ms; /* name resolution included */
	int64_t total_timeout_ms;   /* less if the job's deadline is earlier */
	size_t response_limit;      /* bytes of body; beyond: RESOURCE_EXHAUSTED */
	/* Of a fetch stream: encodings that the answer may come in; its bytes are handed on as they
	 * are. NULL: identity. Of a job curl asks for gzip and deflate, and undoes them. */
	const char *accept_encoding;
	bool own_host; /* loopback is allowed, whatever the egress policy says of it: for addresses
			* that this host's own configuration names */
	bool fresh;    /* on a connection of its own, closed afterwards */
	bool connect_only; /* sends nothing: when the connection stands (with https, its TLS too),
			    * the response is of status 0, and the connection is closed */
};

struct fetch_response {
	int status;         /* 0: of connect_only */
	struct text reason; /* may be empty */
	const struct fetch_header *headers;
	size_t header_count;
	struct text body; /* decoded; ends in NUL, which is not counted */
};

struct fetch_job {
	struct loop_task task;
	struct arena *arena; /* the response's */
	const struct fetch_request *request;
	int64_t deadline;
	const atomic_bool *cancelled; /* or NULL */
	/* response NULL with the reason in error: UNAVAILABLE (not resolved, not reached, broken
	 * off; the message says which), DEADLINE_EXCEEDED, PERMISSION_DENIED (egress policy),
	 * RESOURCE_EXHAUSTED (limit), INVALID_ARGUMENT (URL), CANCELLED. The message names host
	 * and port, never more of the URL; it says "was not reached" only if nothing of the request
	 * can have arrived there. */
	void (*done)(struct fetch_job *job, const struct fetch_response *response,
		const struct status *error);
	bool reached;                /* set at done(): something of the request may have arrived */
	struct fetch_stream *stream; /* who takes the body piece by piece; NULL: it is gathered */
	void *lane;                  /* the lane's */
};

struct fetch_options {
	const struct egress_policy *egress; /* lives as long as the lane */
	int connections;                    /* at most, in all */
	int connections_per_host;
	int queue_limit; /* jobs in the lane at most */
};

struct fetch_lane *fetch_start(const struct fetch_options *options);
void fetch_stop(struct fetch_lane **lane); /* jobs in flight fail with UNAVAILABLE */
bool fetch_submit(struct fetch_lane *lane, struct fetch_job *job); /* false: full */
int fetch_depth(const struct fetch_lane *lane); /* jobs accepted and not ended; any thread */
struct loop *fetch_loop(const struct fetch_lane *lane);

#endif
