/* Gauges: the metrics of the server's lanes and of its database. Registered once, by the main
 * thread; what they look at stays for as long as metrics are asked for. */
#ifndef JUNCTION_SERVER_GAUGES_H
#define JUNCTION_SERVER_GAUGES_H

#include "server/lane/fetch.h"
#include "server/lane/sql.h"
#include "server/lane/stream.h"

void gauges_start(const struct lanes *lanes, const struct fetch_lane *fetch,
	const struct stream_lane *streams);

#endif
