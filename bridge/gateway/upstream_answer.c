/*
 * Upstream answer: a head is gathered whole and looked at line by line as it comes, then read by
 * http_parser, and so are trailers, as the head of an answer of their own.
 *
 * Debian builds http_parser without its strict mode: it takes a bare LF for the end of a line, a
 * blank within a name, control characters in some places, folded lines, any version and codings
 * that it does not know. All this is refused here, and chunks, whose ends it does not look at,
 * are not given to it at all.
 */
#include "bridge/gateway/upstream_answer.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CHUNK_MAX    (UINT64_MAX >> 5) /* so that one more digit fits */
#define NOT_HTTP     "did not answer in HTTP/1"
#define NO_HEADER    "sent a header that is none"
#define LENGTH_ERROR "sent a length that is none"

enum step {
	HEAD,
	BODY,       /* of known length */
	BODY_CLOSE, /* until the connection is closed */
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	TRAILERS,
	DONE,
};

static enum answer_event broken(struct answer *a, const char *error)
{
	a->step = DONE;
	a->error = error;
	return ANSWER_BROKEN;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == '\x7f';
}

static bool has_control(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (is_control(t.data[i]))
			return true;
	return false;
}

static void block_add(struct answer_block *b, struct text bytes)
{
	if (bytes.size > b->room - b->size) {
		size_t room = 2 * (b->size + bytes.size);
		b->room = room < 512 ? 512 : room;
		b->bytes = check_realloc(b->bytes, b->room);
	}
	memcpy(b->bytes + b->size, bytes.data, bytes.size);
	b->size += bytes.size;
}

/* NULL, or what is wrong with the line that has been completed. */
static const char *line_error(const struct answer_block *b)
{
	struct text line = {b->bytes + b->line, b->size - b->line};
	if (line.size < 2 || line.data[line.size - 2] != '\r')
		return "sent a line that does not end in CR LF";
	if (has_control(text_until(line, line.size - 2)))
		return b->lines ? NO_HEADER : NOT_HTTP;
	if (b->lines && (*line.data == ' ' || *line.data == '\t'))
		return "sent a folded header";
	if (b->lines > UPSTREAM_HEADERS_MAX && line.size > 2)
		return "sent too many headers";
	return NULL;
}

/* Takes lines up to the empty one; sets whether that has come. NULL, or what is wrong. */
static const char *take_lines(struct answer_block *b, struct text *left, bool *complete)
{
	*complete = false;
	while (left->size && !*complete) {
		size_t end = text_find(*left, '\n', 0);
		bool whole = end < left->size;
		struct text bytes = text_until(*left, end + whole);
		*left = text_from(*left, bytes.size);
		block_add(b, bytes);
		if (b->size > UPSTREAM_HEAD_MAX)
			return "sent headers that are too long";
		if (!whole)
			break;
		const char *error = line_error(b);
		if (error)
			return error;
		*complete = b->lines && b->size - b->line == 2;
		b->lines++;
		b->line = b->size;
	}
	return NULL;
}

/* --- headers ---------------------------------------------------------------------------------- */

/* What http_parser calls for a header, whole each time since the block is. */
static int on_name(http_parser *parser, const char *at, size_t size)
{
	struct answer_block *b = parser->data;
	if (b->header_count == b->header_room)
		return 1;
	b->headers[b->header_count++] = (struct upstream_header){.name = {at, size}};
	return memchr(at, ' ', size) != NULL;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
	struct answer_block *b = parser->data;
	b->headers[b->header_count - 1].value = text_trim((struct text){at, size});
	return 0;
}

static int on_headers(http_parser *parser)
{
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_name, .on_header_value = on_value, .on_headers_complete = on_headers};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct text status_line(const struct answer_block *b)
{
	struct text all = {b->bytes, b->size};
	return text_until(all, text_find(all, '\n', 0) - 1);
}

/* "HTTP/1.1 200 OK" without its end, any reason or none. */
static bool is_status_line(struct text line)
{
	const char *s = line.data;
	return line.size >= 12 && !memcmp(s, "HTTP/1.", 7) && (s[7] == '0' || s[7] == '1') &&
	       s[8] == ' ' && s[9] >= '1' && s[9] <= '5' && is_digit(s[10]) && is_digit(s[11]) &&
	       (line.size == 12 || s[12] == ' ');
}

