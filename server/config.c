/* Config: the table of options, and what a single option's range cannot say. */
#include "server/config.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/core_dump.h"

/* Where the table puts what it reads. */
static struct config values;
/* What is text on the command line and something else afterwards. */
static struct {
	const char *egress_loopback, *egress_private, *admin, *log_level, *access_log;
	const char *hook_fallback, *extension_ports, *auth;
} words;

#define MILLISECONDS_MAX (24 * 3600 * 1000)

/* --- the table -------------------------------------------------------------------------------- */

#define NUMBER(flag, variable, member, ...)                                                        \
	OPTION_RANGE(flag, variable, &values.member, __VA_ARGS__)

#define WORDS(flag, variable, where, ...)                                                          \
	{                                                                                          \
		.name = flag, .environment = variable, .kind = OPTION_STRING, .value = where,      \
		__VA_ARGS__                                                                        \
	}

static const struct option options[] = {
	{.name = "--database-url",
		.environment = "JUNCTION_DATABASE_URL",
		.kind = OPTION_STRING,
		.value = &values.database_url,
		.unit = "URL",
		.help = "The PostgreSQL database, as libpq URL or keywords; required.",
		.secret = true},
	{.name = "--migration-url",
		.environment = "JUNCTION_MIGRATION_URL",
		.kind = OPTION_STRING,
		.value = &values.migration_url,
		.unit = "URL",
		.help = "The same database as its owner, for migrate; if not given, "
			"--database-url.",
		.secret = true},
	{.name = "--listen",
		.environment = "JUNCTION_LISTEN",
		.kind = OPTION_LIST,
		.value = &values.listen,
		.fallback = "127.0.0.1:50051",
		.unit = "ADDRESS:PORT",
		.help = "Where to serve gRPC; port 0 takes a free one."},
	{.name = "--socket",
		.environment = "JUNCTION_SOCKET",
		.kind = OPTION_STRING,
		.value = &values.socket,
		.unit = "PATH",
		.help = "A unix socket to serve the bridge at; whoever may open it is "
			"believed about its callers, so only its owner may."},
	{.name = "--insecure",
		.environment = "JUNCTION_INSECURE",
		.kind = OPTION_FLAG,
		.value = &values.insecure,
		.help = "Allows addresses that other machines can reach, unencrypted."},
	{.name = "--tls-cert",
		.environment = "JUNCTION_TLS_CERT",
		.kind = OPTION_STRING,
		.value = &values.tls_cert,
		.unit = "FILE",
		.help = "Certificate and chain (PEM) to serve TLS with at all --listen; "
			"read again when it changes, or on SIGHUP."},
	{.name = "--tls-key",
		.environment = "JUNCTION_TLS_KEY",
		.kind = OPTION_STRING,
		.value = &values.tls_key,
		.unit = "FILE",
		.help = "The certificate's key (PEM, no passphrase)."},
	{.name = "--tls-client-ca",
		.environment = "JUNCTION_TLS_CLIENT_CA",
		.kind = OPTION_STRING,
		.value = &values.tls_client_ca,
		.unit = "FILE",
		.help = "Authorities (PEM) that clients must show a certificate of."},
	{.name = "--bridge-name",
		.environment = "JUNCTION_BRIDGE_NAME",
		.kind = OPTION_LIST,
		.value = &values.bridge_names,
		.unit = "NAME",
		.help = "DNS name (or, of a certificate without one, common name) of a client "
			"that is believed about its callers, as the bridge is at --socket."},
	NUMBER("--rpc-threads", "JUNCTION_RPC_THREADS", rpc_threads, "2", "threads", 1, 16,
		"Threads that receive calls."),
	NUMBER("--lane-threads", "JUNCTION_LANE_THREADS", lane_threads, "2", "threads", 1, 16,
		"Threads that speak to PostgreSQL."),
	NUMBER("--change-connections", "JUNCTION_CHANGE_CONNECTIONS", change_connections, "4",
		"connections", 1, 32,
		"Connections of each lane thread for statements that need one of their "
		"own."),
	NUMBER("--search-connections", "JUNCTION_SEARCH_CONNECTIONS", search_connections, "2",
		"connections", 1, 32,
		"Connections of each lane thread for searches, which may take long."),
	NUMBER("--call-limit", "JUNCTION_CALL_LIMIT", call_limit, "8192", "calls", 1, 1000000,
		"Calls in progress; one more is refused at once."),
	NUMBER("--queue-limit", "JUNCTION_QUEUE_LIMIT", queue_limit, "4096", "calls", 1, 1000000,
		"Calls that wait in one lane; one more is refused at once."),
	NUMBER("--message-limit", "JUNCTION_MESSAGE_LIMIT", message_limit, "4194304", "bytes", 1024,
		1 << 30, "Largest request."),
	NUMBER("--metadata-limit", "JUNCTION_METADATA_LIMIT", metadata_limit, "16384", "bytes",
		1024, 1 << 20,
		"Largest metadata of a call, each entry counted as 32 bytes more; a client "
		"that sends four times as much loses its connection."),
	NUMBER("--call-memory-limit", "JUNCTION_CALL_MEMORY_LIMIT", call_memory_limit, "67108864",
		"bytes", 65536, INT64_C(1) << 32, "Memory that one call may use."),
	NUMBER("--default-deadline-ms", "JUNCTION_DEFAULT_DEADLINE_MS", default_deadline_ms,
		"60000", "milliseconds", 1, MILLISECONDS_MAX,
		"Deadline of a call that has none, and the longest that counts; a stream lasts "
		"as long as its client wants, Call as long as its action may take."),
	NUMBER("--connection-age-ms", "JUNCTION_CONNECTION_AGE_MS", connection_age_ms, "1800000",
		"milliseconds", 100, MILLISECONDS_MAX,
		"Age at which a client is told to connect anew, give or take a tenth, so that "
		"balancers can even out; its streams go on."),
	NUMBER("--keepalive-ms", "JUNCTION_KEEPALIVE_MS", keepalive_ms, "60000", "milliseconds",
		1000, MILLISECONDS_MAX,
		"Silence after which a client is asked whether it is still there; it has 20 "
		"seconds to answer."),
	NUMBER("--statement-timeout-ms", "JUNCTION_STATEMENT_TIMEOUT_MS", statement_timeout_ms,
		"10000", "milliseconds", 1, MILLISECONDS_MAX,
		"Longest that a statement may run in PostgreSQL."),
	NUMBER("--search-timeout-ms", "JUNCTION_SEARCH_TIMEOUT_MS", search_timeout_ms, "10000",
		"milliseconds", 1, MILLISECONDS_MAX,
		"Longest that a search may run in PostgreSQL."),
	NUMBER("--lock-timeout-ms", "JUNCTION_LOCK_TIMEOUT_MS", lock_timeout_ms, "2000",
		"milliseconds", 1, MILLISECONDS_MAX,
		"Longest that a statement may wait for a lock."),
	NUMBER("--shutdown-grace-ms", "JUNCTION_SHUTDOWN_GRACE_MS", shutdown_grace_ms, "10000",
		"milliseconds", 0, MILLISECONDS_MAX,
		"How long calls in progress may go on after SIGTERM."),
	{.name = "--egress-loopback",
		.environment = "JUNCTION_EGRESS_LOOPBACK",
		.kind = OPTION_STRING,
		.value = &words.egress_loopback,
		.fallback = "auto",
		.unit = "auto|allow|refuse",
		.help = "Whether to connect to registered addresses on this machine; auto "
			"allows it while --listen and --own-address are all on loopback."},
	{.name = "--egress-private",
		.environment = "JUNCTION_EGRESS_PRIVATE",
		.kind = OPTION_STRING,
		.value = &words.egress_private,
		.fallback = "allow",
		.unit = "allow|refuse",
		.help = "Whether to connect to registered addresses in private networks."},
	{.name = "--own-address",
		.environment = "JUNCTION_OWN_ADDRESS",
		.kind = OPTION_LIST,
		.value = &values.own_addresses,
		.unit = "ADDRESS:PORT",
		.help = "A listener of Junction's beside this server's, such as the "
			"bridge, that is never connected to."},
	NUMBER("--call-request-limit", "JUNCTION_CALL_REQUEST_LIMIT", call_request_limit, "4194304",
		"bytes", 1, 1 << 30, "Largest body that is sent on to a called service."),
	NUMBER("--call-response-limit", "JUNCTION_CALL_RESPONSE_LIMIT", call_response_limit,
		"4194304", "bytes", 1024, 1 << 30,
		"Largest answer that Call takes of a called service; of CallStream there is no "
		"limit."),
	NUMBER("--registry-poll-ms", "JUNCTION_REGISTRY_POLL_MS", registry_poll_ms, "200",
		"milliseconds", 10, 60000,
		"How often to look for what other servers have registered."),
	OPTION_ADMIN("JUNCTION_ADMIN", "127.0.0.1:50052", &words.admin),
	{.name = "--access-log",
		.environment = "JUNCTION_ACCESS_LOG",
		.kind = OPTION_STRING,
		.value = &words.access_log,
		.fallback = "errors",
		.unit = "all|errors|none",
		.help = "Of which calls a line is logged; errors are those that are not OK."},
	NUMBER("--check-interval-ms", "JUNCTION_CHECK_INTERVAL_MS", check_interval_ms, "10000",
		"milliseconds", 0, MILLISECONDS_MAX,
		"How often a node is checked, a tenth more or less; 0: this server checks none."),
	NUMBER("--check-timeout-ms", "JUNCTION_CHECK_TIMEOUT_MS", check_timeout_ms, "2000",
		"milliseconds", 1, MILLISECONDS_MAX,
		"Longest that a node may take to answer a check."),
	NUMBER("--check-down-after", "JUNCTION_CHECK_DOWN_AFTER", check_down_after, "2", "checks",
		1, 1000, "Failed checks in a row after which a node is unavailable."),
	NUMBER("--check-up-after", "JUNCTION_CHECK_UP_AFTER", check_up_after, "1", "checks", 1,
		1000, "Passed checks in a row after which a node is available again."),
	NUMBER("--checks-at-once", "JUNCTION_CHECKS_AT_ONCE", checks_at_once, "256", "checks", 1,
		10000, "Checks under way; more wait, the most overdue first."),
	NUMBER("--protect-percent", "JUNCTION_PROTECT_PERCENT", protect_percent, "0", "percent", 0,
		100,
		"If no more of a service's enabled nodes are up, checks are not believed and all "
		"of them are called; 0: checks are always believed."),
	NUMBER("--history-days", "JUNCTION_HISTORY_DAYS", history_days, "90", "days", 1, 36500,
		"How long the log of changes is kept; it goes by whole months."),
	NUMBER("--audit-days", "JUNCTION_AUDIT_DAYS", audit_days, "0", "days", 0, 36500,
		"How long audit records are kept, by whole months; 0: for ever."),
	NUMBER("--idempotency-hours", "JUNCTION_IDEMPOTENCY_HOURS", idempotency_hours, "24",
		"hours", 1, 8760, "How long the Idempotency-Key of a written audit record counts."),
	NUMBER("--event-days", "JUNCTION_EVENT_DAYS", event_days, "60", "days", 0, 36500,
		"How long events and their deliveries are kept, by whole months, but never before "
		"every group is done with them; 0: for ever."),
	{.name = "--event-drop-open",
		.environment = "JUNCTION_EVENT_DROP_OPEN",
		.kind = OPTION_FLAG,
		.value = &values.event_drop_open,
		.help = "Events older than --event-days go though a group is not done with them."},
	NUMBER("--event-log-days", "JUNCTION_EVENT_LOG_DAYS", event_log_days, "0", "days", 0, 36500,
		"How long the log of applications (WriteLog) is kept, by whole months; 0: for "
		"ever."),
	NUMBER("--event-data-limit", "JUNCTION_EVENT_DATA_LIMIT", event_data_limit, "1048576",
		"bytes", 1, 64 << 20, "Largest data of an event; --message-limit bounds it, too."),
	{.name = "--event-key-file",
		.environment = "JUNCTION_EVENT_KEY_FILE",
		.kind = OPTION_STRING,
		.value = &values.event_key_file,
		.unit = "FILE",
		.help = "Keys that data of events is encrypted with where a subscription wants "
			"it: a line \"NAME BASE64\" of 32 bytes for each; the last one encrypts."},
	NUMBER("--event-poll-ms", "JUNCTION_EVENT_POLL_MS", event_poll_ms, "50", "milliseconds", 1,
		MILLISECONDS_MAX,
		"How often events and subscriptions of other servers are looked for."),
	NUMBER("--event-member-ms", "JUNCTION_EVENT_MEMBER_MS", event_member_ms, "1000",
		"milliseconds", 0, MILLISECONDS_MAX,
		"How often this server says that it pushes events: without a word for five "
		"times that, others take over; 0: it pushes none."),
	NUMBER("--forget-nodes-after-ms", "JUNCTION_FORGET_NODES_AFTER_MS", forget_nodes_after_ms,
		"3600000", "milliseconds", 0, INT64_C(365) * MILLISECONDS_MAX,
		"How long the row of a node stays whose lease has run out."),
	NUMBER("--watch-patience-ms", "JUNCTION_WATCH_PATIENCE_MS", watch_patience_ms, "30000",
		"milliseconds", 100, MILLISECONDS_MAX,
		"How long who watches or subscribes may leave a message unread before it is "
		"broken off."),
	WORDS("--auth", "JUNCTION_AUTH", &words.auth, .fallback = "auto", .unit = "MODE",
		.help = "required: every call shows who makes it. open: calls without credentials "
			"may do everything, as long as --listen and --own-address are on loopback "
			"only. auto: open where it can be."),
	NUMBER("--auth-poll-ms", "JUNCTION_AUTH_POLL_MS", auth_poll_ms, "250", "milliseconds", 10,
		5000,
		"How often changes of users, roles and keys by other servers are looked for."),
	WORDS("--token-issuer", "JUNCTION_TOKEN_ISSUER", &values.token_issuer,
		.fallback = "junction", .unit = "NAME",
		.help = "The claims iss and aud of access tokens; the same for all servers of a "
			"database."),
	NUMBER("--token-minutes", "JUNCTION_TOKEN_MINUTES", token_minutes, "15", "minutes", 1, 1440,
		"How long an access token is good."),
	NUMBER("--session-hours", "JUNCTION_SESSION_HOURS", session_hours, "12", "hours", 1, 8760,
		"How long tokens can be refreshed after a login."),
	NUMBER("--issuer-refresh-ms", "JUNCTION_ISSUER_REFRESH_MS", issuer_refresh_ms, "900000",
		"milliseconds", 100, MILLISECONDS_MAX,
		"How often the keys of an outside issuer are fetched."),
	NUMBER("--issuer-cooldown-ms", "JUNCTION_ISSUER_COOLDOWN_MS", issuer_cooldown_ms, "30000",
		"milliseconds", 100, MILLISECONDS_MAX,
		"How long after a fetch an issuer's keys are not fetched again, though a token "
		"names one that is not there or the fetch has failed."),
	WORDS("--hook-server", "JUNCTION_HOOK_SERVER", &values.hook_server, .unit = "NAME",
		.help = "The registered server, of namespace default, whose services answer the "
			"hooks client_authentication, signature, site_authentication and "
			"permission."),
	WORDS("--hook-fallback", "JUNCTION_HOOK_FALLBACK", &words.hook_fallback,
		.fallback = "builtin", .unit = "builtin|refuse",
		.help = "Who answers a hook that no such service is registered for: the built-in "
			"provider, or nobody, so that it is refused."),
	{.name = "--own-party",
		.environment = "JUNCTION_OWN_PARTY",
		.kind = OPTION_LIST,
		.value = &values.own_parties,
		.fallback = "9999",
		.unit = "ID[:rsa|:ed25519]",
		.help = "A party that the built-in provider signs for; its key pair, rsa unless "
			"said otherwise, is made at the first start."},
	WORDS("--client-app-key", "JUNCTION_CLIENT_APP_KEY", &values.client_app_key, .unit = "KEY",
		.help = "An APP_KEY with which the built-in client authentication lets clients "
			"in, and the bridge, as application \"fate\", besides the access keys of "
			"applications; none if not given."),
	WORDS("--client-secret-file", "JUNCTION_CLIENT_SECRET_FILE", &values.client_secret_file,
		.unit = "FILE", .help = "File with the secret that belongs to --client-app-key."),
	WORDS("--spool-folder", "JUNCTION_SPOOL_FOLDER", &values.spool_folder,
		.fallback = "/var/tmp", .unit = "FOLDER",
		.help = "Where uploads of unknown size are kept until they are complete, in files "
			"without a name."),
	NUMBER("--spool-limit", "JUNCTION_SPOOL_LIMIT", spool_limit, "4294967296", "bytes", 0,
		INT64_C(1) << 50, "Largest upload of unknown size."),
	WORDS("--extension-folder", "JUNCTION_EXTENSION_FOLDER", &values.extension_folder,
		.unit = "FOLDER",
		.help = "Folder whose executables are started as extensions of the function, and "
			"kept running; only they may register then."),
	WORDS("--extension-user", "JUNCTION_EXTENSION_USER", &values.extension_user, .unit = "NAME",
		.help = "User that extensions run as; if not given, nobody when this server runs "
			"as root, else its own user."),
	WORDS("--extension-ports", "JUNCTION_EXTENSION_PORTS", &words.extension_ports,
		.fallback = "8081-8090", .unit = "FIRST-LAST",
		.help = "Ports of 127.0.0.1 where extensions may receive invocations; at most 10."),
	WORDS("--extension-api-address", "JUNCTION_EXTENSION_API_ADDRESS",
		&values.extension_api_address, .fallback = "127.0.0.1:3000", .unit = "ADDRESS:PORT",
		.help = "The bridge as extensions reach it, given to them as EXTENSION_API_ADDR."),
	NUMBER("--extension-register-ms", "JUNCTION_EXTENSION_REGISTER_MS", extension_register_ms,
		"10000", "milliseconds", 1, MILLISECONDS_MAX,
		"How long a started extension may take to register before that is reported."),
	NUMBER("--extension-restart-ms", "JUNCTION_EXTENSION_RESTART_MS", extension_restart_ms,
		"1000", "milliseconds", 1, MILLISECONDS_MAX,
		"When an extension that has ended is started again; twice as long each time, up to "
		"64 times, until it has run for a minute."),
	NUMBER("--extension-stop-ms", "JUNCTION_EXTENSION_STOP_MS", extension_stop_ms, "2000",
		"milliseconds", 1, MILLISECONDS_MAX,
		"How long extensions have to end after the shutdown notice before they get "
		"SIGTERM, and then SIGKILL."),
	NUMBER("--extension-timeout-ms", "JUNCTION_EXTENSION_TIMEOUT_MS", extension_timeout_ms,
		"5000", "milliseconds", 1, MILLISECONDS_MAX,
		"How long an extension may take to answer an invocation."),
	WORDS("--function-name", "JUNCTION_FUNCTION_NAME", &values.function_name,
		.fallback = "junction", .unit = "NAME",
		.help = "Name of the function that extensions extend."),
	WORDS("--function-version", "JUNCTION_FUNCTION_VERSION", &values.function_version,
		.fallback = "$LATEST", .unit = "VERSION", .help = "Its version."),
	WORDS("--function-handler", "JUNCTION_FUNCTION_HANDLER", &values.function_handler,
		.fallback = "index.handler", .unit = "NAME", .help = "Its handler."),
	WORDS("--function-urn", "JUNCTION_FUNCTION_URN", &values.function_urn,
		.fallback = "sn:cn:yrk:default:function:0@default@junction:latest", .unit = "URN",
		.help = "Its URN, which extensions are told at each invocation."),
	WORDS("--function-service", "JUNCTION_FUNCTION_SERVICE", &values.function_service,
		.unit = "NAME",
		.help = "The registered service, of namespace default, that is the function: calls "
			"of it are invocations."),
	OPTION_CORE_DUMPS(&values.core_dumps),
	{.name = "--log-level",
		.environment = "JUNCTION_LOG_LEVEL",
		.kind = OPTION_STRING,
		.value = &words.log_level,
		.fallback = "info",
		.unit = "debug|info|warn|error",
		.help = "Least important events to log."},
	{0},
};

