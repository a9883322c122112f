/* Config: the table of options, and what a single option's range cannot say. */
#include "bridge/config.h"

#include <string.h>

#include "base/check.h"
#include "base/core_dump.h"

/* Where the table puts what it reads. */
static struct config values;
static const char *admin, *log_level, *access_log;

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
		.help = "Allows addresses that other machines can reach, unencrypted."},
	{.name = "--tls-cert",
		.environment = "JUNCTION_HTTP_TLS_CERT",
		.kind = OPTION_STRING,
		.value = &values.tls_cert,
		.unit = "FILE",
		.help = "Certificate and chain (PEM) to serve HTTPS with at all --listen; "
			"read again when it changes, or on SIGHUP."},
	{.name = "--tls-key",
		.environment = "JUNCTION_HTTP_TLS_KEY",
		.kind = OPTION_STRING,
		.value = &values.tls_key,
		.unit = "FILE",
		.help = "The certificate's key (PEM, no passphrase)."},
	{.name = "--tls-client-ca",
		.environment = "JUNCTION_HTTP_TLS_CLIENT_CA",
		.kind = OPTION_STRING,
		.value = &values.tls_client_ca,
		.unit = "FILE",
		.help = "Authorities (PEM) that clients must show a certificate of."},
	{.name = "--server-ca",
		.environment = "JUNCTION_SERVER_CA",
		.kind = OPTION_STRING,
		.value = &values.server_tls.ca,
		.unit = "FILE",
		.help = "Authorities (PEM) of the server's certificate; the server is then "
			"called over TLS. Read again when it changes, or on SIGHUP."},
	{.name = "--server-cert",
		.environment = "JUNCTION_SERVER_CERT",
		.kind = OPTION_STRING,
		.value = &values.server_tls.cert,
		.unit = "FILE",
		.help = "Certificate and chain (PEM) that the bridge shows the server."},
	{.name = "--server-key",
		.environment = "JUNCTION_SERVER_KEY",
		.kind = OPTION_STRING,
		.value = &values.server_tls.key,
		.unit = "FILE",
		.help = "That certificate's key (PEM, no passphrase)."},
	{.name = "--server-name",
		.environment = "JUNCTION_SERVER_NAME",
		.kind = OPTION_STRING,
		.value = &values.server_tls.server_name,
		.unit = "NAME",
		.help = "The name that the server's certificate must have, if it is not the "
			"one in --server."},
	NUMBER("--threads", "JUNCTION_HTTP_THREADS", threads, "2", "threads", 1, 64,
		"Threads, each with a connection to the server of its own."),
	NUMBER("--body-limit", "JUNCTION_HTTP_BODY_LIMIT", body_limit, "4194304", "bytes", 1024,
		64 << 20, "Largest body taken."),
	NUMBER("--connection-limit", "JUNCTION_HTTP_CONNECTION_LIMIT", connection_limit, "4096",
		"connections", 1, 1000000,
		"Connections in all; one more is answered 503 and closed."),
	NUMBER("--connection-limit-per-address", "JUNCTION_HTTP_CONNECTION_LIMIT_PER_ADDRESS",
		connection_limit_per_address, "0", "connections", 0, 1000000,
		"Connections from one caller's IPv4 address or IPv6 /64; 0 is no limit."),
	NUMBER("--idle-timeout", "JUNCTION_HTTP_IDLE_TIMEOUT", idle_timeout, "60", "seconds", 1,
		86400, "A connection without progress for so long is closed."),
	NUMBER("--header-timeout", "JUNCTION_HTTP_HEADER_TIMEOUT", header_timeout, "10", "seconds",
		1, 86400, "From the first byte of a request until its head must be complete."),
	NUMBER("--body-rate", "JUNCTION_HTTP_BODY_RATE", body_rate, "64", "bytes a second", 0,
		1 << 30,
		"Slowest sending of a body, and taking of a reply, over ten seconds; 0 is no "
		"limit."),
	{.name = "--gateway-path",
		.environment = "JUNCTION_GATEWAY_PATH",
		.kind = OPTION_STRING,
		.value = &values.gateway_path,
		.fallback = "api",
		.unit = "NAME",
		.help = "Requests to /NAME/SERVICE/... go to the nodes of that service."},
	{.name = "--gateway-ca",
		.environment = "JUNCTION_GATEWAY_CA",
		.kind = OPTION_STRING,
		.value = &values.gateway_ca,
		.unit = "FILE",
		.help = "Authorities (PEM) of the certificates of https nodes; if not given, the "
			"system's."},
	{.name = "--trusted-proxy",
		.environment = "JUNCTION_TRUSTED_PROXY",
		.kind = OPTION_LIST,
		.value = &values.trusted_proxies,
		.unit = "ADDRESS[/BITS]",
		.help = "A proxy in front of the bridge, whose X-Forwarded-For is believed."},
	NUMBER("--gateway-cache", "JUNCTION_GATEWAY_CACHE", gateway_cache, "67108864", "bytes", 0,
		1LL << 40, "Memory for kept answers of services."),
	NUMBER("--gateway-limit-keys", "JUNCTION_GATEWAY_LIMIT_KEYS", gateway_limit_keys, "100000",
		"keys", 1, 100000000, "Callers whose requests are counted at a time."),
	NUMBER("--gateway-routes", "JUNCTION_GATEWAY_ROUTES", gateway_routes, "10000", "answers", 1,
		10000000, "Routes kept by each thread."),
	NUMBER("--gateway-grace-ms", "JUNCTION_GATEWAY_GRACE_MS", gateway_grace_ms, "10000",
		"milliseconds", 0, 3600000,
		"How long kept routes are used while the server cannot be heard."),
	NUMBER("--rpc-timeout-ms", "JUNCTION_HTTP_RPC_TIMEOUT_MS", rpc_timeout_ms, "60000",
		"milliseconds", 1, 86400000,
		"Longest wait for the server's answer; that of a called service takes as long as "
		"its action may."),
	NUMBER("--keepalive-interval-ms", "JUNCTION_HTTP_KEEPALIVE_INTERVAL_MS", keepalive_ms,
		"15000", "milliseconds", 100, 86400000,
		"Silence in a stream after which something empty is sent."),
	OPTION_ADMIN("JUNCTION_HTTP_ADMIN", "127.0.0.1:3001", &admin),
	{.name = "--access-log",
		.environment = "JUNCTION_HTTP_ACCESS_LOG",
		.kind = OPTION_STRING,
		.value = &access_log,
		.fallback = "all",
		.unit = "all|errors|none",
		.help = "Of which requests a line is logged."},
	OPTION_CORE_DUMPS(&values.core_dumps),
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
static void check_listen(struct config *c)
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
		c->exposed |= !option_loopback(host);
		if (!option_loopback(host) && !c->insecure && !c->tls_cert)
			option_refuse(&program,
				"--listen %s can be reached from other machines, and HTTP hides "
				"nothing on the way; give --tls-cert, or say --insecure if that is "
				"meant",
				address);
	}
}

