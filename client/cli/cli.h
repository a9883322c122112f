/*
 * The command line: what its commands share. Commands run in the main thread; only what follows the
 * registry or keeps a node is called by threads of the library. What is allocated lives in the
 * arena, as long as the process, unless a function says so.
 */
#ifndef JUNCTION_CLI_H
#define JUNCTION_CLI_H

#include "base/arena.h"
#include "base/option.h"
#include "client/junction.h"
#include "proto/runtime/api.h"

struct Registry__NodeInfo;

/* Exit codes, as --help shows them. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

/* Options that belong to some commands only. */
enum parameter_index {
	GIVEN_AFTER,
	GIVEN_BODY,
	GIVEN_CHANNEL,
	GIVEN_CHECK,
	GIVEN_CHECK_PATH,
	GIVEN_CONFIRM,
	GIVEN_DEAD,
	GIVEN_ENABLED,
	GIVEN_EVENT_ID,
	GIVEN_EXPLAIN,
	GIVEN_FILTER,
	GIVEN_FORMAT,
	GIVEN_GROUP,
	GIVEN_GROUPS,
	GIVEN_HEADER,
	GIVEN_KEEP,
	GIVEN_LEASE,
	GIVEN_LIMIT,
	GIVEN_METADATA,
	GIVEN_METHOD,
	GIVEN_NODE,
	GIVEN_ORDER_KEY,
	GIVEN_OUTPUT,
	GIVEN_PARAM,
	GIVEN_PARAMS,
	GIVEN_PROTOCOL,
	GIVEN_RECEIPT,
	GIVEN_REFUSE,
	GIVEN_REQUEST,
	GIVEN_SENDER,
	GIVEN_SINCE,
	GIVEN_STATE,
	GIVEN_TEMPLATE,
	GIVEN_UNREAD,
	GIVEN_UNTIL,
	GIVEN_USERS,
	GIVEN_WEIGHT,
	GIVEN_WHERE,
	GIVEN_WIDE,
	GIVEN_COUNT
};

struct parameter {
	const char *flag;  /* "--weight" */
	const char *field; /* of the request that it sets, or NULL */
	enum option_kind kind;
	const char *unit, *help;
};

struct given {
	const char *text;
	struct option_list list;
	bool flag;
};

struct cli {
	struct arena *arena;
	struct junction *client;
	/* Options. */
	const char *server, *space;
	const char *ca, *cert, *key, *server_name;
	const char *token, *key_file;
	bool insecure_credentials;
	int64_t timeout_ms;
	bool json;
	struct given given[GIVEN_COUNT];
};

struct command {
	const char *name;
	const char *arguments; /* "SERVICE.ACTION" */
	const char *purpose;
	int least, most;       /* arguments */
	int method;            /* index of the RPC that it is about, or -1 */
	uint64_t takes;        /* 1 << GIVEN_...: its parameters */
	const char *fields[3]; /* what the arguments are, of a command without run */
	/* For people; a command without --json. */
	void (*show)(struct cli *cli, const ProtobufCMessage *response, char **arguments);
	/* NULL: it makes the request of fields and parameters, calls, and shows. */
	int (*run)(struct cli *cli, const struct command *command, char **arguments);
	bool endures; /* until a signal, as all do with --keep: see cli_wait() */
	bool nobody;  /* its calls show no credentials */
};

extern const struct command commands[];     /* ends with name NULL */
extern const struct parameter parameters[]; /* GIVEN_COUNT of them */

/* --- main.c: saying things -------------------------------------------------------------------- */

/* Says on standard error what is wrong with the command line. Returns EXIT_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says why a call failed, and how to log in if that is it. Returns the exit code. */
int cli_failed(const struct junction_error *error);
/* Prints a message as JSON, one line; written out at once. */
void cli_print_json(const struct api_message *type, const ProtobufCMessage *message);
/* A client of the server that the options name; anonymous: it shows no credentials. */
struct junction *cli_open(struct cli *cli, bool anonymous);
/* The command of that name, or NULL. */
const struct command *cli_command(const char *name);

/* --- request.c: requests out of what was given -------------------------------------------------
 */

bool cli_is_given(const struct cli *cli, enum parameter_index index);
/* The method's request with the arguments (by fields, NULL ends) and the command's parameters. NULL
 * after a complaint. */
ProtobufCMessage *cli_request(struct cli *cli, const struct command *command,
	const struct api_method *method, const char *const *fields, char **arguments);
/* Sets a field. False after a complaint. */
bool cli_set(struct cli *cli, const struct api_message *type, const char *field, const char *value,
	ProtobufCMessage *message);
/* A message of JSON text, in the arena. NULL after a complaint, which begins with where. */
ProtobufCMessage *cli_message(
	struct arena *a, const struct api_message *type, struct text text, const char *where);
/* "10s", "2m": a number of one of these units. False if it is none. */
enum duration_unit { UNIT_MILLISECOND, UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY };
bool cli_duration(
	const char *given, enum duration_unit least, enum duration_unit most, int64_t *ms);
/* How many of a list are wanted. False after a complaint. */
bool cli_limit(struct cli *cli, int64_t *limit);
/* Splits what was given for a parameter of pairs at its first "=". False after a complaint. */
bool cli_split_pair(
	enum parameter_index index, const char *given, struct text *name, struct text *value);
/* Splits "service.action" at its first dot. False after a complaint. */
bool cli_split(struct cli *cli, const char *full, char *parts[2]);
/* Splits HOST:PORT. False if it is none. */
bool cli_split_address(struct cli *cli, const char *address, char *parts[2]);

/* --- call.c ------------------------------------------------------------------------------------
 */