static const struct option_program program = {
	.name = "junctiond",
	.synopsis = "junctiond [options]\n       junctiond migrate [options]\n       junctiond "
		    "administrator [options]",
	.purpose = "Junction's server: serves its services over gRPC, on PostgreSQL.\n"
		   "With the command migrate it brings the database's schema up to date, "
		   "and ends.\nWith the command administrator it gives the user administrator "
		   "its role and a new\none-time password, which it prints, and ends.",
	.options = options,
};

/* --- what only the whole can tell ------------------------------------------------------------- */

/* True if all listens on loopback. */
static bool check_listen(const struct config *c)
{
	bool all_loopback = true;
	if (c->listen.count == 0 && !c->socket)
		option_refuse(&program, "--listen or --socket is needed to be reached at all");
	for (size_t i = 0; i < c->listen.count; i++) {
		const char *address = c->listen.items[i];
		char host[256];
		int port;
		if (!option_address(address, host, &port))
			option_refuse(
				&program, "--listen must be ADDRESS:PORT, not \"%s\"", address);
		if (option_loopback(host))
			continue;
		if (!c->insecure && !c->tls_cert)
			option_refuse(&program,
				"--listen %s can be reached from other machines, and calls travel "
				"unencrypted; give --tls-cert, or say --insecure if that is meant",
				address);
		all_loopback = false;
	}
	return all_loopback;
}