static void check_server(const struct config *c)
{
	char host[256];
	int port;
	bool is_unix = !strncmp(c->server, "unix:", 5) && c->server[5];
	if (!is_unix && !(option_address(c->server, host, &port) && *host))
		option_refuse(&program, "--server must be ADDRESS:PORT or unix:PATH, not \"%s\"",
			c->server);
}

static void check_tls(const struct config *c)
{
	const struct rpc_tls_options *server = &c->server_tls;
	if (!c->tls_cert != !c->tls_key)
		option_refuse(
			&program, "--tls-cert and --tls-key are given together or not at all");
	if (c->tls_client_ca && !c->tls_cert)
		option_refuse(&program, "--tls-client-ca needs --tls-cert");
	if (!server->cert != !server->key)
		option_refuse(&program,
			"--server-cert and --server-key are given together or not at all");
	if ((server->cert || server->server_name) && !server->ca)
		option_refuse(&program, "--server-cert and --server-name need --server-ca");
	if (server->ca && !strncmp(c->server, "unix:", 5))
		option_refuse(&program, "--server-ca: a server at a unix socket has no TLS");
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
	c->admin = option_admin(&program, admin, c->insecure);
	if (!log_access_named(access_log, &c->access_log))
		option_refuse(&program, "--access-log must be all, errors or none, not \"%s\"",
			access_log);
	if (!log_level_named(log_level, &c->log_level))
		option_refuse(&program,
			"--log-level must be debug, info, warn or error, not \"%s\"", log_level);
	check_server(c);
	check_tls(c);
	check_listen(c);
	check_origins(c);
	collect_hosts(c);
}
