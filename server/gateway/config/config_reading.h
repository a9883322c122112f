/*
 * Config reading: what the sources of configuration.h have in common: refusing and warning by line
 * and key, and members read by a table.
 *
 * Every bool is false with c->error set. null is as if the member were not there, unless a field
 * takes it.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_READING_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_READING_H

#include "server/gateway/config/config_tree.h"

struct reading {
	struct arena *arena;
	struct text file;
	const char *error;
	const char **warnings;
	size_t warning_count, warning_room;
	/* What caches need to know before they are read. */
	struct text service;
	bool cacher;          /* there may be caches */
	int64_t cache_ttl_ms; /* of those that do not say theirs; 0: there is none */
};

struct texts {
	struct text *items;
	size_t count;
};

bool reading_refuse(struct reading *c, const struct config_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A member of the object that is not there. */
bool reading_refuse_absent(
	struct reading *c, const struct config_value *object, struct text name, const char *rule);
void reading_warn(struct reading *c, const struct config_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- values --- */

bool reading_is_said(const struct config_value *value); /* there, and not null */
bool reading_number(struct reading *c, const struct config_value *value, int64_t least,
	int64_t most, int64_t *number);
bool reading_bool(struct reading *c, const struct config_value *value, bool *is);
bool reading_text(struct reading *c, const struct config_value *value, struct text *text);
bool reading_object(struct reading *c, const struct config_value *value);
/* A text or a list of texts, at most so many; those that are empty or blank do not count. */
bool reading_each_text(struct reading *c, const struct config_value *value, size_t most,
	bool (*take)(
		struct reading *c, const struct config_value *item, struct text text, void *into),
	void *into);
/* The same as a list; fault: what is wrong with a text, or NULL. */
bool reading_texts(struct reading *c, const struct config_value *value, size_t most,
	const char *(*fault)(struct text text), struct texts *texts);

/* --- members --- */

enum field_kind {
	FIELD_READ,   /* by its function */
	FIELD_NUMBER, /* int64_t at offset */
	FIELD_BOOL,   /* bool at offset */
	FIELD_QUIET,  /* read elsewhere, or without meaning here */
	FIELD_IDLE,   /* has no effect: a warning */
};

struct field {
	const char *name; /* NULL: the table ends */
	enum field_kind kind;
	size_t offset;
	int64_t least, most;
	bool takes_null;
	bool (*read)(struct reading *c, const struct config_value *value, void *into);
};

/* tables: ended by NULL. A member that none of them has is refused; if others may be there, only
 * one that differs from a known one in nothing but case. */
bool reading_members(struct reading *c, const struct config_value *object,
	const struct field *const *tables, bool others, void *into);

#endif