static void check_tls(const struct config *c)
{
	if (!c->tls_cert != !c->tls_key)
		option_refuse(
			&program, "--tls-cert and --tls-key are given together or not at all");
	if (c->tls_client_ca && !c->tls_cert)
		option_refuse(&program, "--tls-client-ca needs --tls-cert");
	if (c->bridge_names.count && !c->tls_client_ca)
		option_refuse(&program, "--bridge-name needs --tls-client-ca");
}

/* True if all of them are on loopback. */
static bool check_own_addresses(const struct config *c)
{
	bool all_loopback = true;
	char host[256];
	int port;
	for (size_t i = 0; i < c->own_addresses.count; i++) {
		if (!option_address(c->own_addresses.items[i], host, &port))
			option_refuse(&program, "--own-address must be ADDRESS:PORT, not \"%s\"",
				c->own_addresses.items[i]);
		all_loopback &= option_loopback(host);
	}
	return all_loopback;
}

static bool allowed(const char *option, const char *word)
{
	bool allow = strcmp(word, "allow") == 0;
	if (!allow && strcmp(word, "refuse") != 0)
		option_refuse(&program, "%s must be %sallow or refuse, not \"%s\"", option,
			strcmp(option, "--egress-loopback") == 0 ? "auto, " : "", word);
	return allow;
}

