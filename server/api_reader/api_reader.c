/*
 * The service's start and end, and what is done now and then: partitions, and rows of transfers
 * whose servers have gone.
 */
#include "server/api_reader/api_reader.h"

#include "server/api_reader/transfer_row.h"
#include "server/lane/keeping.h"
#include "server/registry/node_health.h"

enum { ALIVE_EVERY_MS = 3 * 1000 };

static const struct statement keep_history_statement = {
	.name = "api_reader_keep_history",
	.sql = "SELECT api_reader.keep_history($1::integer)",
	.parameters = 1,
};

static const struct statement keep_carrier_statement = {
	.name = "api_reader_keep_carrier",
	.sql = "SELECT api_reader.keep_carrier($1, $2::uuid[])",
	.parameters = 2,
};

static struct {
	struct api_reader_options options;
	struct keeping history;
	struct errand carrier;
	struct loop_task starting;
} reader;

static void keep_carrier(void *arg)
{
	struct errand *e = &reader.carrier;

	if (!errand_begin(e))
		return;
	struct text *parameters = arena_array(e->arena, 2, sizeof(struct text));
	parameters[0] = node_name();
	parameters[1] = transfer_rows_under_way(e->arena);
	errand_send(e, &keep_carrier_statement, parameters);
}

static void start_timers(struct loop_task *task)
{
	loop_every(reader.carrier.home, ALIVE_EVERY_MS, keep_carrier, NULL);
	keep_carrier(NULL);
}

void api_reader_start(const struct api_reader_options *options, struct lanes *lanes)
{
	struct loop *home = lane_loop(lanes, 0);

	reader.options = *options;
	keeping_start(&reader.history, lanes, &keep_history_statement, options->history_days);
	reader.carrier = (struct errand){.lanes = lanes, .home = home};
	reader.starting.run = start_timers;
	transfer_rows_start();
	loop_post(home, &reader.starting);
}

void api_reader_stop(void)
{
	keeping_end(&reader.history);
	errand_end(&reader.carrier);
}

const struct api_reader_options *api_reader_settings(void)
{
	return &reader.options;
}
