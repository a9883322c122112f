/*
 * Text: a slice of bytes that somebody else owns (an arena, a buffer, a literal). Not terminated
 * by NUL unless a function says so; may hold NUL. Values, freely copied between threads as long as
 * the owner lives.
 */
#ifndef JUNCTION_BASE_TEXT_H
#define JUNCTION_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *data;
	size_t size; /* bytes */
};

/* A literal; for strings of unknown length see text_of(). */
#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})
/* For printf's "%.*s". */
#define TEXT_ARGS(t) (int)(t).size, (t).data

static inline struct text text_of(const char *string)
{
	return (struct text){string, string ? strlen(string) : 0};
}

bool text_equal(struct text a, struct text b);
/* ASCII letters compare without case, all other bytes exactly. */
bool text_equal_nocase(struct text a, struct text b);
int text_compare(struct text a, struct text b); /* bytewise, as memcmp */
bool text_starts(struct text t, struct text prefix);
/* Index of the first byte c at or after from, or t.size. */
size_t text_find(struct text t, char c, size_t from);
struct text text_from(struct text t, size_t from);
struct text text_until(struct text t, size_t size);
struct text text_trim(struct text t); /* without ASCII blanks at both ends */

/* Offset of the first byte that is not well-formed UTF-8 (no surrogates, no overlong forms, at
 * most U+10FFFF), or t.size if all is. */
size_t text_utf8_error(struct text t);
/* Bytes of the well-formed UTF-8 character that starts at offset at (1 to 4), or 0 if none does. */
size_t text_utf8_length(struct text t, size_t at);
/* Writes a character that is no surrogate, of 1 to 4 bytes; returns what is behind it. */
char *text_put_utf8(char *to, uint32_t code);
/* Control characters: C0, DEL, and C1 as UTF-8 writes it. */
bool text_has_control(struct text t);

/* Decimal integer in ASCII, optional '-', no blanks, nothing behind. False if it is none or does
 * not fit. */
bool text_to_int64(struct text t, int64_t *value);
bool text_to_uint64(struct text t, uint64_t *value);

#endif
