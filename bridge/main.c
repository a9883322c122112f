/*
 * The bridge: prints where it listens, says "ready" once the server has been seen serving, and
 * runs until SIGTERM or SIGINT. Then it accepts no more, lets the requests in progress end for a
 * while, breaks off the rest and exits 0.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "bridge/config.h"
#include "bridge/listener.h"
#include "bridge/probe.h"

#define GRACE_MS 10000
#define POLL_MS  50

static void block_signals(sigset_t *stop)
{
	sigemptyset(stop);
	sigaddset(stop, SIGTERM);
	sigaddset(stop, SIGINT);
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

/*
 * Returns on a signal. Calls take turns over the channels, each of which connects by itself: only
 * so many answers in a row say that none is left that would fail the next call.
 */
static void run(struct rpc *rpc, int channels, const sigset_t *stop)
{
	const struct timespec pause = {0, POLL_MS * 1000000L};
	for (int answers = 0; answers < channels; answers++) {
		if (probe_server(rpc))
			continue;
		answers = -1;
		if (sigtimedwait(stop, NULL, &pause) > 0)
			return;
	}
	say("ready");
	while (sigwaitinfo(stop, NULL) < 0 && errno == EINTR)
		;
}

static void end(struct listener **l, struct rpc *rpc)
{
	log_event(LOG_INFO, "bridge stopping");
	if (!listener_drain(*l, GRACE_MS))
		log_event(LOG_WARN, "requests broken off");
	rpc_stop(rpc);
	listener_close(l);
}

static struct listener *serve(const struct config *c, struct bridge *bridge)
{
	const struct listener_options options = {
		.addresses = c->listen.items,
		.threads = (int)c->threads,
		.connection_limit = (int)c->connection_limit,
		.connection_limit_per_address = (int)c->connection_limit_per_address,
		.idle_timeout = (int)c->idle_timeout,
	};
	struct listener *l = listener_open(&options, bridge);
	for (size_t i = 0; l && i < c->listen.count; i++) {
		char line[128];
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
	log_set_level(c.log_level);
	block_signals(&stop);
	allow_many_files();

	struct router *router = router_new();
	router_add(router, api_methods, api_method_count);
	router_add(router, probe_methods, PROBE_COUNT);
	struct rpc *rpc = rpc_new(
		&(struct rpc_options){c.server, (int)c.channels, api_methods, api_method_count});
	struct bridge bridge = {
		.router = router,
		.front = {c.known_hosts, c.origins.count ? c.origins.items : none,
			(size_t)c.body_limit},
		.rpc = rpc,
		.rpc_timeout_ms = c.rpc_timeout_ms,
	};
	struct listener *l = serve(&c, &bridge);
	bool served = l != NULL;
	if (served) {
		run(rpc, (int)c.channels, &stop);
		end(&l, rpc);
	} else {
		rpc_stop(rpc);
	}
	rpc_free(&rpc);
	router_free(&router);
	return served ? 0 : 1;
}
