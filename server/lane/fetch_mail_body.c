/*
 * Design: the headers are ours, the body is curl's (RFC 2045), and its size is known beforehand:
 * fetch_mail.c tells by it whether all was sent. So nothing is quoted-printable, whose size curl
 * does not know; and a text with a dot at the start of a line, which curl doubles on the way, is
 * base64.
 */
#include "base/check.h"
#include "base/percent.h"
#include "server/lane/fetch_mail.h"

enum {
	LINE_LIMIT = 998, /* RFC 5322 */
	FOLD_AT = 76,
};

/* --- what may be sent ------------------------------------------------------------------------- */

static bool is_on_one_line(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] < ' ' || t.data[i] > '~')
			return false;
	return true;
}

static bool is_address(const char *address)
{
	struct text t = text_of(address);

	return t.size > 0 && is_on_one_line(t) && text_find(t, ' ', 0) == t.size &&
	       text_find(t, '<', 0) == t.size && text_find(t, '>', 0) == t.size;
}

bool mail_check(struct transfer *t, struct status *error)
{
	const struct fetch_mail *mail = t->job->request->mail;
	bool good = is_address(mail->from) && is_address(mail->to);

	for (size_t i = 0; i < mail->header_count; i++)
		good = good && is_on_one_line(mail->headers[i].name) &&
		       is_on_one_line(mail->headers[i].value);
	for (size_t i = 0; i < mail->part_count; i++)
		good = good && is_on_one_line(text_of(mail->parts[i].content_type));
	if (good)
		return true;
	return status_set(error, t->job->arena, STATUS_INVALID_ARGUMENT,
		"an address or a header of the mail is not ASCII on one line");
}

/* --- headers ---------------------------------------------------------------------------------- */

void mail_add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	CHECK(longer);
	*list = longer;
}

/* A line is broken before a blank, which stays; not before one of the first so many bytes. */
static char *fold(struct arena *a, struct text line, size_t first)
{
	struct buffer b = {.arena = a};
	size_t begun = 0;

	for (size_t at = 0; at < line.size;) {
		size_t next = text_find(line, ' ', at + 1);

		if (at >= first && line.data[at] == ' ' && next > at + 1 &&
			next - begun > FOLD_AT) {
			buffer_add_text(&b, TEXT("\r\n"));
			begun = at;
		}
		buffer_add(&b, line.data + at, next - at);
		at = next;
	}
	return arena_string(a, buffer_text(&b));
}

struct curl_slist *mail_headers(struct arena *a, const struct fetch_mail *mail)
{
	struct curl_slist *lines = NULL;

	for (size_t i = 0; i < mail->header_count; i++) {
		const struct fetch_header *h = &mail->headers[i];
		const char *line =
			arena_printf(a, "%.*s: %.*s", TEXT_ARGS(h->name), TEXT_ARGS(h->value));

		mail_add_line(&lines, fold(a, text_of(line), h->name.size + 2));
	}
	return lines;
}

/* --- the body --------------------------------------------------------------------------------- */

/* Bytes that are not copied. */
struct piece {
	struct text bytes;
	size_t at;
};

static size_t read_piece(char *to, size_t size, size_t count, void *arg)
{
	struct piece *p = arg;
	size_t left = p->bytes.size - p->at;
	size_t taken = size * count < left ? size * count : left;

	if (taken > 0)
		memcpy(to, p->bytes.data + p->at, taken);
	p->at += taken;
	return taken;
}

static int seek_piece(void *arg, curl_off_t offset, int origin)
{
	struct piece *p = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > p->bytes.size)
		return CURL_SEEKFUNC_CANTSEEK;
	p->at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static curl_mimepart *add_part(curl_mime *body)
{
	curl_mimepart *part = curl_mime_addpart(body);

	CHECK(part);
	return part;
}

