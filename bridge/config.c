/* Config: the table of options, and what a single option's range cannot say. */
#include "bridge/config.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

_Noreturn static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

_Noreturn static void wrong(const char *format, ...)
{
	va_list args;
	fputs("junction-bridge: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry junction-bridge --help.\n", stderr);
	exit(2);
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcmp(host, "localhost");
}

/* Addresses are well-formed and, unless --insecure, of this machine only. */
static void check_listen(struct config *c)
{
	char host[256];
	int port;
	size_t known = c->hosts.count;
	if (!c->listen.count)
		wrong("--listen: at least one address is needed");
	c->known_hosts = check_calloc(c->hosts.count + c->listen.count + 1, sizeof(char *));
	if (known)
		memcpy(c->known_hosts, c->hosts.items, known * sizeof(char *));
	for (size_t i = 0; i < c->listen.count; i++) {
		const char *address = c->listen.items[i];
		if (!option_address(address, host, &port))
			wrong("--listen: %s is not ADDRESS:PORT", address);
		if (!is_loopback(host) && !c->insecure)
			wrong("--listen: %s can be reached from other machines, and HTTP hides "
			      "nothing on the way; say --insecure if that is meant",
				address);
		if (*host && !strchr(host, ':'))
			c->known_hosts[known++] = check_strdup(host);
	}
}

static void check_origins(const struct config *c)
{
	for (size_t i = 0; i < c->origins.count; i++) {
		const char *origin = c->origins.items[i];
		const char *host = strstr(origin, "://");
		if (!host || !host[3] || strchr(host + 3, '/'))
			wrong("--origin: %s is not scheme://host[:port]", origin);
	}
}

void config_read(struct config *c, int argc, char **argv)
{
	const char *level;
	char **arguments;
	*c = (struct config){0};
	const struct option options[] = {
		{.name = "--listen",
			.environment = "JUNCTION_HTTP_LISTEN",
			.kind = OPTION_LIST,
			.value = &c->listen,
			.fallback = "127.0.0.1:3000",
			.unit = "ADDRESS:PORT",
			.help = "Where to serve HTTP; port 0 takes a free one."},
		{.name = "--server",
			.environment = "JUNCTION_SERVER",
			.kind = OPTION_STRING,
			.value = &c->server,
			.fallback = "127.0.0.1:50051",
			.unit = "TARGET",
			.help = "The Junction server: ADDRESS:PORT or unix:PATH."},
		{.name = "--host",
			.environment = "JUNCTION_HTTP_HOST",
			.kind = OPTION_LIST,
			.value = &c->hosts,
			.unit = "NAME[:PORT]",
			.help = "A Host to answer for beside loopback and the addresses listened "
				"on."},
		{.name = "--origin",
			.environment = "JUNCTION_HTTP_ORIGIN",
			.kind = OPTION_LIST,
			.value = &c->origins,
			.unit = "SCHEME://HOST[:PORT]",
			.help = "An origin whose pages may speak to the bridge."},
		{.name = "--insecure",
			.environment = "JUNCTION_HTTP_INSECURE",
			.kind = OPTION_FLAG,
			.value = &c->insecure,
			.help = "Allows addresses that other machines can reach."},
		{.name = "--threads",
			.environment = "JUNCTION_HTTP_THREADS",
			.kind = OPTION_NUMBER,
			.value = &c->threads,
			.fallback = "2",
			.unit = "threads",
			.help = "HTTP threads for each address.",
			.minimum = 1,
			.maximum = 64},
		{.name = "--channels",
			.environment = "JUNCTION_HTTP_CHANNELS",
			.kind = OPTION_NUMBER,
			.value = &c->channels,
			.fallback = "2",
			.unit = "connections",
			.help = "Connections to the server, a thread each.",
			.minimum = 1,
			.maximum = 16},
		{.name = "--body-limit",
			.environment = "JUNCTION_HTTP_BODY_LIMIT",
			.kind = OPTION_NUMBER,
			.value = &c->body_limit,
			.fallback = "4194304",
			.unit = "bytes",
			.help = "Largest body taken.",
			.minimum = 1024,
			.maximum = 64 << 20},
		{.name = "--connection-limit",
			.environment = "JUNCTION_HTTP_CONNECTION_LIMIT",
			.kind = OPTION_NUMBER,
			.value = &c->connection_limit,
			.fallback = "4096",
			.unit = "connections",
			.help = "Connections of each address.",
			.minimum = 1,
			.maximum = 1000000},
		{.name = "--connection-limit-per-address",
			.environment = "JUNCTION_HTTP_CONNECTION_LIMIT_PER_ADDRESS",
			.kind = OPTION_NUMBER,
			.value = &c->connection_limit_per_address,
			.fallback = "0",
			.unit = "connections",
			.help = "Connections from one caller's address; 0 is no limit.",
			.minimum = 0,
			.maximum = 1000000},
		{.name = "--idle-timeout",
			.environment = "JUNCTION_HTTP_IDLE_TIMEOUT",
			.kind = OPTION_NUMBER,
			.value = &c->idle_timeout,
			.fallback = "60",
			.unit = "seconds",
			.help = "A connection without progress for so long is closed.",
			.minimum = 1,
			.maximum = 86400},
		{.name = "--rpc-timeout-ms",
			.environment = "JUNCTION_HTTP_RPC_TIMEOUT_MS",
			.kind = OPTION_NUMBER,
			.value = &c->rpc_timeout_ms,
			.fallback = "60000",
			.unit = "milliseconds",
			.help = "Longest wait for the server's answer.",
			.minimum = 1,
			.maximum = 86400000},
		{.name = "--log-level",
			.environment = "JUNCTION_LOG_LEVEL",
			.kind = OPTION_STRING,
			.value = &level,
			.fallback = "info",
			.unit = "debug|info|warn|error",
			.help = "Least level that is logged."},
		{.name = NULL},
	};
	const struct option_program program = {
		.name = "junction-bridge",
		.synopsis = "junction-bridge [options]",
		.purpose = "Serves Junction's REST API over HTTP/1.1 by calling a Junction server.",
		.options = options,
	};
	option_read(&program, argc, argv, &arguments);
	if (*arguments)
		wrong("%s is no option", *arguments);
	if (!log_level_named(level, &c->log_level))
		wrong("--log-level: %s is none of debug, info, warn, error", level);
	check_listen(c);
	check_origins(c);
}
