/*
 * Transfer row: a row of the table api_reader.transfer, written before the third party is asked and
 * completed when the call ends, however it ends; and the metrics of transfers.
 *
 * Lives in the state of its call, and is used by its steps only.
 */
#ifndef JUNCTION_SERVER_API_READER_TRANSFER_ROW_H
#define JUNCTION_SERVER_API_READER_TRANSFER_ROW_H

#include <sys/queue.h>

#include "server/call.h"

enum transfer_direction { TRANSFER_UPLOAD, TRANSFER_DOWNLOAD };

struct transfer_row {
	enum transfer_direction direction;
	struct text server_name;
	struct text job_id; /* empty: not known (yet) */
	int http_status;    /* of the third party; 0: none came */
	int64_t bytes;      /* of content that were carried */

	/* Its own. */
	char id[37];
	int64_t begun;          /* on clock_now() */
	struct text started_at; /* as PostgreSQL gave it; empty: not written */
	call_step *then;
	LIST_ENTRY(transfer_row) under_way;
};

/* Ends a step: then() follows when the row is written. c->at_end must be set before to what calls
 * transfer_row_end(). */
enum next transfer_row_begin(struct call *c, struct transfer_row *row, call_step *then);
/* In at_end(); nothing if it was never begun. */
void transfer_row_end(struct call *c, struct transfer_row *row);

void transfer_rows_start(void); /* registers the metrics */
/* The ids of those under way, as an SQL array. Any thread. */
struct text transfer_rows_under_way(struct arena *a);

#endif
