/*
 * JSON text (RFC 8259), read strictly into a tree in an arena, and written.
 *
 * Every value keeps the slice of the text it was read from (raw), so that a value can be carried
 * byte-exact: numbers are never converted on the way. Refused with a byte position: nesting beyond
 * JSON_DEPTH, ill-formed UTF-8, unpaired surrogate escapes, duplicate member names, anything after
 * the value. The tree points into the text: it must outlive the tree. One thread at a time.
 */
#ifndef JUNCTION_BASE_JSON_H
#define JUNCTION_BASE_JSON_H

#include "base/arena.h"
#include "base/status.h"

#define JSON_DEPTH 64

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_type type;
	struct text raw;          /* the value as written, no blanks around it */
	struct text name;         /* of a member, unescaped */
	struct text string;       /* of a string, unescaped; may hold NUL (from \u0000) */
	const struct json *first; /* element or member */
	const struct json *next;  /* sibling */
	size_t count;             /* elements or members */
};

/* NULL on refusal: status is INVALID_ARGUMENT "invalid JSON at byte 17: duplicate member \"a\"", or
 * RESOURCE_EXHAUSTED if the arena's cap is reached. */
const struct json *json_read(struct arena *a, struct text text, struct status *status);

/* Whether the text is one well-formed JSON value: what json_read() would take, but member names may
 * repeat. Takes no memory, so that a large text can be judged. */
bool json_valid(struct text text);

/* The member of that name, or NULL (also if the value is no object or NULL). */
const struct json *json_member(const struct json *object, struct text name);
/* Text of a string member, or fallback if it is absent or no string. */
struct text json_member_text(const struct json *object, struct text name, struct text fallback);
/* An integer: a number without fraction after its exponent is applied (1e2 is 100, 1.0 is 1), or,
 * like all proto3 JSON numbers, a string holding one. */
bool json_int64(const struct json *value, int64_t *number);
bool json_uint64(const struct json *value, uint64_t *number);
/* Whether two numbers have the same value, exactly, however they are written; one with an exponent
 * beyond 10^17 or -10^17 has only that of the same text. */
bool json_number_equal(const struct json *a, const struct json *b);

/* Appends a string with quotes and escapes; ill-formed UTF-8 becomes U+FFFD. */
void json_write_string(struct buffer *b, struct text string);
/* Appends JSON text without its line breaks, which mean nothing and would end the line. */
void json_write_on_one_line(struct buffer *b, struct text json);
/* Appends "name": , preceded by a comma unless the last byte opens an object. */
void json_write_name(struct buffer *b, struct text name);
/* Appends a comma unless the last byte opens an object or an array or is a colon. */
void json_write_comma(struct buffer *b);
/* A member whole: a string, null if it is empty; a number; true or false. */
void json_write_text_member(struct buffer *b, const char *name, struct text value);
void json_write_number_member(struct buffer *b, const char *name, int64_t number);
void json_write_bool_member(struct buffer *b, const char *name, bool value);

#endif
