/* check and create-key, and what whoami shows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "api.gen.h"
#include "base/clock.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "junction/v1/auth.pb-c.h"

static const char *kind_of(Auth__SubjectKind kind)
{
	switch (kind) {
	case AUTH__SUBJECT_KIND__SUBJECT_KIND_APPLICATION:
		return "application";
	case AUTH__SUBJECT_KIND__SUBJECT_KIND_GROUP:
		return "group";
	default:
		return "user";
	}
}

/* Of names, as "a > b". */
static const char *joined(struct arena *a, const char *between, char **names, size_t count)
{
	struct buffer out = {.arena = a};

	for (size_t i = 0; i < count; i++)
		buffer_printf(&out, "%s%s", i ? between : "", names[i]);
	return plain(a, arena_string(a, buffer_text(&out)));
}

void show_caller(struct cli *cli, const ProtobufCMessage *message, char **arguments)
{
	const Auth__WhoAmIResponse *r = (const void *)message;

	if (!r->subject) {
		puts("nobody; the server is open, and nobody may do everything");
		return;
	}
	printf("%s:%s\n", kind_of(r->subject->kind), plain(cli->arena, r->subject->name));
	printf("roles: %s\n", r->n_roles ? joined(cli->arena, ", ", r->roles, r->n_roles) : "none");
}

/* --- check ------------------------------------------------------------------------------------ */

/* "user:alice". False after a complaint. */
static bool read_subject(struct cli *cli, const char *given, Auth__Subject *subject)
{
	struct text text = text_of(given);
	size_t colon = text_find(text, ':', 0);
	struct text kind = text_until(text, colon);

	if (text_equal(kind, TEXT("user")))
		subject->kind = AUTH__SUBJECT_KIND__SUBJECT_KIND_USER;
	else if (text_equal(kind, TEXT("application")))
		subject->kind = AUTH__SUBJECT_KIND__SUBJECT_KIND_APPLICATION;
	else
		colon = text.size;
	if (colon + 1 >= text.size)
		return cli_usage("\"%s\" is neither user:NAME nor application:NAME", given), false;
	subject->name = arena_string(cli->arena, text_from(text, colon + 1));
	return true;
}

static void show_grant(struct cli *cli, const Auth__Grant *grant)
{
	char until[32] = "";

	if (grant->ends_at)
		clock_iso_into(
			until, grant->ends_at->seconds * 1000 + grant->ends_at->nanos / 1000000);
	printf("grant  %s to %s:%s%s%s\n", plain(cli->arena, grant->role),
		kind_of(grant->subject->kind), plain(cli->arena, grant->subject->name),
		*until ? " until " : "", until);
}

static void show_explained(struct cli *cli, const Auth__ExplainResponse *r)
{
	const Auth__Rule *rule = r->rule;

	puts(plain(cli->arena, r->reason));
	if (!rule)
		return;
	bool denies = rule->effect == AUTH__EFFECT__EFFECT_DENY;
	printf("rule   %s %s %s %s\n", denies ? "deny" : "allow", plain(cli->arena, rule->service),
		plain(cli->arena, rule->action), plain(cli->arena, rule->method));
	printf("role   %s\n", joined(cli->arena, " > ", r->path, r->n_path));
	if (r->grant && r->grant->subject)
		show_grant(cli, r->grant);
}

int cli_check(struct cli *cli, const struct command *command, char **arguments)
{
	Auth__Subject subject = AUTH__SUBJECT__INIT;
	Auth__Question question = AUTH__QUESTION__INIT;
	Auth__ExplainRequest request = AUTH__EXPLAIN_REQUEST__INIT;
	const struct api_method *method = &api_methods[command->method];
	struct junction_reply *reply;

	if (!read_subject(cli, arguments[0], &subject))
		return EXIT_USAGE;
	question.subject = &subject;
	question.service = arguments[1];
	question.action = arguments[2];
	question.method = arguments[3];
	request.question = &question;
	int code = cli_invoke(cli, method, &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	const Auth__ExplainResponse *response = (const void *)junction_reply_message(reply);
	if (cli->json)
		cli_print_json(method->output, &response->base);
	else
		puts(response->allowed ? "allowed" : "denied");
	if (!cli->json && cli->given[GIVEN_EXPLAIN].flag)
		show_explained(cli, response);
	code = response->allowed ? EXIT_DONE : EXIT_REFUSED;
	junction_reply_free(&reply);
	return code;
}

/* --- create-key ------------------------------------------------------------------------------- */

/* As the library reads it. */
static void write_key(FILE *file, struct arena *a, const Auth__CreateAccessKeyResponse *response)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT("{\"accessKeyId\":"));
	json_write_string(&out, text_of(response->key->id));
	buffer_add_text(&out, TEXT(",\"secret\":"));
	json_write_string(&out, text_of(response->secret));
	fprintf(file, "%.*s}\n", (int)out.size, out.data);
}

/* For its owner only, and none that is there already. NULL after a complaint. */
static FILE *make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		cli_usage("%s: %s", path, strerror(errno));
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int create_key(struct cli *cli, const struct command *command, char *application,
	const char *path, FILE *file)
{
	Auth__CreateAccessKeyRequest request = AUTH__CREATE_ACCESS_KEY_REQUEST__INIT;
	struct junction_reply *reply;

	request.application = application;
	int code = cli_invoke(cli, &api_methods[command->method], &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	const Auth__CreateAccessKeyResponse *response = (const void *)junction_reply_message(reply);
	write_key(file, cli->arena, response);
	if (fflush(file) != 0 || ferror(file)) {
		fprintf(stderr, "junction: %s: %s; the key %s is lost, delete it\n",
			path ? path : "standard output", strerror(errno),
			plain(cli->arena, response->key->id));
		code = EXIT_REFUSED;
	} else if (path) {
		printf("created %s in %s\n", plain(cli->arena, response->key->id), path);
	}
	junction_reply_free(&reply);
	return code;
}

/* The file is made first: a secret that could not be written would be lost. */
int cli_create_key(struct cli *cli, const struct command *command, char **arguments)
{
	const char *path = cli->given[GIVEN_OUTPUT].text;
	FILE *file = path ? make_file(path) : stdout;

	if (!file)
		return EXIT_USAGE;
	int code = create_key(cli, command, arguments[0], path, file);
	if (path && fclose(file) != 0 && code == EXIT_DONE)
		code = EXIT_REFUSED;
	if (path && code != EXIT_DONE)
		unlink(path);
	return code;
}
