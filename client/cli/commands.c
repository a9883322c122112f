/* The commands and their options, in the order of --help. */
#include <limits.h>
#include <stdio.h>

#include "api.gen.h"
#include "client/cli/cli.h"
#include "junction/v1/api_reader.pb-c.h"
#include "junction/v1/registry.pb-c.h"

#define TAKES(name) (UINT64_C(1) << GIVEN_##name)

const struct parameter parameters[] = {
	[GIVEN_AFTER] = {"--after", "after", OPTION_STRING, "CURSOR",
		"watch, subscribe: what follows this cursor; of watch without a snapshot."},
	[GIVEN_BODY] = {"--body", "body", OPTION_STRING, "JSON",
		"call: request body; what is not JSON is sent as plain text."},
	[GIVEN_CHANNEL] = {"--channel", "channel", OPTION_STRING, "NAME[,NAME]",
		"send: site, mail, sms, wechat, dingtalk or what else there is; the template's, or "
		"site, if not given; notice-deliveries, resend, cancel: only on this channel."},
	[GIVEN_CHECK] = {"--check", "check", OPTION_STRING, "none|tcp|http",
		"register-node: how it is checked; TCP, or HTTP if there is a path."},
	[GIVEN_CHECK_PATH] = {"--check-path", "check_path", OPTION_STRING, "/PATH",
		"register-node: path of the HTTP check."},
	[GIVEN_CONFIRM] = {"--confirm", "confirm", OPTION_STRING, "auto|explicit",
		"subscribe with --group: auto: an event is done when the server has sent it; "
		"explicit, if not given: when it has been printed."},
	[GIVEN_DEAD] = {"--dead", "states", OPTION_FLAG, NULL,
		"replay: only dead deliveries, as without --event-id anyway."},
	[GIVEN_ENABLED] = {"--enabled", "enabled", OPTION_STRING, "true|false",
		"register-node, update-node: whether it may be called."},
	[GIVEN_EVENT_ID] = {"--event-id", "event_id", OPTION_STRING, "ID",
		"publish: the event's id, made if not given: the same again with the same event "
		"publishes nothing; deliveries, replay: only this event."},
	[GIVEN_EXPLAIN] = {"--explain", NULL, OPTION_FLAG, NULL,
		"check: also which rule, role and grant decided."},
	[GIVEN_FILTER] = {"--filter", NULL, OPTION_STRING, "JSON",
		"audit, audit-export: a Filter, such as "
		"{\"expr\":[{\"field\":\"severity\",\"operator\":\"GreaterThan\",\"value\":"
		"\"notice\"}"
		"]}."},
	[GIVEN_FORMAT] = {"--format", NULL, OPTION_STRING, "ndjson|csv",
		"audit-export: form of the file; ndjson if not given."},
	[GIVEN_GROUP] = {"--group", "group", OPTION_STRING, "NAME",
		"publish: only for this group; subscribe: a member of it, which shares its events "
		"with the others; confirm, deliveries: only of this group."},
	[GIVEN_GROUPS] = {"--groups", "groups", OPTION_STRING, "NAME[,NAME]",
		"send: to the members of these groups; not beside --users."},
	[GIVEN_HEADER] = {"--header", "header", OPTION_LIST, "NAME=VALUE", "call: request header."},
	[GIVEN_KEEP] = {"--keep", NULL, OPTION_FLAG, NULL,
		"register-node: stay, send heartbeats until Ctrl-C, then deregister."},
	[GIVEN_LEASE] = {"--lease", "lease_ms", OPTION_STRING, "DURATION",
		"register-node: how long it lives after a heartbeat, such as 500ms, 10s or 2m; "
		"without it until it is deregistered, with --keep 10s."},
	[GIVEN_LIMIT] = {"--limit", NULL, OPTION_STRING, "NUMBER",
		"audit, deliveries: how many at most; 100 if not given."},
	[GIVEN_METADATA] = {"--metadata", "metadata", OPTION_STRING, "JSON",
		"register-node, update-node: any JSON object."},
	[GIVEN_METHOD] = {"--method", "method", OPTION_STRING, "METHOD",
		"call, register: HTTP method."},
	[GIVEN_NODE] = {"--node", "node", OPTION_STRING, "NAME",
		"register-node: its name, hostname-starttime; made if not given."},
	[GIVEN_ORDER_KEY] = {"--order-key", "key", OPTION_STRING, "KEY",
		"publish: events of one key reach each group in order."},
	[GIVEN_OUTPUT] = {"--output", NULL, OPTION_STRING, "FILE",
		"download, audit-export, create-key: where it goes; standard output if not given. "
		"That of create-key is new, and for its owner only."},
	[GIVEN_PARAM] = {"--param", "param", OPTION_LIST, "NAME=VALUE", "call: query parameter."},
	[GIVEN_PARAMS] = {"--params", "params", OPTION_STRING, "JSON",
		"send: a JSON object of values for the template."},
	[GIVEN_PROTOCOL] = {"--protocol", "protocol", OPTION_STRING, "http|https",
		"register, register-node: what it speaks."},
	[GIVEN_RECEIPT] = {"--receipt", "reply", OPTION_FLAG, NULL,
		"send: a receipt is wanted; needs --template."},
	[GIVEN_REFUSE] = {"--refuse", "success", OPTION_FLAG, NULL,
		"confirm: it could not be processed."},
	[GIVEN_REQUEST] = {"--request", "request_body", OPTION_STRING, "JSON",
		"upload: the third party's own parameters, a JSON object; {} if not given."},
	[GIVEN_SENDER] = {"--sender", "sender", OPTION_STRING, "NAME",
		"send: in whose name; $USER if not given."},
	[GIVEN_SINCE] = {"--since", NULL, OPTION_STRING, "TIME",
		"audit, audit-export: from when on: a duration until now, such as 30m, 12h or 7d, "
		"or a "
		"time, such as 2026-11-22, '2026-11-22 08:30:00' (of this machine's zone) or "
		"milliseconds since 1970; audit: 1d, audit-export: the beginning, if not given."},
	[GIVEN_STATE] = {"--state", "state", OPTION_STRING,
		"waiting|leased|delivered|confirmed|failed|dead",
		"deliveries: only those that stand so."},
	[GIVEN_TEMPLATE] = {"--template", "template", OPTION_STRING, "ID",
		"send: the template that says it."},
	[GIVEN_UNREAD] = {"--unread", "unread", OPTION_FLAG, NULL,
		"inbox: only what has not been read."},
	[GIVEN_UNTIL] = {"--until", NULL, OPTION_STRING, "TIME",
		"audit, audit-export: until when; now if not given."},
	[GIVEN_USERS] = {"--users", "users", OPTION_STRING, "NAME[,NAME]", "send: to these users."},
	[GIVEN_WEIGHT] = {"--weight", "weight", OPTION_STRING, "NUMBER",
		"register-node, update-node: its share of the calls."},
	[GIVEN_WHERE] = {"--where", NULL, OPTION_LIST, "FIELD=VALUE",
		"audit, audit-export: only records whose field equals the value; repeatable."},
	[GIVEN_WIDE] = {"--wide", NULL, OPTION_FLAG, NULL,
		"nodes: also check, reason of the health, and metadata."},
};

