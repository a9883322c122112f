/* Config: the bridge's options. Main thread, at start; the texts live as long as the process. */
#ifndef JUNCTION_BRIDGE_CONFIG_H
#define JUNCTION_BRIDGE_CONFIG_H

#include <stdint.h>

#include "base/log.h"
#include "base/option.h"

struct config {
	struct option_list listen, hosts, origins;
	const char *server;
	bool insecure;
	int64_t threads, channels;
	int64_t body_limit; /* bytes */
	int64_t connection_limit, connection_limit_per_address;
	int64_t idle_timeout; /* seconds */
	int64_t rpc_timeout_ms;
	enum log_level log_level;
	const char **known_hosts; /* hosts, and the names it listens on; NULL-terminated */
};

/* Ends the process with a sentence if an option is wrong. */
void config_read(struct config *c, int argc, char **argv);

#endif