/* "8081-8090" */
static void read_ports(struct config *c)
{
	int first, last, end = 0;
	if (sscanf(words.extension_ports, "%5d-%5d%n", &first, &last, &end) != 2 ||
		words.extension_ports[end] || first < 1 || last < first || last > 65535 ||
		last - first > 9)
		option_refuse(&program,
			"--extension-ports must be FIRST-LAST, at most 10 ports, not \"%s\"",
			words.extension_ports);
	c->extension_first_port = first;
	c->extension_last_port = last;
}

/* Open only where nobody from elsewhere can call. */
static bool read_mode(bool all_loopback)
{
	if (strcmp(words.auth, "auto") == 0)
		return all_loopback;
	if (strcmp(words.auth, "open") != 0 && strcmp(words.auth, "required") != 0)
		option_refuse(
			&program, "--auth must be auto, open or required, not \"%s\"", words.auth);
	bool open = strcmp(words.auth, "open") == 0;
	if (open && !all_loopback)
		option_refuse(&program, "--auth open is only possible while every --listen and "
					"--own-address is on loopback");
	return open;
}

static void read_words(bool all_loopback, struct config *c)
{
	c->auth_open = read_mode(all_loopback);
	read_ports(c);
	c->hook_builtin = strcmp(words.hook_fallback, "builtin") == 0;
	if (!c->hook_builtin && strcmp(words.hook_fallback, "refuse") != 0)
		option_refuse(&program, "--hook-fallback must be builtin or refuse, not \"%s\"",
			words.hook_fallback);
	if (!c->client_app_key != !c->client_secret_file)
		option_refuse(&program, "--client-app-key and --client-secret-file are given "
					"together or not at all");
	c->egress_private = allowed("--egress-private", words.egress_private);
	c->egress_loopback = strcmp(words.egress_loopback, "auto") == 0
				     ? all_loopback
				     : allowed("--egress-loopback", words.egress_loopback);
	c->admin = option_admin(&program, words.admin, c->insecure);
	if (!log_access_named(words.access_log, &c->access_log))
		option_refuse(&program, "--access-log must be all, errors or none, not \"%s\"",
			words.access_log);
	if (!log_level_named(words.log_level, &c->log_level))
		option_refuse(&program,
			"--log-level must be debug, info, warn or error, not \"%s\"",
			words.log_level);
}