static void show_heartbeat(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("%s lives for %d ms\n", arguments[1],
		((const Registry__HeartbeatResponse *)response)->lease_ms);
}

static void show_updated(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("updated %s\n", arguments[1]);
}

static void show_deregistered(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("deregistered %s\n", arguments[1]);
}

static void show_status(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	puts(plain(cli->arena, ((const ApiReader__QueryResponse *)response)->status));
}

const struct command commands[] = {
	{"services", "[NAME]", "list services", 0, 1, API_REGISTRY_LIST_SERVICES, 0, {"name"},
		show_services},
	{"actions", "SERVICE", "list the actions of a service", 1, 1, API_REGISTRY_LIST_ACTIONS, 0,
		{"service"}, show_actions},
	{"nodes", "[SERVICE]", "list nodes", 0, 1, API_REGISTRY_LIST_NODES, TAKES(WIDE),
		{"service"}, .run = cli_nodes},
	{"configurations", "[SERVICE]", "list the service configuration files that are loaded", 0,
		1, API_REGISTRY_LIST_CONFIGURATIONS, 0, {"service"}, show_configurations},
	{"call", "SERVICE.ACTION", "call an action and print its result", 1, 1, API_REGISTRY_CALL,
		TAKES(BODY) | TAKES(HEADER) | TAKES(METHOD) | TAKES(PARAM), .run = cli_call},
	{"register", "SERVER HOST:PORT | SERVER.ACTION /URI | FILE.json...",
		"register a server, an action of it, or what files in the bulk form say (- is "
		"standard input), a hundred servers at a time, each hundred or none of it",
		1, INT_MAX, API_REGISTRY_REGISTER_SERVICE, TAKES(METHOD) | TAKES(PROTOCOL),
		.run = cli_register},
	{"register-node", "SERVICE HOST:PORT", "register a node of a service", 2, 2,
		API_REGISTRY_REGISTER_NODE,
		TAKES(CHECK) | TAKES(CHECK_PATH) | TAKES(ENABLED) | TAKES(KEEP) | TAKES(LEASE) |
			TAKES(METADATA) | TAKES(NODE) | TAKES(PROTOCOL) | TAKES(WEIGHT),
		.run = cli_register_node},
	{"heartbeat", "SERVICE NODE", "renew the lease of a node", 2, 2, API_REGISTRY_HEARTBEAT, 0,
		{"service", "node"}, show_heartbeat},
	{"update-node", "SERVICE NODE", "change a node", 2, 2, API_REGISTRY_UPDATE_NODE,
		TAKES(ENABLED) | TAKES(METADATA) | TAKES(WEIGHT), {"service", "node"},
		show_updated},
	{"deregister", "SERVICE NODE", "remove a node", 2, 2, API_REGISTRY_DEREGISTER_NODE, 0,
		{"service", "node"}, show_deregistered},
	{"watch", "[SERVICE]", "show what is registered and each change until Ctrl-C", 0, 1,
		API_REGISTRY_WATCH, TAKES(AFTER), {"service"}, .run = cli_watch, .endures = true},
	{"publish", "EVENT [DATA|-]",
		"publish an event; DATA is JSON (- is standard input), null if not given", 1, 2,
		API_EVENT_PUBLISH, TAKES(EVENT_ID) | TAKES(GROUP) | TAKES(ORDER_KEY),
		{"event", "data"}, show_published, .run = cli_publish},
	{"subscribe", "PATTERN...",
		"print events as they come, a line each, until Ctrl-C; with --group, which may do "
		"without patterns once it has been subscribed, each is confirmed when its line is "
		"written",
		0, 100, API_EVENT_SUBSCRIBE, TAKES(AFTER) | TAKES(CONFIRM) | TAKES(GROUP),
		.run = cli_subscribe, .endures = true},
	{"confirm", "EVENT ID", "confirm an event for good, or refuse it", 2, 2, API_EVENT_CONFIRM,
		TAKES(GROUP) | TAKES(REFUSE), {"event", "event_id"}, show_confirmed},
	{"deliveries", "", "list how events stand with the groups that get them, the newest first",
		0, 0, API_EVENT_LIST_DELIVERIES,
		TAKES(EVENT_ID) | TAKES(GROUP) | TAKES(LIMIT) | TAKES(STATE), {NULL},
		.run = cli_deliveries},
	{"replay", "GROUP",
		"deliver again what is dead, or one event, however it stands with the group", 1, 1,
		API_EVENT_REPLAY, TAKES(DEAD) | TAKES(EVENT_ID), {"group"}, show_replayed},
	{"send", "TITLE MESSAGE|-",
		"send a notice to --users or --groups and print its id (- is standard input)", 2, 2,
		API_NOTICE_SEND,
		TAKES(CHANNEL) | TAKES(GROUPS) | TAKES(PARAMS) | TAKES(RECEIPT) | TAKES(SENDER) |
			TAKES(TEMPLATE) | TAKES(USERS),
		{"title", "message"}, show_sent, .run = cli_send},
	{"notice", "ID", "show a notice and how its deliveries stand", 1, 1, API_NOTICE_GET_NOTICE,
		0, {"notice_id"}, show_notice},
	{"notice-deliveries", "[ID]", "list how notices stand with their recipients", 0, 1,
		API_NOTICE_LIST_NOTICE_DELIVERIES, TAKES(CHANNEL), {"notice_id"},
		show_notice_deliveries},
	{"resend", "ID", "send again what of a notice has failed", 1, 1, API_NOTICE_RESEND,
		TAKES(CHANNEL), {"notice_id"}, show_resent},
	{"cancel", "ID", "send nothing more of a notice", 1, 1, API_NOTICE_CANCEL, TAKES(CHANNEL),
		{"notice_id"}, show_cancelled},
	{"inbox", "[USER]", "list an inbox, the newest first; your own if not given", 0, 1,
		API_NOTICE_LIST_INBOX, TAKES(UNREAD), {"user"}, show_inbox},
	{"upload", "SERVER FILE",
		"pass ids on to a third party and print its job (- is standard "
		"input)",
		2, 2, API_API_READER_UPLOAD, TAKES(REQUEST), .run = cli_upload},
	{"query", "SERVER JOB", "print how far a third party's job is", 2, 2, API_API_READER_QUERY,
		0, {"server_name", "job_id"}, show_status},
	{"download", "SERVER JOB", "fetch the table that a third party's job has made", 2, 2,
		API_API_READER_DOWNLOAD, TAKES(OUTPUT), {"server_name", "job_id"},
		.run = cli_download},
	{"audit", "[TEXT]", "show audit records, the newest first; with TEXT those that say it", 0,
		1, API_AUDIT_FIND,
		TAKES(FILTER) | TAKES(LIMIT) | TAKES(SINCE) | TAKES(UNTIL) | TAKES(WHERE),
		.run = cli_audit},
	{"audit-write", "FILE...",
		"write audit records, a JSON object a line as Audit.Write takes them (- is "
		"standard "
		"input)",
		1, INT_MAX, API_AUDIT_WRITE_STREAM, 0, .run = cli_audit_write},
	{"audit-export", "[TEXT]", "write audit records to a file, the oldest first", 0, 1,
		API_AUDIT_EXPORT,
		TAKES(FILTER) | TAKES(FORMAT) | TAKES(OUTPUT) | TAKES(SINCE) | TAKES(UNTIL) |
			TAKES(WHERE),
		.run = cli_audit_export},
	{"extensions", "", "list the extensions of the server's host", 0, 0,
		API_REGISTRY_LIST_EXTENSIONS, 0, {NULL}, show_extensions},
	{"login", "USER",
		"log in at the server: asks for the password, without showing it, or reads it from "
		"standard input, and for a new one if it must be changed; the commands that follow "
		"show who it was, until logout",
		1, 1, API_AUTH_LOGIN, 0, .run = cli_login, .nobody = true},
	{"logout", "", "end that login", 0, 0, API_AUTH_REVOKE, 0, .run = cli_logout,
		.nobody = true},
	{"whoami", "", "show who the server takes you for, and your roles", 0, 0, API_AUTH_WHO_AM_I,
		0, {NULL}, show_caller},
	{"check", "SUBJECT SERVICE ACTION METHOD",
		"show whether user:NAME or application:NAME may do that; exit code 1: it may not",
		4, 4, API_AUTH_EXPLAIN, TAKES(EXPLAIN), .run = cli_check},
	{"create-key", "APPLICATION",
		"make an access key of an application, and write it down as --key-file takes it", 1,
		1, API_AUTH_CREATE_ACCESS_KEY, TAKES(OUTPUT), .run = cli_create_key},
	{"rpc", "METHOD [JSON|-]", "call any RPC, such as Registry.ListNodes", 1, 2, -1, 0,
		.run = cli_rpc},
	{"help", "[COMMAND|METHOD]", "show this help, or that of a command or an RPC", 0, 1, -1, 0,
		.run = cli_help},
	{0},
};