/* Calls a unary method. On failure says why and gives the exit code, else EXIT_DONE. */
int cli_invoke(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	struct junction_reply **reply);
/* A command without run. */
int cli_run_plain(struct cli *cli, const struct command *command, char **arguments);
int cli_rpc(struct cli *cli, const struct command *command, char **arguments);
int cli_call(struct cli *cli, const struct command *command, char **arguments);

/* All of standard input. */
const char *cli_input(struct arena *a);

/* "Registry.ListNodes", with its package or without, "/" for dots too; NULL if there is none. */
const struct api_method *cli_method(struct arena *a, const char *name);

/* --- the other commands ------------------------------------------------------------------------
 */

int cli_register(struct cli *cli, const struct command *command, char **arguments);
int cli_register_node(struct cli *cli, const struct command *command, char **arguments);
int cli_nodes(struct cli *cli, const struct command *command, char **arguments);
int cli_watch(struct cli *cli, const struct command *command, char **arguments);
int cli_help(struct cli *cli, const struct command *command, char **arguments);
/* The program's purpose with its commands and exit codes, for --help. */
const char *cli_purpose(struct arena *a);

int cli_publish(struct cli *cli, const struct command *command, char **arguments);
int cli_subscribe(struct cli *cli, const struct command *command, char **arguments);
int cli_deliveries(struct cli *cli, const struct command *command, char **arguments);
void show_published(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_confirmed(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_replayed(struct cli *cli, const ProtobufCMessage *response, char **arguments);

int cli_send(struct cli *cli, const struct command *command, char **arguments);
void show_sent(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_notice(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_notice_deliveries(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_resent(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_cancelled(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_inbox(struct cli *cli, const ProtobufCMessage *response, char **arguments);

int cli_upload(struct cli *cli, const struct command *command, char **arguments);
int cli_download(struct cli *cli, const struct command *command, char **arguments);
int cli_audit(struct cli *cli, const struct command *command, char **arguments);
int cli_audit_write(struct cli *cli, const struct command *command, char **arguments);
int cli_audit_export(struct cli *cli, const struct command *command, char **arguments);

int cli_login(struct cli *cli, const struct command *command, char **arguments);
int cli_logout(struct cli *cli, const struct command *command, char **arguments);
int cli_check(struct cli *cli, const struct command *command, char **arguments);
int cli_create_key(struct cli *cli, const struct command *command, char **arguments);

/* The token of the login that is kept; context: the struct cli. Called by a thread of the
 * library's. */
junction_token_callback cli_token;

/* Asks for a secret. False if there is none. */
enum { SECRET_ROOM = 1026 };
bool cli_ask(const char *prompt, char secret[SECRET_ROOM]);

/* --- kept.c: the login that is kept for a server. False with the reason. ------------------------
 */

#define KEPT_REASON 1024

struct login {
	char *user, *token, *refresh;
	int64_t begun_ms, ends_ms; /* of the token, since 1970 */
};

bool kept_exists(const char *server);
/* Waits for other commands that read or change logins. To be unlocked, also after a failure. */
bool kept_lock(int *lock, char reason[KEPT_REASON]);
void kept_unlock(int *lock);
bool kept_read(struct arena *a, const char *server, struct login *login, char reason[KEPT_REASON]);
bool kept_write(const char *server, const struct login *login, char reason[KEPT_REASON]);
bool kept_remove(const char *server, char reason[KEPT_REASON]);

/* Calls a method that streams google.api.HttpBody, and writes what comes to the file (--output), or
 * to standard output. Returns the exit code. */
int cli_save(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request);

/* How far a long transfer is, on one line of standard error that is written anew now and then, if
 * that is a terminal. */
struct progress {
	const char *name;
	int64_t total; /* bytes; -1: not known */
	int64_t done;
	double part;          /* of the whole that is done, 0 to 1; less: not known but by bytes */
	int64_t records;      /* that came so far */
	int64_t begun, shown; /* on clock_now() */
	bool terminal;
};

void progress_begin(struct progress *p, const char *name, int64_t total);
void progress_add(struct progress *p, size_t bytes);
void progress_end(struct progress *p); /* the line stays as it is */

/* Waits for SIGINT, SIGTERM or cli_wake(), which are blocked for commands that endure. */
void cli_wait(void);
void cli_wake(void);

/* --- watch.c: what goes on until a signal, across broken connections ---------------------------
 * Told by a thread of the library's; the main thread waits. */

struct lasting {
	bool connected; /* something has come: what fails from now on is tried again */
	bool troubled;
	char cursor[128];
	_Atomic int code; /* not EXIT_DONE: it ended by itself */
};

void lasting_came(struct lasting *l, const char *cursor);
/* Says why. What the server refuses has failed for good, and what fails before it is connected. */
void lasting_failed(struct lasting *l, const struct junction_error *error);
/* It ends by itself, with that exit code. */
void lasting_end(struct lasting *l, int code);

/* --- tables.c: responses for people ------------------------------------------------------------
 */

void show_services(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_actions(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_configurations(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_caller(struct cli *cli, const ProtobufCMessage *response, char **arguments);
void show_extensions(struct cli *cli, const ProtobufCMessage *response, char **arguments);

/* "host:port", IPv6 in brackets. */
const char *address_of(struct arena *a, const struct Registry__NodeInfo *node);
/* "disabled", "available" or "unavailable"; "flapping", "passing", "failing" or "-". */
const char *state_of(const struct Registry__NodeInfo *node);
const char *health_of(const struct Registry__NodeInfo *node);

/* Text of third parties as a terminal may have it: "?" for each control character. */
char *plain(struct arena *a, const char *text);
/* A table: columns as wide as their widest cell, the first row is the head. On a terminal that is
 * narrower, the widest columns are cut. Cells are rows * columns UTF-8 strings. */
void table_print(struct arena *a, const char *const *cells, size_t rows, size_t columns);

#endif
