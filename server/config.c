/* Config: what a single option's range cannot say. The table is in config_table.c. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/config_table.h"

/* --- what only the whole can tell ------------------------------------------------------------- */

/* True if all listens on loopback. */
static bool check_listen(const struct config *c)
{
	bool all_loopback = true;
	if (c->listen.count == 0 && !c->socket)
		option_refuse(
			&config_program, "--listen or --socket is needed to be reached at all");
	for (size_t i = 0; i < c->listen.count; i++) {
		const char *address = c->listen.items[i];
		char host[256];
		int port;
		if (!option_address(address, host, &port))
			option_refuse(&config_program, "--listen must be ADDRESS:PORT, not \"%s\"",
				address);
		if (option_loopback(host))
			continue;
		if (!c->insecure && !c->tls_cert)
			option_refuse(&config_program,
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
		option_refuse(&config_program,
			"--tls-cert and --tls-key are given together or not at all");
	if (c->tls_client_ca && !c->tls_cert)
		option_refuse(&config_program, "--tls-client-ca needs --tls-cert");
	if (c->bridge_names.count && !c->tls_client_ca)
		option_refuse(&config_program, "--bridge-name needs --tls-client-ca");
}

static void check_notices(const struct config *c)
{
	const char *action = c->notice_file_action;
	const char *dot = action ? strrchr(action, '.') : NULL;

	if (action && (!dot || dot == action || !dot[1]))
		option_refuse(&config_program,
			"--notice-file-action must be SERVICE.ACTION, not \"%s\"", action);
}

/* True if all of them are on loopback. */
static bool check_own_addresses(const struct config *c)
{
	bool all_loopback = true;
	char host[256];
	int port;
	for (size_t i = 0; i < c->own_addresses.count; i++) {
		if (!option_address(c->own_addresses.items[i], host, &port))
			option_refuse(&config_program,
				"--own-address must be ADDRESS:PORT, not \"%s\"",
				c->own_addresses.items[i]);
		all_loopback &= option_loopback(host);
	}
	return all_loopback;
}

static bool allowed(const char *option, const char *word)
{
	bool allow = strcmp(word, "allow") == 0;
	if (!allow && strcmp(word, "refuse") != 0)
		option_refuse(&config_program, "%s must be %sallow or refuse, not \"%s\"", option,
			strcmp(option, "--egress-loopback") == 0 ? "auto, " : "", word);
	return allow;
}

/* "8081-8090" */
static void read_ports(struct config *c)
{
	int first, last, end = 0;
	if (sscanf(config_words.extension_ports, "%5d-%5d%n", &first, &last, &end) != 2 ||
		config_words.extension_ports[end] || first < 1 || last < first || last > 65535 ||
		last - first > 9)
		option_refuse(&config_program,
			"--extension-ports must be FIRST-LAST, at most 10 ports, not \"%s\"",
			config_words.extension_ports);
	c->extension_first_port = first;
	c->extension_last_port = last;
}

/* Open only where nobody from elsewhere can call. */
static bool read_mode(bool all_loopback)
{
	if (strcmp(config_words.auth, "auto") == 0)
		return all_loopback;
	if (strcmp(config_words.auth, "open") != 0 && strcmp(config_words.auth, "required") != 0)
		option_refuse(&config_program, "--auth must be auto, open or required, not \"%s\"",
			config_words.auth);
	bool open = strcmp(config_words.auth, "open") == 0;
	if (open && !all_loopback)
		option_refuse(&config_program,
			"--auth open is only possible while every --listen and "
			"--own-address is on loopback");
	return open;
}

static void read_words(bool all_loopback, struct config *c)
{
	c->auth_open = read_mode(all_loopback);
	read_ports(c);
	c->hook_builtin = strcmp(config_words.hook_fallback, "builtin") == 0;
	if (!c->hook_builtin && strcmp(config_words.hook_fallback, "refuse") != 0)
		option_refuse(&config_program,
			"--hook-fallback must be builtin or refuse, not \"%s\"",
			config_words.hook_fallback);
	if (!c->client_app_key != !c->client_secret_file)
		option_refuse(&config_program,
			"--client-app-key and --client-secret-file are given "
			"together or not at all");
	c->egress_private = allowed("--egress-private", config_words.egress_private);
	c->egress_loopback = strcmp(config_words.egress_loopback, "auto") == 0
				     ? all_loopback
				     : allowed("--egress-loopback", config_words.egress_loopback);
	c->admin = option_admin(&config_program, config_words.admin, c->insecure);
	if (!log_access_named(config_words.access_log, &c->access_log))
		option_refuse(&config_program,
			"--access-log must be all, errors or none, not \"%s\"",
			config_words.access_log);
	if (!log_level_named(config_words.log_level, &c->log_level))
		option_refuse(&config_program,
			"--log-level must be debug, info, warn or error, not \"%s\"",
			config_words.log_level);
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
		option_refuse(&config_program,
			"the commands are migrate and administrator, not \"%s\"",
			arguments[c->command == COMMAND_SERVE ? 0 : 1]);
}

void config_read(struct config *c, int argc, char **argv)
{
	char **arguments;
	config_values = (struct config){0};
	option_read(&config_program, argc, argv, &arguments);
	*c = config_values;
	read_command(arguments, c);
	if (!c->database_url || !*c->database_url)
		option_refuse(
			&config_program, "--database-url (or JUNCTION_DATABASE_URL) is required");
	check_tls(c);
	check_notices(c);
	bool own_loopback = check_own_addresses(c);
	read_words(check_listen(c) && own_loopback, c);
	collect_addresses(c);
}
