/*
 * login and logout, and the token that the other commands show: what was kept, refreshed when three
 * quarters of its time are over or the server does not take it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.gen.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"
#include "client/cli/cli.h"
#include "junction/v1/auth.pb-c.h"

static int complain(const char *reason)
{
	fprintf(stderr, "junction: %s\n", reason);
	return EXIT_REFUSED;
}

/* --- login ------------------------------------------------------------------------------------ */

static struct junction_reply *log_in(
	struct cli *cli, char *user, char *password, struct junction_error *error)
{
	const struct api_method *method = &api_methods[API_AUTH_LOGIN];
	Auth__LoginRequest request = AUTH__LOGIN_REQUEST__INIT;

	request.user = user;
	request.password = password;
	return junction_invoke(
		cli->client, method->path, &request.base, method->output->descriptor, error);
}

/* On a terminal twice, as nobody sees it. False after a complaint. */
static bool ask_new(char password[SECRET_ROOM])
{
	char again[SECRET_ROOM] = "";

	fputs("The password must be changed before it can be used.\n", stderr);
	if (!cli_ask("New password: ", password))
		return complain("a new password is missing"), false;
	if (!isatty(STDIN_FILENO))
		return true;
	bool same = cli_ask("New password again: ", again) && strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		complain("these are two passwords");
	return same;
}

/* Into password, too. */
static int change_password(struct cli *cli, char *user, char password[SECRET_ROOM])
{
	Auth__ChangePasswordRequest request = AUTH__CHANGE_PASSWORD_REQUEST__INIT;
	struct junction_reply *reply;
	char new[SECRET_ROOM] = "";
	int code = EXIT_REFUSED;

	if (ask_new(new)) {
		request.user = user;
		request.password = password;
		request.new_password = new;
		code = cli_invoke(
			cli, &api_methods[API_AUTH_CHANGE_PASSWORD], &request.base, &reply);
		junction_reply_free(&reply);
	}
	memcpy(password, new, SECRET_ROOM);
	explicit_bzero(new, sizeof(new));
	return code;
}

static int keep(struct cli *cli, char *user, struct junction_reply *reply)
{
	const Auth__LoginResponse *response = (const void *)junction_reply_message(reply);
	struct login login = {.user = user,
		.token = response->access_token,
		.refresh = response->refresh_token,
		.begun_ms = clock_unix_ms()};
	char reason[KEPT_REASON];
	int lock;

	login.ends_ms = login.begun_ms + (int64_t)response->expires_in * 1000;
	bool kept = kept_lock(&lock, reason) && kept_write(cli->server, &login, reason);
	kept_unlock(&lock);
	if (!kept)
		return complain(reason);
	printf("logged in as %s\n", plain(cli->arena, user));
	return EXIT_DONE;
}

static int log_in_with(struct cli *cli, char *user, char password[SECRET_ROOM])
{
	struct junction_error error;
	struct junction_reply *reply = log_in(cli, user, password, &error);

	if (!reply && error.code == STATUS_FAILED_PRECONDITION) {
		int code = change_password(cli, user, password);
		if (code != EXIT_DONE)
			return code;
		reply = log_in(cli, user, password, &error);
	}
	if (!reply)
		return cli_failed(&error);
	int code = keep(cli, user, reply);
	junction_reply_free(&reply);
	return code;
}

int cli_login(struct cli *cli, const struct command *command, char **arguments)
{
	char password[SECRET_ROOM] = "";

	if (!cli->ca && !cli->insecure_credentials && !option_local(cli->server))
		return cli_usage("a password is not sent in plain text to another machine: give "
				 "--ca, for TLS, or --insecure-credentials");
	if (!cli_ask(arena_printf(cli->arena, "Password of %s: ", plain(cli->arena, arguments[0])),
		    password))
		return cli_usage("a password is missing");
	int code = log_in_with(cli, arguments[0], password);
	explicit_bzero(password, sizeof(password));
	return code;
}

/* --- logout ----------------------------------------------------------------------------------- */

static int log_out(struct cli *cli)
{
	Auth__RevokeRequest request = AUTH__REVOKE_REQUEST__INIT;
	struct junction_reply *reply;
	struct login login;
	char reason[KEPT_REASON];

	if (!kept_read(cli->arena, cli->server, &login, reason))
		return complain(reason);
	request.token = login.refresh;
	int code = cli_invoke(cli, &api_methods[API_AUTH_REVOKE], &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	junction_reply_free(&reply);
	if (!kept_remove(cli->server, reason))
		return complain(reason);
	printf("logged out %s\n", plain(cli->arena, login.user));
	return EXIT_DONE;
}

int cli_logout(struct cli *cli, const struct command *command, char **arguments)
{
	char reason[KEPT_REASON];
	int lock;

	if (!kept_exists(cli->server))
		return complain("nobody is logged in there");
	int code = kept_lock(&lock, reason) ? log_out(cli) : complain(reason);
	kept_unlock(&lock);
	return code;
}

/* --- the token of the other commands ---------------------------------------------------------- */

static bool refuse(struct junction_error *error, const char *format, const char *what)
{
	error->code = STATUS_UNAUTHENTICATED;
	snprintf(error->message, sizeof(error->message), format, what);
	return false;
}

/* While the lock is held. */
static bool refresh(
	struct cli *cli, struct arena *a, struct login *login, struct junction_error *error)
{
	const struct api_method *method = &api_methods[API_AUTH_REFRESH];
	Auth__RefreshRequest request = AUTH__REFRESH_REQUEST__INIT;
	struct junction *nobody = cli_open(cli, true);
	char reason[KEPT_REASON];

	request.refresh_token = login->refresh;
	struct junction_reply *reply = junction_invoke(
		nobody, method->path, &request.base, method->output->descriptor, error);
	junction_close(&nobody);
	if (!reply)
		return error->code == STATUS_UNAUTHENTICATED
			       ? refuse(error, "the login of %s has ended: log in again",
					 login->user)
			       : false;
	const Auth__RefreshResponse *response = (const void *)junction_reply_message(reply);
	login->token = arena_string(a, text_of(response->access_token));
	login->refresh = arena_string(a, text_of(response->refresh_token));
	login->begun_ms = clock_unix_ms();
	login->ends_ms = login->begun_ms + (int64_t)response->expires_in * 1000;
	junction_reply_free(&reply);
	return kept_write(cli->server, login, reason) || refuse(error, "%s", reason);
}

static bool is_fresh(const struct login *login, const char *refused)
{
	return clock_unix_ms() < login->ends_ms - (login->ends_ms - login->begun_ms) / 4 &&
	       !(refused && strcmp(login->token, refused) == 0);
}

const char *cli_token(void *context, bool refused, int64_t *good_ms, struct junction_error *error)
{
	static char *given; /* that was given last */
	struct cli *cli = context;
	struct arena *a = arena_new(0);
	struct login login;
	char reason[KEPT_REASON];
	int lock;

	bool good = (kept_lock(&lock, reason) && kept_read(a, cli->server, &login, reason)) ||
		    refuse(error, "%s", reason);
	good = good && (is_fresh(&login, refused ? given : NULL) || refresh(cli, a, &login, error));
	kept_unlock(&lock);
	free(given);
	given = good ? check_strdup(login.token) : NULL;
	*good_ms = good ? login.ends_ms - clock_unix_ms() : 0;
	arena_free(&a);
	return given;
}
