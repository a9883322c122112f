/*
 * Config token: the smallest parts of a service configuration file; between the sources of
 * config_text.h only.
 *
 * Outside of strings a backslash before a punctuation character means nothing: documents that went
 * through Markdown have them ("60 \* 1000"). Every bool is false with r->error set.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TOKEN_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TOKEN_H

#include "server/gateway/config/config_tree.h"

struct config_reader {
	struct arena *arena;
	struct text file, text; /* text: UTF-8 without NUL */
	size_t at;
	int line, depth;
	const struct config_value *here; /* what is being read: where an error is */
	const char *error;
};

bool config_token_refuse(struct config_reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The next character as it is meant; '\0': the text ends. */
char config_token_peek(const struct config_reader *r);
void config_token_advance(struct config_reader *r);
bool config_token_take(struct config_reader *r, char c); /* if it is the next one */
/* White space and comments. */
bool config_token_skip_blanks(struct config_reader *r);
bool config_token_starts_name(const struct config_reader *r);
/* "expected a value", or that the text ends. */
bool config_token_expected(struct config_reader *r, const char *what);

/* What follows must be a quote, a name, or a number's first character. */
bool config_token_string(struct config_reader *r, struct text *string);
bool config_token_name(struct config_reader *r, struct text *name);
/* As JSON writes it; a product of integers as what it comes to. */
bool config_token_number(struct config_reader *r, struct text *number);

#endif
