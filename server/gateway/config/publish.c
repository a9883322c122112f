#include "server/gateway/config/publish.h"

#include "server/db/array.h"

static const struct statement see = {
	.name = "registry_see_configurations",
	.sql = "SELECT r_file, r_service FROM registry.see_configurations($1, $2, $3)",
	.parameters = 3,
};

static const struct statement configure = {
	.name = "registry_configure",
	.sql = "SELECT r_revision, r_other "
	       "FROM registry.configure($1, $2, $3, $4, $5, $6, $7, $8::text[], $9)",
	.parameters = 9,
};

static const struct statement refuse = {
	.name = "registry_refuse_configuration",
	.sql = "SELECT registry.refuse_configuration($1, $2, $3, $4, $5, $6)",
	.parameters = 6,
};

static const struct statement unconfigure = {
	.name = "registry_unconfigure",
	.sql = "SELECT registry.unconfigure($1, $2, $3, $4, $5)",
	.parameters = 5,
};

static const struct statement configure_graphql = {
	.name = "registry_configure_graphql",
	.sql = "SELECT registry.configure_graphql($1, $2, $3, $4)",
	.parameters = 4,
};

static const struct statement forget = {
	.name = "registry_forget_configurations",
	.sql = "SELECT registry.forget_configurations($1)",
	.parameters = 1,
};

/* Room for the parameters of a statement about a folder, the first three filled in. */
static struct text *begin(
	struct errand *e, const struct publish_place *p, const struct statement *statement)
{
	struct text *parameters =
		arena_array(e->arena, (size_t)statement->parameters, sizeof(*parameters));

	parameters[0] = TEXT(PUBLISH_SPACE);
	parameters[1] = p->host;
	parameters[2] = p->folder;
	return parameters;
}

void publish_sight(struct errand *e, const struct publish_place *p)
{
	errand_send(e, &see, begin(e, p, &see));
}

void publish_configure(struct errand *e, const struct publish_place *p, const char *file,
	const struct found *found)
{
	struct text *parameters = begin(e, p, &configure);
	struct buffer warnings = {.arena = e->arena};

	for (size_t i = 0; i < found->warning_count; i++)
		array_add(&warnings, text_of(found->warnings[i]));
	parameters[3] = arena_text(e->arena, text_of(file));
	parameters[4] = arena_text(e->arena, found->service);
	parameters[5] = arena_text(e->arena, found->title);
	parameters[6] = arena_text(e->arena, found->content);
	parameters[7] = array_text(&warnings);
	parameters[8] = p->server_name;
	errand_send(e, &configure, parameters);
}

void publish_refuse(struct errand *e, const struct publish_place *p, const char *file,
	struct text service, const char *error)
{
	struct text *parameters = begin(e, p, &refuse);

	parameters[3] = arena_text(e->arena, text_of(file));
	parameters[4] = arena_text(e->arena, service);
	parameters[5] = arena_text(e->arena, text_of(error));
	errand_send(e, &refuse, parameters);
}

void publish_remove(struct errand *e, const struct publish_place *p, const char *file)
{
	struct text *parameters = begin(e, p, &unconfigure);

	parameters[3] = arena_text(e->arena, text_of(file));
	parameters[4] = p->server_name;
	errand_send(e, &unconfigure, parameters);
}

void publish_schema(
	struct errand *e, const struct publish_place *p, struct text service, struct text actions)
{
	struct text *parameters = begin(e, p, &configure_graphql);

	parameters[1] = arena_text(e->arena, service);
	parameters[2] = arena_text(e->arena, actions);
	parameters[3] = p->server_name;
	errand_send(e, &configure_graphql, parameters);
}

void publish_forget(struct errand *e, const struct publish_place *p)
{
	errand_send(e, &forget, &p->server_name);
}
