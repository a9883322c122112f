/*
 * Publish: the statements by which the loader tells PostgreSQL what it has found. Each sends the
 * errand that has been begun; what it needs is copied. The home thread's.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_PUBLISH_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_PUBLISH_H

#include "server/gateway/config/found.h"
#include "server/lane/errand.h"

/* Namespace of configured services. */
#define PUBLISH_SPACE "default"

/* Whose files they are. */
struct publish_place {
	struct text host, folder, server_name;
};

/* That the server looks at the folder. Rows: each file that is known of it, and the service that it
 * brings or has brought, NULL if it never has. */
void publish_sight(struct errand *e, const struct publish_place *p);
/* One row: the revision or NULL, and the host that has another configuration of the service or
 * NULL. */
void publish_configure(struct errand *e, const struct publish_place *p, const char *file,
	const struct found *found);
void publish_refuse(struct errand *e, const struct publish_place *p, const char *file,
	struct text service, const char *error);
void publish_remove(struct errand *e, const struct publish_place *p, const char *file);
/* actions: as registry.configure_graphql() takes them. */
void publish_schema(
	struct errand *e, const struct publish_place *p, struct text service, struct text actions);
/* Forgets files at whose folder no server looks any more. */
void publish_forget(struct errand *e, const struct publish_place *p);

#endif
