/*
 * Request: what a third party's upload and download are asked with, in the very form of FATE Flow's
 * client 1.11.2 (Python's json.dumps and requests). Those that return bool have set the status if
 * false, INVALID_ARGUMENT with the field's path. Everything made lives in the arena. Any thread.
 */
#ifndef JUNCTION_SERVER_API_READER_REQUEST_H
#define JUNCTION_SERVER_API_READER_REQUEST_H

#include "base/arena.h"
#include "base/status.h"

#define JOB_ID_MAX 1024 /* bytes */

/* The requestBody of an upload: the given object byte for byte, with "job_id" (a new UUID) and
 * "sign" behind its last member unless it has them. */
bool request_upload_body(
	struct arena *a, struct text given, struct text *body, struct status *status);

/* The requestBody of a download: the given object with "sign" behind, unless it has it; or, if none
 * is given, one for job_id. job: its jobId. */
bool request_download_body(struct arena *a, struct text given, struct text job_id,
	struct text *body, struct text *job, struct status *status);

/* {"jobId": "..."} */
struct text request_query_body(struct arena *a, struct text job_id);

/* The jobId of a request. False unless it has 1 to JOB_ID_MAX bytes. */
bool request_check_job(struct arena *a, struct text job_id, struct status *status);

/* url?requestBody=..., form-encoded as Python's quote_plus does; behind a query that it has
 * already, and without its fragment. */
char *request_url(struct arena *a, const char *url, struct text body);

#endif