static void fill_part(struct arena *a, curl_mimepart *part, const char *content_type,
	const char *encoder, struct text bytes)
{
	struct piece *p = ARENA_NEW(a, struct piece);

	p->bytes = bytes;
	CHECK(curl_mime_data_cb(part, (curl_off_t)bytes.size, read_piece, seek_piece, NULL, p) ==
		CURLE_OK);
	CHECK(curl_mime_type(part, content_type) == CURLE_OK);
	CHECK(curl_mime_encoder(part, encoder) == CURLE_OK);
}

/* Lines end in CRLF, as they do on the way. */
static struct text with_line_ends(struct arena *a, struct text t)
{
	struct buffer b = {.arena = a};
	char before = 0;

	buffer_reserve(&b, t.size + t.size / 16 + 2);
	for (size_t i = 0; i < t.size; before = t.data[i++]) {
		if (t.data[i] == '\n' && before != '\r')
			buffer_add_char(&b, '\r');
		buffer_add_char(&b, t.data[i]);
	}
	return buffer_text(&b);
}

/* It can go as it is. */
static bool is_plain(struct text t)
{
	size_t begun = 0;

	for (size_t i = 0; i < t.size; i++) {
		unsigned char c = (unsigned char)t.data[i];
		bool ends = c == '\r' && i + 1 < t.size && t.data[i + 1] == '\n';

		if (c > '~' || (c < ' ' && c != '\t' && c != '\n' && !ends) ||
			(c == '.' && i == begun) || i - begun > LINE_LIMIT)
			return false;
		if (c == '\n')
			begun = i + 1;
	}
	return true;
}

static void add_text(struct arena *a, curl_mime *body, const char *content_type, struct text text)
{
	struct text bytes = with_line_ends(a, text);

	fill_part(a, add_part(body), content_type, is_plain(bytes) ? "7bit" : "base64", bytes);
}

static curl_mime *new_list(CURL *easy)
{
	curl_mime *list = curl_mime_init(easy);

	CHECK(list);
	return list;
}

static void add_alternative(
	struct arena *a, const struct fetch_mail *mail, CURL *easy, curl_mime *body)
{
	curl_mime *both = new_list(easy);
	curl_mimepart *part = add_part(body);

	add_text(a, both, "text/plain; charset=utf-8", mail->text);
	add_text(a, both, "text/html; charset=utf-8", mail->html);
	CHECK(curl_mime_subparts(part, both) == CURLE_OK);
	CHECK(curl_mime_type(part, "multipart/alternative") == CURLE_OK);
}

/* What is multipart or message may not be base64 (RFC 2045), and would be taken apart. */
static const char *type_of_file(const char *content_type)
{
	struct text t = text_of(content_type);

	if (t.size == 0 || text_equal_nocase(text_until(t, 10), TEXT("multipart/")) ||
		text_equal_nocase(text_until(t, 8), TEXT("message/")))
		return "application/octet-stream";
	return content_type;
}

/* RFC 2231. */
static void add_file(struct arena *a, curl_mime *body, const struct fetch_mail_part *file)
{
	struct text name = percent_encode(a, text_of(file->name), "*'()<>@,;:\\\"/[]?=");
	curl_mimepart *part = add_part(body);
	struct curl_slist *headers = NULL;

	mail_add_line(&headers,
		arena_printf(a, "Content-Disposition: attachment;\r\n filename*=UTF-8''%.*s",
			TEXT_ARGS(name)));
	CHECK(curl_mime_headers(part, headers, 1) == CURLE_OK);
	fill_part(a, part, type_of_file(file->content_type), "base64", file->bytes);
}

curl_mime *mail_body(struct arena *a, const struct fetch_mail *mail, CURL *easy)
{
	curl_mime *body = new_list(easy);

	if (mail->html.data)
		add_alternative(a, mail, easy, body);
	else
		add_text(a, body, "text/plain; charset=utf-8", mail->text);
	for (size_t i = 0; i < mail->part_count; i++)
		add_file(a, body, &mail->parts[i]);
	return body;
}
