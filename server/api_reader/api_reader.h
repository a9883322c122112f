/*
 * The ApiReader service: its start and end. The handlers api_reader_<method> are the first steps
 * named in the generated table of steps.
 */
#ifndef JUNCTION_SERVER_API_READER_API_READER_H
#define JUNCTION_SERVER_API_READER_API_READER_H

#include "server/lane/sql.h"

struct api_reader_options {
	const char *spool_folder; /* where contents of unknown size are kept */
	int64_t spool_limit;      /* bytes of one content */
	int history_days;         /* how long the rows of transfers are kept */
};

/* Once, after lanes_start() and before the first call. */
void api_reader_start(const struct api_reader_options *options, struct lanes *lanes);
/* After the last call has ended and the lanes have stopped. */
void api_reader_stop(void);
const struct api_reader_options *api_reader_settings(void);

#endif
