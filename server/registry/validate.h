/*
 * Validate: what the registry accepts, rule by rule.
 *
 * Each function says false with the reason set once, naming the field, or true; what is stored
 * differs from what was given where there is an out parameter. Any thread.
 */
#ifndef JUNCTION_SERVER_REGISTRY_VALIDATE_H
#define JUNCTION_SERVER_REGISTRY_VALIDATE_H

#include "base/arena.h"
#include "base/status.h"

struct validation {
	struct arena *arena;
	struct status *status;
	const char *prefix; /* of each field's path: "" or "servers.demo." */
};

bool valid_required(const struct validation *v, const char *field, struct text given);
/* 1 to 255 bytes, no control characters, "/" or leading "$", not reserved. */
bool valid_server_name(const struct validation *v, const char *field, struct text name);
/* 1 to 255 bytes, no control characters or "/". */
bool valid_service_name(const struct validation *v, const char *field, struct text name);
/* Document 003: letters, digits, "-", "_", not beginning with a digit, at most 32 bytes; not
 * reserved. */
bool valid_application_name(const struct validation *v, const char *field, struct text name);
/* Document 003: "hostname-starttime" or "proxy-hostname-starttime", starttime in digits. */
bool valid_node_name(const struct validation *v, const char *field, struct text name);
bool valid_range(
	const struct validation *v, const char *field, int64_t number, int64_t least, int64_t most);
/* Host name or IP address without brackets, 1 to 253 bytes. */
bool valid_host(const struct validation *v, const char *field, struct text host);
bool valid_port(const struct validation *v, const char *field, bool given, int32_t port);
/* "http" or "https" in lower case; what is empty stays empty. */
bool valid_protocol(
	const struct validation *v, const char *field, struct text given, struct text *protocol);
/* In upper case; POST if empty. */
bool valid_method(
	const struct validation *v, const char *field, struct text given, struct text *method);
/* Begins with "/"; 1 to 2048 bytes, no blanks or control characters. */
bool valid_uri(const struct validation *v, const char *field, struct text given, struct text *uri);
/* The JSON object without blanks around it; {} if empty or null. */
bool valid_object(
	const struct validation *v, const char *field, struct text given, struct text *object);

#endif
