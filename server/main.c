/*
 * junctiond: puts the parts together, serves until it is told to end, and takes them apart.
 *
 * Addresses are bound before anything else is started, so that Call can be kept from connecting to
 * them, and calls wait in the backlog until all stands. The main thread takes the signals and,
 * in between, passes on whether the server is ready. At the end the lanes stop only after the last
 * call has left them: a step that comes back from one lane may want to go into another.
 */
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/admin/admin.h"
#include "base/check.h"
#include "base/core_dump.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/api_reader/api_reader.h"
#include "server/audit/audit.h"
#include "server/auth/auth.h"
#include "server/auth/session/administrator.h"
#include "server/config.h"
#include "server/db/migrate.h"
#include "server/event/event.h"
#include "server/event/tell.h"
#include "server/extension/extension.h"
#include "server/gateway/changes.h"
#include "server/gateway/cleaning.h"
#include "server/gateway/gateway.h"
#include "server/gauges.h"
#include "server/lane/note.h"
#include "server/notice/notice.h"
#include "server/registry/node_health.h"
#include "server/registry/registry.h"
#include "server/rpc/rpc.h"
#include "server/seal.h"
#include "steps.gen.h"

enum {
	LOOK_MS = 100,       /* how often readiness is looked at */
	BREAK_OFF_MS = 5000, /* until a call that was broken off has to be gone */
	NOTES_MS = 2000,     /* until rows that nobody waits for have to be written */
	FETCH_CONNECTIONS = 1024,
	FETCH_CONNECTIONS_PER_HOST = 128,
	PUSHES_AT_ONCE = 4096,   /* events, or notices, under way: none waits for a connection */
	PING_INTERVAL_MS = 5000, /* clients that ask every 10 seconds are never too early */
};

/* --- before ---------------------------------------------------------------------------------- */

