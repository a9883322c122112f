/* The service's start and end, and what is done now and then: months, the index, and keys that have
 * expired: these in steps, since there may be millions of them. */
#include "server/audit/audit.h"

#include "server/audit/indexer.h"
#include "server/audit/point.h"
#include "server/audit/record.h"
#include "server/lane/keeping.h"

enum { FORGET_MOST = 5000 };

static const struct statement keep_records = {
	.name = "audit_keep_records",
	.sql = "SELECT audit.keep_records($1::integer)",
	.parameters = 1,
};

static const struct statement forget_keys = {
	.name = "audit_forget_keys",
	.sql = "SELECT audit.forget_keys($1::integer)",
	.parameters = 1,
};

static struct keeping months, keys;

void audit_start(const struct audit_options *options, struct lanes *lanes)
{
	record_start(options->idempotency_hours);
	keeping_start(&months, lanes, &keep_records, (int)options->days);
	keeping_start_steps(&keys, lanes, &forget_keys, FORGET_MOST);
	indexer_start(lanes);
	point_start(lanes);
}

bool audit_ready(void)
{
	return point_ready();
}

void audit_stop(void)
{
	point_stop();
	indexer_stop();
	keeping_end(&keys);
	keeping_end(&months);
}
