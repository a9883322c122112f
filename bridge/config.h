/* Config: the bridge's options. Main thread, at start; the texts live as long as the process. */
#ifndef JUNCTION_BRIDGE_CONFIG_H
#define JUNCTION_BRIDGE_CONFIG_H

#include <stdint.h>

#include "base/log.h"
#include "base/option.h"
#include "bridge/rpc.h"

struct config {
	struct option_list listen, hosts, origins;
	const char *server;
	bool insecure;
	bool exposed;                                   /* not all of listen is loopback */
	const char *tls_cert, *tls_key, *tls_client_ca; /* towards HTTP clients; NULL: none */
	struct rpc_tls_options server_tls;
	int64_t threads;
	int64_t body_limit; /* bytes */
	int64_t connection_limit, connection_limit_per_address;
	int64_t idle_timeout, header_timeout; /* seconds */
	int64_t body_rate;                    /* bytes a second; 0 is no limit */
	int64_t rpc_timeout_ms;
	int64_t keepalive_ms;
	const char *gateway_path, *gateway_ca; /* ca NULL: the system's */
	struct option_list trusted_proxies;
	int64_t gateway_cache, gateway_limit_keys, gateway_routes, gateway_grace_ms;
	const char *admin; /* NULL: none */
	bool core_dumps;
	enum log_level log_level;
	enum log_access access_log;
	const char **known_hosts; /* hosts, and the names it listens on; NULL-terminated */
};

/* Ends the process with a sentence if an option is wrong. */
void config_read(struct config *c, int argc, char **argv);

#endif
