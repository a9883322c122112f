/* The table of options, and where it puts what it reads. Between the sources of server/config.h
 * only. */
#ifndef JUNCTION_SERVER_CONFIG_TABLE_H
#define JUNCTION_SERVER_CONFIG_TABLE_H

#include "server/config.h"

extern struct config config_values;
/* What is text on the command line and something else afterwards. */
extern struct config_words {
	const char *egress_loopback, *egress_private, *admin, *log_level, *access_log;
	const char *hook_fallback, *extension_ports, *auth;
} config_words;
extern const struct option_program config_program;

#endif