static const char *read_error(const http_parser *parser)
{
	switch (HTTP_PARSER_ERRNO(parser)) {
	case HPE_PAUSED:
		return NULL;
	case HPE_UNEXPECTED_CONTENT_LENGTH: /* another length, or chunks */
		return "said twice how long its answer is";
	case HPE_INVALID_CONTENT_LENGTH:
		return LENGTH_ERROR;
	default:
		return NO_HEADER;
	}
}

/* Of the complete block. NULL, or what is wrong. */
static const char *read_block(struct answer_block *b, http_parser *parser)
{
	if (!is_status_line(status_line(b)))
		return NOT_HTTP;
	b->header_room = b->lines - 1;
	b->header_count = 0;
	b->headers = check_realloc(b->headers, b->lines * sizeof(*b->headers));
	http_parser_init(parser, HTTP_RESPONSE);
	parser->data = b;
	http_parser_execute(parser, &settings, b->bytes, b->size);
	return read_error(parser);
}

/* --- framing ---------------------------------------------------------------------------------- */

/* All of Transfer-Encoding that is known here is one "chunked". */
static bool knows_coding(const struct answer_block *b)
{
	unsigned count = 0;
	for (size_t i = 0; i < b->header_count; i++) {
		const struct upstream_header *h = &b->headers[i];
		if (!text_equal_nocase(h->name, TEXT("Transfer-Encoding")))
			continue;
		if (!text_equal_nocase(h->value, TEXT("chunked")))
			return false;
		count++;
	}
	return count == 1;
}

static const char *framing_error(const struct answer *a, const http_parser *p)
{
	bool has_length = p->flags & F_CONTENTLENGTH;
	if (has_length && p->content_length > INT64_MAX)
		return LENGTH_ERROR;
	if (p->uses_transfer_encoding && (p->http_minor == 0 || !knows_coding(&a->block)))
		return "sent an unknown Transfer-Encoding";
	if (p->status_code < 200 &&
		(p->uses_transfer_encoding || (has_length && p->content_length)))
		return "sent an interim answer with a body";
	if (p->status_code == 204 && has_length && p->content_length)
		return "sent a body with 204";
	if (p->status_code == 101 && !a->upgrade)
		return "changed the protocol unasked";
	return NULL;
}

/* How the body ends; sets the head's length. */
static void frame(struct answer *a, const http_parser *p)
{
	bool has_length = p->flags & F_CONTENTLENGTH;
	int status = a->head.status;
	if (a->is_head || status == 204 || status == 304 || status == 101)
		a->left = 0, a->step = BODY;
	else if (p->uses_transfer_encoding)
		a->step = CHUNK_SIZE;
	else if (has_length)
		a->left = p->content_length, a->step = BODY;
	else
		a->step = BODY_CLOSE;
	a->head.length = a->step == BODY ? (int64_t)a->left : -1;
}

static bool asks_to_close(const http_parser *p)
{
	return p->flags & F_CONNECTION_CLOSE ||
	       (p->http_minor == 0 && !(p->flags & F_CONNECTION_KEEP_ALIVE));
}

static enum answer_event pass_interim(struct answer *a, int status)
{
	if (++a->interims > ANSWER_INTERIM_MAX)
		return broken(a, "sent too many interim answers");
	a->block.size = a->block.line = a->block.lines = 0;
	return status == 100 ? ANSWER_GO_ON : ANSWER_MORE;
}

static enum answer_event finish_head(struct answer *a)
{
	http_parser parser;
	const char *error = read_block(&a->block, &parser);
	if (!error)
		error = framing_error(a, &parser);
	if (error)
		return broken(a, error);
	int status = (int)parser.status_code;
	if (status < 200 && status != 101)
		return pass_interim(a, status);
	a->head.status = status;
	a->head.reason = text_from(status_line(&a->block), 13);
	a->head.headers = a->block.headers;
	a->head.header_count = a->block.header_count;
	frame(a, &parser);
	a->keep = a->step != BODY_CLOSE && !asks_to_close(&parser) &&
		  !(parser.uses_transfer_encoding && (status == 204 || status == 304));
	return ANSWER_HEAD;
}

