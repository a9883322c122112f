/*
 * Config: the server's options. Main thread, at start; the texts live as long as the process.
 */
#ifndef JUNCTION_SERVER_CONFIG_H
#define JUNCTION_SERVER_CONFIG_H

#include "base/log.h"
#include "base/option.h"

enum command { COMMAND_SERVE, COMMAND_MIGRATE, COMMAND_ADMINISTRATOR };

struct config {
	enum command command;

	const char *database_url, *migration_url; /* the latter may be NULL */
	int64_t statement_timeout_ms, search_timeout_ms, lock_timeout_ms;

	struct option_list listen;
	const char *socket; /* NULL: none */
	bool insecure;
	const char *tls_cert, *tls_key, *tls_client_ca; /* NULL: none */
	struct option_list bridge_names;
	const char **addresses; /* listen and "unix:" socket; NULL-terminated */

	int64_t rpc_threads, lane_threads, change_connections, search_connections;
	int64_t call_limit, queue_limit;
	int64_t message_limit, metadata_limit, call_memory_limit; /* bytes */
	int64_t connection_age_ms, keepalive_ms;
	int64_t default_deadline_ms, shutdown_grace_ms;

	bool egress_loopback, egress_private;
	struct option_list own_addresses;
	int64_t call_request_limit, call_response_limit; /* bytes */
	int64_t registry_poll_ms;
	int64_t check_interval_ms, check_timeout_ms; /* interval 0: no checks */
	int64_t check_down_after, check_up_after, checks_at_once;
	int64_t protect_percent;
	int64_t history_days, forget_nodes_after_ms, watch_patience_ms;
	int64_t audit_days, idempotency_hours;  /* days 0: for ever */
	int64_t event_poll_ms, event_member_ms; /* member 0: it does not push */
	int64_t event_days, event_log_days;     /* 0: for ever */
	bool event_drop_open;
	int64_t event_data_limit;  /* bytes */
	const char *key_file;      /* NULL: none */
	const char *config_folder; /* NULL: none */
	int64_t config_poll_ms;
	int64_t notice_poll_ms, notice_member_ms;    /* member 0: it does not send */
	int64_t notice_days;                         /* 0: for ever */
	int64_t notice_attachment_limit;             /* bytes */
	const char *notice_file_action, *public_url; /* NULL: none */

	bool auth_open;
	const char *token_issuer;
	int64_t auth_poll_ms, token_minutes, session_hours;
	int64_t issuer_refresh_ms, issuer_cooldown_ms;

	const char *hook_server; /* NULL: none */
	bool hook_builtin;
	struct option_list own_parties;
	const char *client_app_key, *client_secret_file; /* NULL: none */
	const char *spool_folder;
	int64_t spool_limit; /* bytes */

	const char *extension_folder, *extension_user; /* NULL: none */
	const char *extension_api_address;
	int extension_first_port, extension_last_port;
	int64_t extension_register_ms, extension_restart_ms, extension_stop_ms,
		extension_timeout_ms;
	const char *function_name, *function_version, *function_handler, *function_urn;
	const char *function_service; /* NULL: none */

	const char *admin; /* NULL: none */
	bool core_dumps;
	enum log_level log_level;
	enum log_access access_log;
};

/* Ends the process with a sentence if an option is wrong. */
void config_read(struct config *c, int argc, char **argv);

#endif