static void raise_file_limit(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Blocked in this thread, and so in all that it starts. */
static sigset_t block_signals(void)
{
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGHUP);
	CHECK(pthread_sigmask(SIG_BLOCK, &ending, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	return ending;
}

/* True if a signal to end has come within ms. Looks after the certificates meanwhile, which SIGHUP
 * has read again in any case. */
static bool told_to_end(struct rpc *rpc, const sigset_t *signals, int64_t ms)
{
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
	int number = sigtimedwait(signals, NULL, &wait);
	rpc_refresh_tls(rpc, number == SIGHUP);
	return number > 0 && number != SIGHUP;
}

/* --- egress ---------------------------------------------------------------------------------- */

/* All that the address stands for; no host is any address. */
static void add_own(struct egress_policy *policy, const char *address)
{
	char host[256], service[16];
	int port;
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
	CHECK(option_address(address, host, &port));
	snprintf(service, sizeof(service), "%d", port);
	int error = getaddrinfo(*host ? host : NULL, service, &hints, &found);
	if (error != 0) {
		log_event(LOG_WARN, "own address not resolved", LOG_TEXT("address", address),
			LOG_TEXT("reason", gai_strerror(error)));
		return;
	}
	struct sockaddr_storage *own = (struct sockaddr_storage *)policy->own;
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		own = check_realloc(own, (policy->own_count + 1) * sizeof(*own));
		memset(&own[policy->own_count], 0, sizeof(*own));
		memcpy(&own[policy->own_count++], a->ai_addr, a->ai_addrlen);
	}
	policy->own = own;
	freeaddrinfo(found);
}

static struct egress_policy make_policy(
	const struct config *c, const struct rpc *rpc, const struct admin *admin)
{
	struct egress_policy policy = {
		.loopback = c->egress_loopback,
		.private_ranges = c->egress_private,
	};
	for (size_t i = 0; i < c->listen.count; i++)
		add_own(&policy, rpc_address(rpc, i));
	if (admin)
		add_own(&policy, admin_address(admin));
	for (size_t i = 0; i < c->own_addresses.count; i++)
		add_own(&policy, c->own_addresses.items[i]);
	return policy;
}

/* --- serving --------------------------------------------------------------------------------- */

struct server {
	const struct config *config;
	struct rpc *rpc;
	struct admin *admin; /* NULL: none */
	struct egress_policy egress;
	/* Of calls, of checks of nodes, of events, of notices: apart from each other. */
	struct fetch_lane *fetch, *checks, *pushes, *sends;
	struct lanes *lanes;
	struct stream_lane *streams;
};

static bool open_listeners(struct server *s)
{
	const struct config *c = s->config;
	const struct rpc_options options = {
		.listen = c->addresses,
		.threads = (int)c->rpc_threads,
		.call_limit = (int)c->call_limit,
		.default_deadline_ms = c->default_deadline_ms,
		.message_limit = (size_t)c->message_limit,
		.metadata_limit = (size_t)c->metadata_limit,
		.arena_limit = (size_t)c->call_memory_limit,
		.access_log = c->access_log,
		.connection_age_ms = c->connection_age_ms,
		.keepalive_ms = c->keepalive_ms,
		.ping_interval_ms = PING_INTERVAL_MS,
		.tls = {c->tls_cert, c->tls_key, c->tls_client_ca, c->bridge_names.items},
	};
	s->rpc = rpc_open(&options);
	if (s->rpc && c->admin)
		s->admin = admin_open(c->admin);
	return s->rpc && (s->admin || !c->admin);
}

static bool start_lanes(struct server *s)
{
	const struct config *c = s->config;
	const struct fetch_options fetch = {
		.egress = &s->egress,
		.connections = FETCH_CONNECTIONS,
		.connections_per_host = FETCH_CONNECTIONS_PER_HOST,
		.queue_limit = (int)c->queue_limit,
	};
	const struct fetch_options checks = {
		.egress = &s->egress,
		.connections = (int)c->checks_at_once,
		.connections_per_host = (int)c->checks_at_once,
		.queue_limit = (int)c->checks_at_once,
	};
	const struct fetch_options pushes = {
		.egress = &s->egress,
		.connections = PUSHES_AT_ONCE,
		.connections_per_host = PUSHES_AT_ONCE,
		.queue_limit = PUSHES_AT_ONCE,
	};
	const struct lanes_options lanes = {
		.database_url = c->database_url,
		.threads = (int)c->lane_threads,
		.change_connections = (int)c->change_connections,
		.search_connections = (int)c->search_connections,
		.queue_limit = (int)c->queue_limit,
		.statement_timeout_ms = c->statement_timeout_ms,
		.search_timeout_ms = c->search_timeout_ms,
		.lock_timeout_ms = c->lock_timeout_ms,
	};
	s->egress = make_policy(c, s->rpc, s->admin);
	s->fetch = fetch_start(&fetch);
	s->checks = fetch_start(&checks);
	s->pushes = fetch_start(&pushes);
	s->sends = fetch_start(&pushes);
	s->lanes = lanes_start(&lanes);
	s->streams = stream_lane_start();
	if (!s->fetch || !s->checks || !s->pushes || !s->sends || !s->lanes)
		return false;
	call_use_lanes(s->lanes, s->fetch, s->streams);
	return true;
}

static struct registry_options registry_options(const struct config *c)
{
	return (struct registry_options){
		.poll_ms = c->registry_poll_ms,
		.request_limit = (size_t)c->call_request_limit,
		.response_limit = (size_t)c->call_response_limit,
		.protect_percent = (int)c->protect_percent,
		.history_days = (int)c->history_days,
		.forget_after_ms = c->forget_nodes_after_ms,
		.check_interval_ms = c->check_interval_ms,
		.check_timeout_ms = c->check_timeout_ms,
		.check_down_after = (int)c->check_down_after,
		.check_up_after = (int)c->check_up_after,
		.checks_at_once = (int)c->checks_at_once,
		.watch_patience_ms = c->watch_patience_ms,
		.changed = cleaning_of_registry,
	};
}

static bool start_extensions(struct server *s)
{
	const struct config *c = s->config;
	const struct extension_options options = {
		.folder = c->extension_folder,
		.user = c->extension_user,
		.first_port = c->extension_first_port,
		.last_port = c->extension_last_port,
		.api_address = c->extension_api_address,
		.function_name = c->function_name,
		.function_version = c->function_version,
		.function_handler = c->function_handler,
		.function_urn = c->function_urn,
		.function_service = c->function_service,
		.register_ms = c->extension_register_ms,
		.restart_ms = c->extension_restart_ms,
		.stop_ms = c->extension_stop_ms,
		.timeout_ms = c->extension_timeout_ms,
		.history_days = (int)c->history_days,
	};
	return extension_start(&options, s->lanes, s->fetch);
}

static void start_events(struct server *s)
{
	const struct config *c = s->config;
	const struct event_options options = {
		.server_name = node_name().data,
		.poll_ms = c->event_poll_ms,
		.member_ms = c->event_member_ms,
		.days = c->event_days,
		.drop_open = c->event_drop_open,
		.log_days = c->event_log_days,
		.data_limit = (size_t)c->event_data_limit,
	};
	event_start(&options, s->lanes, s->pushes);
}

static bool start_notices(struct server *s)
{
	const struct config *c = s->config;
	const struct notice_options options = {
		.server_name = node_name().data,
		.poll_ms = c->notice_poll_ms,
		.member_ms = c->notice_member_ms,
		.days = c->notice_days,
		.idempotency_hours = c->idempotency_hours,
		.attachment_limit = c->notice_attachment_limit,
		.file_action = c->notice_file_action,
		.public_url = c->public_url,
		.tell = event_tell,
	};
	return notice_start(&options, s->lanes, s->sends);
}

static void start_gateway(struct server *s)
{
	const struct gateway_options options = {
		.config_folder = s->config->config_folder,
		.server_name = node_name().data,
		.poll_ms = s->config->config_poll_ms,
		.egress = &s->egress,
	};
	gateway_start(&options, s->lanes, s->fetch);
}

static bool start_services(struct server *s)
{
	const struct config *c = s->config;
	const struct registry_options registry = registry_options(c);
	const struct auth_options auth = {
		.open = c->auth_open,
		.poll_ms = c->auth_poll_ms,
		.token_issuer = c->token_issuer,
		.token_seconds = c->token_minutes * 60,
		.session_seconds = c->session_hours * 3600,
		.issuer_refresh_ms = c->issuer_refresh_ms,
		.issuer_cooldown_ms = c->issuer_cooldown_ms,
		.hook_server = c->hook_server,
		.builtin = c->hook_builtin,
		.own_parties = &c->own_parties,
		.app_key = c->client_app_key,
		.secret_file = c->client_secret_file,
	};
	const struct api_reader_options reader = {
		.spool_folder = c->spool_folder,
		.spool_limit = c->spool_limit,
		.history_days = (int)c->history_days,
	};
	const struct audit_options audit = {c->audit_days, c->idempotency_hours};
	if (!seal_start(c->key_file))
		return false;
	notes_start(s->lanes);
	call_on_gate_change(changes_of_gate);
	registry_start(&registry, s->lanes, s->checks);
	api_reader_start(&reader, s->lanes);
	audit_start(&audit, s->lanes);
	start_events(s);
	start_gateway(s);
	return auth_start(&auth, s->lanes, s->fetch) && start_extensions(s) && start_notices(s);
}

static bool start(struct server *s)
{
	if (!open_listeners(s) || !start_lanes(s) || !start_services(s))
		return false;
	rpc_start(s->rpc, api_steps);
	metric_register_process();
	gauges_start(s->lanes, s->fetch, s->streams);
	if (s->admin && !admin_serve(s->admin))
		return false;
	if (s->admin)
		printf("listening admin %s\n", admin_address(s->admin));
	for (size_t i = 0; s->config->addresses[i]; i++)
		printf("listening grpc %s\n", rpc_address(s->rpc, i));
	fflush(stdout);
	return true;
}

static void serve(struct server *s, const sigset_t *ending)
{
	bool said = false;
	do {
		bool ready = lanes_ready(s->lanes) && registry_ready() && auth_ready() &&
			     audit_ready() && event_ready() && gateway_ready() && notice_ready() &&
			     extension_ready();
		rpc_set_serving(s->rpc, ready);
		if (ready && !said) {
			puts("ready");
			fflush(stdout);
			said = true;
		}
	} while (!told_to_end(s->rpc, ending, said ? LOOK_MS : LOOK_MS / 10));
}

/* A second signal cuts the grace short. */
static void drain(struct server *s, const sigset_t *ending)
{
	int64_t until = clock_now() + s->config->shutdown_grace_ms * CLOCK_MS;
	log_event(LOG_INFO, "ending");
	rpc_set_serving(s->rpc, false);
	stream_lane_drain(s->streams);
	while (!rpc_drain(s->rpc, LOOK_MS) && clock_now() < until &&
		!told_to_end(s->rpc, ending, 0))
		;
	rpc_stop(s->rpc);
	if (!rpc_drain(s->rpc, BREAK_OFF_MS))
		log_event(LOG_WARN, "calls in progress do not end");
}

static void take_apart(struct server *s)
{
	admin_close(&s->admin);
	extension_leave();
	registry_leave();
	notice_leave();
	gateway_leave();
	event_leave();
	fetch_stop(&s->checks);
	fetch_stop(&s->pushes);
	fetch_stop(&s->sends);
	notes_finish(clock_now() + NOTES_MS * CLOCK_MS);
	lanes_stop(&s->lanes);
	fetch_stop(&s->fetch);
	bells_heard(s->streams);
	rpc_free(&s->rpc);
	extension_stop();
	notice_stop();
	gateway_stop();
	event_stop();
	auth_stop();
	audit_stop();
	api_reader_stop();
	registry_stop();
	seal_stop();
	stream_lane_stop(&s->streams);
	free((void *)s->egress.own);
}

static int run(const struct config *c)
{
	static struct server s;
	s.config = c;
	raise_file_limit();
	sigset_t ending = block_signals();
	if (!start(&s)) {
		/* Threads may run already, from under which exit() would take the libraries. */
		fflush(stdout);
		_exit(EXIT_FAILURE);
	}
	serve(&s, &ending);
	drain(&s, &ending);
	take_apart(&s);
	return EXIT_SUCCESS;
}

static int end_command(bool done, const struct status *status)
{
	if (!done)
		fprintf(stderr, "junctiond: %s\n", status->message);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int migrate(const struct config *c)
{
	struct status status = {.message = ""};
	const char *owner = c->migration_url ? c->migration_url : c->database_url;
	return end_command(migrate_run(owner, c->database_url, &status), &status);
}

static int administrator(const struct config *c)
{
	struct arena *a = arena_new(0);
	struct status status = {.message = ""};
	int code = end_command(
		administrator_reset(c->database_url, c->token_minutes * 60, a, &status), &status);
	arena_free(&a);
	return code;
}

/* The messages of a stream are large blocks that come and go. By default the C library gives them
 * back to the kernel and fetches them again: a quarter of the processor time of an upload. */
static void keep_freed_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

int main(int argc, char **argv)
{
	static struct config c;
	keep_freed_memory();
	config_read(&c, argc, argv);
	log_set_level(c.log_level);
	core_dump_allow(c.core_dumps);
	switch (c.command) {
	case COMMAND_MIGRATE:
		return migrate(&c);
	case COMMAND_ADMINISTRATOR:
		return administrator(&c);
	default:
		return run(&c);
	}
}
