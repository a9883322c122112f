/* Config: the table of options, and what a single option's range cannot say. */
#include "bridge/config.h"

#include <string.h>

#include "base/check.h"

/* Where the table puts what it reads. */
static struct config values;
static const char *log_level;

/* --- the table ------------------------------------------------------------------------------ */

#define NUMBER(flag, variable, member, ...)                                                        \
	OPTION_RANGE(flag, variable, &values.member, __VA_ARGS__)

static const struct option options[] = {
	{.name = "--listen",
		.environment = "JUNCTION_HTTP_LISTEN",
		.kind = OPTION_LIST,
		.value = &values.listen,
		.fallback = "127.0.0.1:3000",
		.unit = "ADDRESS:PORT",
		.help = "Where to serve HTTP; port 0 takes a free one."},
	{.name = "--server",
		.environment = "JUNCTION_SERVER",
		.kind = OPTION_STRING,
		.value = &values.server,
		.fallback = "127.0.0.1:50051",
		.unit = "TARGET",
		.help = "The Junction server: ADDRESS:PORT or unix:PATH."},
	{.name = "--host",
		.environment = "JUNCTION_HTTP_HOST",
		.kind = OPTION_LIST,
		.value = &values.hosts,
		.unit = "NAME[:PORT]",
		.help = "A Host to answer for beside loopback and the addresses listened on."},
	{.name = "--origin",
		.environment = "JUNCTION_HTTP_ORIGIN",
		.kind = OPTION_LIST,
		.value = &values.origins,
		.unit = "SCHEME://HOST[:PORT]",
		.help = "An origin whose pages may speak to the bridge."},
	{.name = "--insecure",
		.environment = "JUNCTION_HTTP_INSECURE",
		.kind = OPTION_FLAG,
		.value = &values.insecure,
		.help = "Allows addresses that other machines can reach."},
	NUMBER("--threads", "JUNCTION_HTTP_THREADS", threads, "2", "threads", 1, 64,
		"HTTP threads for each address."),
	NUMBER("--channels", "JUNCTION_HTTP_CHANNELS", channels, "2", "connections", 1, 16,
		"Connections to the server, a thread each."),
	NUMBER("--body-limit", "JUNCTION_HTTP_BODY_LIMIT", body_limit, "4194304", "bytes", 1024,
		64 << 20, "Largest body taken."),
	NUMBER("--connection-limit", "JUNCTION_HTTP_CONNECTION_LIMIT", connection_limit, "4096",
		"connections", 1, 1000000, "Connections of each address."),
	NUMBER("--connection-limit-per-address", "JUNCTION_HTTP_CONNECTION_LIMIT_PER_ADDRESS",
		connection_limit_per_address, "0", "connections", 0, 1000000,
		"Connections from one caller's address; 0 is no limit."),
	NUMBER("--idle-timeout", "JUNCTION_HTTP_IDLE_TIMEOUT", idle_timeout, "60", "seconds", 1,
		86400, "A connection without progress for so long is closed."),
	NUMBER("--rpc-timeout-ms", "JUNCTION_HTTP_RPC_TIMEOUT_MS", rpc_timeout_ms, "60000",
		"milliseconds", 1, 86400000, "Longest wait for the server's answer."),
	{.name = "--log-level",
		.environment = "JUNCTION_LOG_LEVEL",
		.kind = OPTION_STRING,
		.value = &log_level,
		.fallback = "info",
		.unit = "debug|info|warn|error",
		.help = "Least important events to log."},
	{0},
};

static const struct option_program program = {
	.name = "junction-bridge",
	.synopsis = "junction-bridge [options]",
	.purpose = "Serves Junction's REST API over HTTP/1.1 by calling a Junction server.",
	.options = options,
};

/* --- what only the whole can tell ----------------------------------------------------------- */

/* Addresses are well-formed and, unless --insecure, of this machine only. */
static void check_listen(const struct config *c)
{
	char host[256];
	int port;
	if (!c->listen.count)
		option_refuse(&program, "--listen: at least one address is needed");
	for (size_t i = 0; i < c->listen.count; i++) {
		const char *address = c->listen.items[i];
		if (!option_address(address, host, &port))
			option_refuse(
				&program, "--listen must be ADDRESS:PORT, not \"%s\"", address);
		if (!option_loopback(host) && !c->insecure)
			option_refuse(&program,
				"--listen %s can be reached from other machines, and HTTP hides "
				"nothing on the way; say --insecure if that is meant",
				address);
	}
}

/* Those configured, and the names among the addresses listened on. */
static void collect_hosts(struct config *c)
{
	char host[256];
	int port;
	size_t known = c->hosts.count;
	c->known_hosts = check_calloc(known + c->listen.count + 1, sizeof(char *));
	if (known)
		memcpy(c->known_hosts, c->hosts.items, known * sizeof(char *));
	for (size_t i = 0; i < c->listen.count; i++)
		if (option_address(c->listen.items[i], host, &port) && *host && !strchr(host, ':'))
			c->known_hosts[known++] = check_strdup(host);
}

static void check_origins(const struct config *c)
{
	for (size_t i = 0; i < c->origins.count; i++) {
		const char *origin = c->origins.items[i];
		const char *host = strstr(origin, "://");
		if (!host || !host[3] || strchr(host + 3, '/'))
			option_refuse(&program, "--origin must be SCHEME://HOST[:PORT], not \"%s\"",
				origin);
	}
}

void config_read(struct config *c, int argc, char **argv)
{
	char **arguments;
	values = (struct config){0};
	option_read(&program, argc, argv, &arguments);
	*c = values;
	if (*arguments)
		option_refuse(&program, "%s is no option", *arguments);
	if (!log_level_named(log_level, &c->log_level))
		option_refuse(&program,
			"--log-level must be debug, info, warn or error, not \"%s\"", log_level);
	check_listen(c);
	check_origins(c);
	collect_hosts(c);
}
