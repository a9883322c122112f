/* Asked when the text is made: the lanes count for themselves anyway. */
#include "server/gauges.h"

#include "base/metric.h"

enum { LANE_FETCH = LANE_WORK + 1, LANES };
enum { CONNECTED, CONNECTING, STATES };

static struct {
	const struct lanes *lanes;
	const struct fetch_lane *fetch;
	const struct stream_lane *streams;
} seen;

static const char *lane_label(size_t index)
{
	static const char *const names[] = {"query", "append", "change", "search", "work", "fetch"};
	return names[index];
}

static const char *state_label(size_t index)
{
	return index == CONNECTED ? "connected" : "connecting";
}

static double lane_depth(size_t index)
{
	return index == LANE_FETCH ? fetch_depth(seen.fetch)
				   : lanes_depth(seen.lanes, (enum lane_kind)index);
}

static double database_connected(size_t index)
{
	return lanes_ready(seen.lanes);
}

static double database_connections(size_t index)
{
	return index == CONNECTED ? lanes_connections(seen.lanes) : lanes_connecting(seen.lanes);
}

static double streams_waiting(size_t index)
{
	return stream_lane_depth(seen.streams);
}

static struct metric gauges[] = {
	{.name = "junction_lane_depth",
		.help = "Jobs that wait in a lane; of work and fetch, also those under way.",
		.kind = METRIC_GAUGE,
		.labels = {{"lane", lane_label, LANES}},
		.read = lane_depth},
	{.name = "junction_database_connected",
		.help = "1 while each lane thread can read from PostgreSQL, else 0.",
		.kind = METRIC_GAUGE,
		.read = database_connected},
	{.name = "junction_database_connections",
		.help = "Connections to PostgreSQL that are up, and that are wanted and not yet "
			"up.",
		.kind = METRIC_GAUGE,
		.labels = {{"state", state_label, STATES}},
		.read = database_connections},
	{.name = "junction_streams_waiting",
		.help = "Streams that wait for something to happen.",
		.kind = METRIC_GAUGE,
		.read = streams_waiting},
};

void gauges_start(const struct lanes *lanes, const struct fetch_lane *fetch,
	const struct stream_lane *streams)
{
	seen.lanes = lanes;
	seen.fetch = fetch;
	seen.streams = streams;
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		metric_register(&gauges[i]);
}
