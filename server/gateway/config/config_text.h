/*
 * Config text: reads the text of a service configuration file (document 003, appendix; contract,
 * section 8) into a tree. What the values mean is configuration.h's. Pure; any thread.
 *
 * JSON5, and besides: a comma may be left out at the end of a line; values in braces are a list
 * ({"a", "b"}); products of integers (60 * 1000); Markdown's backslashes (60 \* 1000). Refused by
 * line and key: duplicate names, ill-formed UTF-8, NUL, nesting beyond JSON_DEPTH, numbers that are
 * not finite, and functions, but for the documented default of rateLimit.key.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TEXT_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TEXT_H

#include "server/gateway/config/config_tree.h"

/* file: its name, for the error. False with *error: a sentence as of configuration.h; *root is what
 * had been read by then, its last member not whole. */
bool config_text_read(struct arena *a, struct text file, struct text content,
	const struct config_value **root, const char **error);

#endif
