/*
 * The rows of registry.extension of this host, and what is asked of them. Any thread; everything of
 * a call lives in its arena.
 */
#ifndef JUNCTION_SERVER_EXTENSION_EXTENSION_STORE_H
#define JUNCTION_SERVER_EXTENSION_EXTENSION_STORE_H

#include "server/call.h"
#include "server/extension/known.h"

/* Parameters: node_hostname(), node_name(). */
extern const struct statement extension_load;
/* All of the host go. Parameter: host. */
extern const struct statement extension_clear;
/* Those whose processes this server has started go. Parameters: host, node_name(). */
extern const struct statement extension_clear_own;
/* Parameters: host, names, pids. */
extern const struct statement extension_forget;
/* Parameter: days. */
extern const struct statement extension_keep_invocations;

/* The rows of extension_load, by name; their texts live as long as the rows. */
size_t extension_read(const struct rows *rows, struct known_row found[EXTENSIONS_MAX]);

/* Rows for extension_refusal(). */
enum next extension_put(struct call *c, struct text name, int port, int pid,
	enum next (*then)(struct call *c, const struct rows *rows));
/* "": it is registered; "port": other has it; "count": there are EXTENSIONS_MAX others. */
struct text extension_refusal(const struct rows *rows, struct text *other);
/* Rows for extension_deleted(). */
enum next extension_delete(struct call *c, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows));
/* pid: of its process, if a server has started it, else 0. */
bool extension_deleted(const struct rows *rows, int *pid);
/* Rows for extension_read(). */
enum next extension_find_all(
	struct call *c, enum next (*then)(struct call *c, const struct rows *rows));

#endif
