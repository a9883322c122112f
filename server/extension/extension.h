/*
 * Extensions of the function (document 002): processes on this host that are told of each
 * invocation. Their start and end, and what the handlers share; those of extension.proto's RPCs are
 * the first steps named in the generated table of steps.
 *
 * The truth is registry.extension: the rows of this host. Each server of the host reads them twice
 * a second, so what registers with one of them is told by the others within a second; who registers
 * or deregisters here has it read at once. Without a folder rows stay when the server ends: the
 * extension is still there when it comes back. With one they belong to processes of this server,
 * and go with them; all of the host are removed at the start, before the processes are started, so
 * only one server of a host has a folder.
 *
 * A shutdown notice goes only to extensions that this server has started, since only they end with
 * it: POST http://{address}/extension/shutdown with {"reason":"SPINDOWN","deadlineMs":...}, the
 * time when SIGTERM follows, in milliseconds since 1970.
 */
#ifndef JUNCTION_SERVER_EXTENSION_EXTENSION_H
#define JUNCTION_SERVER_EXTENSION_EXTENSION_H

#include "server/call.h"
#include "server/extension/process.h"

struct extension_options {
	const char *folder; /* whose executables are started; NULL: none */
	const char *user;   /* as whom; NULL: nobody if this process is root, else its own user */
	int first_port, last_port; /* where extensions may receive invocations; at most 10 */
	const char *api_address;   /* "127.0.0.1:3000": the bridge, for EXTENSION_API_ADDR */
	const char *function_name, *function_version, *function_handler, *function_urn;
	const char *function_service; /* whose calls are invocations; NULL: none */
	int64_t register_ms;          /* until a started one has to be registered */
	int64_t restart_ms;           /* until the first restart; doubles up to 64 times as much */
	int64_t stop_ms;    /* from the shutdown notice to SIGTERM, and from there to SIGKILL */
	int64_t timeout_ms; /* of an invocation */
	int history_days;   /* how long the rows of invocations are kept */
};

/* Once, after lanes_start() and before the first call. False if an option is wrong (logged). */
bool extension_start(
	const struct extension_options *options, struct lanes *lanes, struct fetch_lane *fetch);
/* The extensions of this host are known. Any thread. */
bool extension_ready(void);
/* Tells the extensions that the server ends, and ends the processes that it has started; returns
 * when they are gone. Before the lanes stop. */
void extension_leave(void);
/* After the lanes have stopped. */
void extension_stop(void);
const struct extension_options *extension_settings(void);

/* --- for the handlers; any thread ------------------------------------------------------------- */

/* NULL: there is no folder. */
struct processes *extension_processes(void);
/* The rows of extension_load become what is known here. ticket: from before they were asked for. */
void extension_take(uint64_t ticket, const struct rows *rows);
/* Has the rows read now. */
void extension_look(void);
/* A call goes to a service: if it is the function, that is an invocation (upstream_on_call()). */
void extension_on_call(struct text service, const struct caller *caller);

#endif