static char *join(const char *first, const char *second)
{
	char *both;
	CHECK(asprintf(&both, "%s%s", first, second) >= 0);
	return both;
}

/* grpc knows no ":50051": an address without host is all of them. */
static void collect_addresses(struct config *c)
{
	c->addresses = check_calloc(c->listen.count + 2, sizeof(char *));
	for (size_t i = 0; i < c->listen.count; i++) {
		const char *address = c->listen.items[i];
		c->addresses[i] = join(*address == ':' ? "[::]" : "", address);
	}
	if (c->socket)
		c->addresses[c->listen.count] = join("unix:", c->socket);
}

static void read_command(char **arguments, struct config *c)
{
	if (!arguments[0])
		return;
	if (strcmp(arguments[0], "migrate") == 0)
		c->command = COMMAND_MIGRATE;
	else if (strcmp(arguments[0], "administrator") == 0)
		c->command = COMMAND_ADMINISTRATOR;
	if (c->command == COMMAND_SERVE || arguments[1])
		option_refuse(&program, "the commands are migrate and administrator, not \"%s\"",
			arguments[c->command == COMMAND_SERVE ? 0 : 1]);
}

void config_read(struct config *c, int argc, char **argv)
{
	char **arguments;
	values = (struct config){0};
	option_read(&program, argc, argv, &arguments);
	*c = values;
	read_command(arguments, c);
	if (!c->database_url || !*c->database_url)
		option_refuse(&program, "--database-url (or JUNCTION_DATABASE_URL) is required");
	check_tls(c);
	bool own_loopback = check_own_addresses(c);
	read_words(check_listen(c) && own_loopback, c);
	collect_addresses(c);
}
