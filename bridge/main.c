/*
 * The bridge: prints where it listens, says "ready" once the server has been seen serving, and
 * runs until SIGTERM or SIGINT. Then it accepts no more, lets the requests in progress end for a
 * while, breaks off the rest and exits 0.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/admin/admin.h"
#include "base/core_dump.h"
#include "base/log.h"
#include "base/metric.h"
#include "bridge/config.h"
#include "bridge/gateway/gateway.h"
#include "bridge/listener.h"
#include "bridge/probe.h"
#include "bridge/tls.h"

#define GRACE_MS       10000
#define POLL_MS        50
#define LOOK_MS        1000 /* how often certificates are looked at */
#define RATE_WINDOW_MS 10000

static void block_signals(sigset_t *stop)
{
	sigemptyset(stop);
	sigaddset(stop, SIGTERM);
	sigaddset(stop, SIGINT);
	sigaddset(stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A connection is a file. */
static void allow_many_files(void)
{
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

/* True if a signal to end has come within ms. Looks after the certificates meanwhile, which SIGHUP
 * has read again in any case. */
static bool told_to_end(struct rpc *rpc, const sigset_t *signals, int64_t ms)
{
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
	int number = sigtimedwait(signals, NULL, &wait);
	tls_refresh(number == SIGHUP);
	rpc_refresh_tls(rpc, number == SIGHUP);
	return number > 0 && number != SIGHUP;
}

/*
 * Returns on a signal to end. Calls take turns over the threads, each of which connects by itself:
 * only so many answers in a row say that none is left that would fail the next call.
 */
static void run(struct rpc *rpc, const sigset_t *stop)
{
	for (int answers = 0; answers < rpc_threads(rpc); answers++) {
		if (probe_server(rpc))
			continue;
		answers = -1;
		if (told_to_end(rpc, stop, POLL_MS))
			return;
	}
	say("ready");
	while (!told_to_end(rpc, stop, LOOK_MS))
		;
}

/* What is printed first is there once the other addresses are. */
static bool open_admin(const struct config *c, struct admin **admin)
{
	char line[320];
	if (!c->admin)
		return true;
	*admin = admin_open(c->admin);
	if (!*admin || !admin_serve(*admin))
		return false;
	snprintf(line, sizeof(line), "listening admin %s", admin_address(*admin));
	say(line);
	return true;
}

static void end(struct listener **l, const struct bridge *bridge)
{
	log_event(LOG_INFO, "bridge stopping");
	rpc_stop_streams(bridge->rpc);
	gateway_end(bridge->gateway, false);
	if (!listener_drain(*l, GRACE_MS))
		log_event(LOG_WARN, "requests broken off");
	rpc_stop(bridge->rpc);
	gateway_end(bridge->gateway, true);
	listener_close(l);
}

static struct gateway *make_gateway(const struct config *c, struct rpc *rpc)
{
	return gateway_new(&(struct gateway_options){
		.path = c->gateway_path,
		.rpc = rpc,
		.trusted = &c->trusted_proxies,
		.ca_file = c->gateway_ca,
		.rpc_timeout_ms = c->rpc_timeout_ms,
		.grace_ms = c->gateway_grace_ms,
		.cache_bytes = (size_t)c->gateway_cache,
		.limit_keys = (size_t)c->gateway_limit_keys,
		.routes = (size_t)c->gateway_routes,
		.tls = c->tls_cert != NULL,
	});
}

static struct listener *serve(const struct config *c, struct bridge *bridge)
{
	const struct listener_options options = {
		.addresses = c->listen.items,
		.connection_limit = (int)c->connection_limit,
		.connection_limit_per_address = (int)c->connection_limit_per_address,
		.idle_timeout = (int)c->idle_timeout,
		.watch = {c->header_timeout * 1000, c->body_rate, RATE_WINDOW_MS},
	};
	struct listener *l = listener_open(&options, bridge);
	for (size_t i = 0; l && i < c->listen.count; i++) {
		char line[128];
		gateway_add_own(bridge->gateway, listener_address(l, i));
		snprintf(line, sizeof(line), "listening http %s", listener_address(l, i));
		say(line);
	}
	return l;
}

int main(int argc, char **argv)
{
	static const char *const none[] = {NULL};
	static struct config c;
	sigset_t stop;
	config_read(&c, argc, argv);
	core_dump_allow(c.core_dumps);
	log_set_level(c.log_level);
	block_signals(&stop);
	allow_many_files();

	if (c.tls_cert && !tls_open(c.tls_cert, c.tls_key, c.tls_client_ca))
		return 1;
	struct rpc *rpc = rpc_new(&(struct rpc_options){c.server, (int)c.threads, c.server_tls});
	if (!rpc)
		return 1;
	struct gateway *gateway = make_gateway(&c, rpc);
	if (!gateway)
		return 1;
	gateway_open(gateway);
	struct router *router = router_new();
	router_add(router, api_methods, api_method_count);
	router_add(router, probe_methods, PROBE_COUNT);
	struct documents *documents = documents_new();
	documents_add_routes(documents, router);
	struct bridge bridge = {
		.router = router,
		.documents = documents,
		.front = {c.known_hosts, c.origins.count ? c.origins.items : none,
			(size_t)c.body_limit, c.tls_cert != NULL},
		.gateway = gateway,
		.rpc = rpc,
		.rpc_timeout_ms = c.rpc_timeout_ms,
		.keepalive_ms = c.keepalive_ms,
		.exposed = c.exposed,
		.access_log = c.access_log,
	};
	struct admin *admin = NULL;
	metric_register_process();
	struct listener *l = open_admin(&c, &admin) ? serve(&c, &bridge) : NULL;
	bool served = l != NULL;
	if (served) {
		run(rpc, &stop);
		end(&l, &bridge);
	} else {
		rpc_stop(rpc);
	}
	admin_close(&admin);
	gateway_close(gateway);
	rpc_free(&rpc);
	gateway_free(&gateway);
	tls_close();
	router_free(&router);
	documents_free(&documents);
	return served ? 0 : 1;
}