static enum answer_event take_head(struct answer *a, struct text *left)
{
	static const char start[] = "HTTP/1.";
	const size_t size = sizeof(start) - 1;
	bool complete;
	a->begun |= left->size > 0;
	const char *error = take_lines(&a->block, left, &complete);
	if (memcmp(a->block.bytes ? a->block.bytes : "", start,
		    a->block.size < size ? a->block.size : size) != 0)
		error = NOT_HTTP;
	if (error)
		return broken(a, error);
	return complete ? finish_head(a) : ANSWER_MORE;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static struct text take(struct text *left, uint64_t most)
{
	struct text piece = text_until(*left, most < left->size ? (size_t)most : left->size);
	*left = text_from(*left, piece.size);
	return piece;
}

static enum answer_event take_body(struct answer *a, struct text *left, struct text *piece)
{
	if (!a->left) {
		a->step = DONE;
		return ANSWER_END;
	}
	*piece = take(left, a->left);
	a->left -= piece->size;
	return piece->size ? ANSWER_BODY : ANSWER_MORE;
}

static int digit_of(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind a chunk's size. */
static void begin_chunk(struct answer *a)
{
	a->chunk_size = false;
	a->chunk_line = 0;
	a->step = a->left ? CHUNK_DATA : TRAILERS;
	if (!a->left)
		block_add(&a->trailers, TEXT("HTTP/1.1 200\r\n"));
	a->trailers.line = a->trailers.size;
	a->trailers.lines = 1;
}

static bool take_size_digit(struct answer *a, char c)
{
	int digit = digit_of(c);
	if (digit < 0 || a->left > CHUNK_MAX)
		return false;
	a->left = (a->left << 4) + (unsigned)digit;
	a->chunk_size = true;
	return true;
}

/* A byte of what frames chunks. */
static bool take_frame(struct answer *a, char c)
{
	switch (a->step) {
	case CHUNK_SIZE:
		if (a->chunk_size && c == '\r')
			a->step = CHUNK_SIZE_LF;
		else if (a->chunk_size && c == ';')
			a->step = CHUNK_EXTENSION;
		else if (!take_size_digit(a, c))
			return false;
		return ++a->chunk_line <= ANSWER_CHUNK_LINE_MAX;
	case CHUNK_EXTENSION:
		if (c == '\r')
			a->step = CHUNK_SIZE_LF;
		else if (is_control(c))
			return false;
		return ++a->chunk_line <= ANSWER_CHUNK_LINE_MAX;
	case CHUNK_SIZE_LF:
		begin_chunk(a);
		return c == '\n';
	case CHUNK_DATA_CR:
		a->step = CHUNK_DATA_LF;
		return c == '\r';
	default:
		a->step = CHUNK_SIZE;
		return c == '\n';
	}
}

static enum answer_event take_chunks(struct answer *a, struct text *left, struct text *piece)
{
	while (left->size && a->step != CHUNK_DATA && a->step != TRAILERS)
		if (!take_frame(a, *take(left, 1).data))
			return broken(a, "sent a chunk that is none");
	if (a->step != CHUNK_DATA || !left->size)
		return ANSWER_MORE;
	*piece = take(left, a->left);
	a->left -= piece->size;
	if (!a->left)
		a->step = CHUNK_DATA_CR;
	return ANSWER_BODY;
}

/* Behind the status line of our own. */
static const char *trailers_error(struct answer_block *b)
{
	http_parser parser;
	if (b->lines == 2)
		return NULL;
	const char *error = read_block(b, &parser);
	if (!error && (parser.flags & F_CONTENTLENGTH || parser.uses_transfer_encoding))
		error = "sent trailers that frame";
	return error;
}

static enum answer_event take_trailers(struct answer *a, struct text *left)
{
	bool complete;
	const char *error = take_lines(&a->trailers, left, &complete);
	if (!error && !complete)
		return ANSWER_MORE;
	if (!error)
		error = trailers_error(&a->trailers);
	if (error)
		return broken(a, error);
	a->step = DONE;
	return ANSWER_END;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum answer_event pull(struct answer *a, struct text *left, struct text *piece)
{
	switch (a->step) {
	case HEAD:
		return take_head(a, left);
	case BODY:
		return take_body(a, left, piece);
	case BODY_CLOSE:
		*piece = take(left, left->size);
		return piece->size ? ANSWER_BODY : ANSWER_MORE;
	case TRAILERS:
		return take_trailers(a, left);
	case DONE:
		return ANSWER_MORE;
	default:
		return take_chunks(a, left, piece);
	}
}

enum answer_event answer_pull(struct answer *a, struct text *left, struct text *piece)
{
	enum answer_event event;
	do
		event = pull(a, left, piece);
	while (event == ANSWER_MORE && left->size);
	return event;
}

bool answer_close(struct answer *a)
{
	return a->step == BODY_CLOSE;
}

static void free_block(struct answer_block *b)
{
	free(b->bytes);
	free(b->headers);
}

void answer_clear(struct answer *a)
{
	free_block(&a->block);
	free_block(&a->trailers);
}
