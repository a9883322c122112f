/*
 * Parts: the delimiter of parts is a line break, two hyphens and the boundary. It is looked for in
 * each piece at once; of one that may begin at a piece's end only the length is kept, since its
 * bytes are known. As a carriage return stands nowhere in it but at its start, bytes that turn out
 * not to go on like it hide no other one.
 */
#include "bridge/parts.h"

enum { PREAMBLE, BOUNDARY, HEAD, CONTENT, EPILOGUE }; /* BOUNDARY: the rest of its line */

static bool refuse(
	const struct parts *p, struct arena *a, struct status *status, const char *reason)
{
	return status_set(
		status, a, STATUS_INVALID_ARGUMENT, "part %zu of the body: %s", p->count, reason);
}

/* --- header fields with parameters ---------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What is left of a header's value; quoted strings are taken apart in place. */
struct value {
	char *at, *end;
};

static void skip_blanks(struct value *v)
{
	while (v->at < v->end && is_blank(*v->at))
		v->at++;
}

static struct text take_token(struct value *v)
{
	const char *start = v->at;
	while (v->at < v->end && !is_blank(*v->at) && !strchr(";=\"", *v->at))
		v->at++;
	return (struct text){start, (size_t)(v->at - start)};
}

/* Browsers put the backslashes of a file's path into it: only those before a quote or another
 * backslash escape something. */
static bool take_quoted(struct value *v, struct text *string)
{
	char *start = ++v->at, *out = start;
	for (; v->at < v->end && *v->at != '"'; v->at++) {
		bool more = v->at + 1 < v->end;
		if (*v->at == '\\' && more && (v->at[1] == '"' || v->at[1] == '\\'))
			v->at++;
		*out++ = *v->at;
	}
	*string = (struct text){start, (size_t)(out - start)};
	return v->at++ < v->end;
}

enum parameter { PARAMETER, PARAMETERS_END, PARAMETERS_MALFORMED };

static enum parameter next_parameter(struct value *v, struct text *name, struct text *value)
{
	skip_blanks(v);
	if (v->at >= v->end)
		return PARAMETERS_END;
	if (*v->at++ != ';')
		return PARAMETERS_MALFORMED;
	skip_blanks(v);
	if (v->at == v->end)
		return PARAMETERS_END;
	*name = take_token(v);
	if (!name->size || v->at == v->end || *v->at++ != '=')
		return PARAMETERS_MALFORMED;
	if (v->at < v->end && *v->at == '"')
		return take_quoted(v, value) ? PARAMETER : PARAMETERS_MALFORMED;
	*value = take_token(v);
	return PARAMETER;
}

/* The value of that parameter in *found; false if it is not there exactly once, or if what stands
 * there are no parameters. */
static bool find_parameter(struct value *v, struct text wanted, struct text *found)
{
	struct text name, value;
	enum parameter next;
	int times = 0;
	while ((next = next_parameter(v, &name, &value)) == PARAMETER) {
		if (!text_equal_nocase(name, wanted))
			continue;
		*found = value;
		times++;
	}
	return next == PARAMETERS_END && times == 1;
}

/* --- the boundary --------------------------------------------------------------------------- */

/* "multipart/form-data; boundary=x" up to the semicolon. */
static struct text media_type(struct text content_type)
{
	return text_trim(text_until(content_type, text_find(content_type, ';', 0)));
}

bool parts_are(struct text content_type)
{
	return text_equal_nocase(media_type(content_type), TEXT("multipart/form-data"));
}

static bool is_boundary(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] < ' ' || t.data[i] > '~')
			return false;
	return t.size && t.size <= PARTS_BOUNDARY_MAX && t.data[t.size - 1] != ' ';
}

bool parts_open(struct parts *p, struct text content_type, struct arena *a, struct status *status)
{
	struct text boundary;
	char *copy = arena_string(a, content_type);
	struct value v = {copy + text_find(content_type, ';', 0), copy + content_type.size};
	if (!find_parameter(&v, TEXT("boundary"), &boundary) || !is_boundary(boundary))
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"header Content-Type: must have one boundary of 1 to %d printable ASCII "
			"characters, the last one no blank",
			PARTS_BOUNDARY_MAX);
	memcpy(p->delimiter, "\r\n--", 4);
	memcpy(p->delimiter + 4, boundary.data, boundary.size);
	p->size = 4 + boundary.size;
	p->state = PREAMBLE;
	/* The first one needs no line break before it. */
	p->matched = p->lent = 2;
	return true;
}

/* --- the head of a part --------------------------------------------------------------------- */

struct head {
	struct text name;
	bool named; /* there is a Content-Disposition */
};

/* The value of a Content-Disposition. */
static const char *read_disposition(struct head *head, struct value v)
{
	if (head->named)
		return "Content-Disposition is repeated";
	head->named = true;
	skip_blanks(&v);
	if (!text_equal_nocase(take_token(&v), TEXT("form-data")) ||
		!find_parameter(&v, TEXT("name"), &head->name))
		return "Content-Disposition must be form-data with one name";
	return NULL;
}

static bool is_plain_encoding(struct text t)
{
	return text_equal_nocase(t, TEXT("binary")) || text_equal_nocase(t, TEXT("8bit")) ||
	       text_equal_nocase(t, TEXT("7bit"));
}

static bool is_field_name(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] <= ' ' || t.data[i] > '~')
			return false;
	return t.size > 0;
}

static bool has_control(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (((unsigned char)t.data[i] < ' ' && t.data[i] != '\t') || t.data[i] == 0x7f)
			return true;
	return false;
}

/* Returns NULL, or what is wrong with the line. */
static const char *read_line(struct head *head, char *line, size_t size)
{
	struct text all = {line, size};
	size_t colon = text_find(all, ':', 0);
	struct text name = text_until(all, colon), value = text_trim(text_from(all, colon + 1));
	if (colon == size || !is_field_name(name) || has_control(value))
		return "its head has a line that is no header";
	if (text_equal_nocase(name, TEXT("Content-Disposition")))
		return read_disposition(head, (struct value){line + colon + 1, line + size});
	if (text_equal_nocase(name, TEXT("Content-Transfer-Encoding")) && !is_plain_encoding(value))
		return "Content-Transfer-Encoding must be binary, 8bit or 7bit";
	return NULL;
}

/* Mail's rule: a line that starts with a blank goes on with the one before. */
static void unfold(char *head, size_t size)
{
	for (size_t i = 0; i + 2 < size; i++)
		if (head[i] == '\r' && head[i + 1] == '\n' && is_blank(head[i + 2]))
			head[i] = head[i + 1] = ' ';
}

/* It ends in an empty line. */
static const char *read_head(struct head *out, char *head, size_t size)
{
	char *end = head + size - 2;
	unfold(head, size);
	for (char *line = head; line < end;) {
		char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
		stop = stop ? stop : end;
		const char *reason = read_line(out, line, (size_t)(stop - line));
		if (reason)
			return reason;
		line = stop + 2;
	}
	return out->named ? NULL : "it has no Content-Disposition";
}

static bool is_whole(struct text head)
{
	struct text tail = head.size > 4 ? text_from(head, head.size - 4) : head;
	return text_equal(tail, TEXT("\r\n\r\n")) || text_equal(head, TEXT("\r\n"));
}

static bool end_head(struct parts *p, struct arena *a, struct status *status)
{
	struct head head = {{"", 0}, false};
	const char *reason = read_head(&head, p->head.data + p->head.start, p->head.size);
	if (reason)
		return refuse(p, a, status, reason);
	bool good = p->events->begin(p->arg, head.name, a, status);
	queue_drop(&p->head, p->head.size);
	p->state = CONTENT;
	/* The line break of the empty line may be the delimiter's, too. */
	p->matched = p->lent = 2;
	return good;
}

static bool take_head(struct parts *p, struct text *piece, struct arena *a, struct status *status)
{
	size_t end = text_find(*piece, '\n', 0);
	size_t size = end < piece->size ? end + 1 : end;
	if (p->head.size + size > PARTS_HEAD_MAX)
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"part %zu of the body: its head is longer than %d bytes", p->count,
			PARTS_HEAD_MAX);
	queue_add(&p->head, text_until(*piece, size));
	*piece = text_from(*piece, size);
	return !is_whole(queue_text(&p->head)) || end_head(p, a, status);
}

/* --- boundaries and what is between --------------------------------------------------------- */

/* The rest of a boundary's line: "--" of the last one, or blanks and a line break. */
static bool take_boundary(
	struct parts *p, struct text *piece, struct arena *a, struct status *status)
{
	char c = *piece->data, last = p->last;
	bool blank = !last || is_blank(last);
	*piece = text_from(*piece, 1);
	p->last = c;
	if (c == '-' && last == '-')
		p->state = EPILOGUE;
	else if (c == '\n' && last == '\r')
		p->state = HEAD;
	else if (!(c == '-' && !last) && !(c == '\r' && blank) && !(is_blank(c) && blank))
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"a boundary of the body is followed by something else");
	p->count += p->state == HEAD;
	return true;
}

static bool pass(struct parts *p, const char *bytes, size_t size)
{
	return p->state == PREAMBLE || !size ||
	       p->events->content(p->arg, (struct text){bytes, size});
}

static bool end_part(struct parts *p, struct arena *a, struct status *status)
{
	bool in_part = p->state == CONTENT;
	p->state = BOUNDARY;
	p->last = '\0';
	p->matched = p->lent = 0;
	return !in_part || p->events->end(p->arg, a, status);
}

/* How many bytes at the end of the piece may begin a delimiter. */
static size_t find_start(const struct parts *p, struct text piece)
{
	struct text tail = text_from(piece, piece.size < p->size ? 0 : piece.size - p->size + 1);
	for (size_t at = 0; (at = text_find(tail, '\r', at)) < tail.size; at++)
		if (!memcmp(tail.data + at, p->delimiter, tail.size - at))
			return tail.size - at;
	return 0;
}

/* Goes on with a delimiter that a piece before may have begun. */
static bool take_rest(struct parts *p, struct text *piece, struct arena *a, struct status *status)
{
	size_t left = p->size - p->matched;
	size_t size = piece->size < left ? piece->size : left;
	if (!memcmp(piece->data, p->delimiter + p->matched, size)) {
		p->matched += size;
		*piece = text_from(*piece, size);
		return p->matched < p->size || end_part(p, a, status);
	}
	size_t lent = p->lent, matched = p->matched;
	p->matched = p->lent = 0;
	return pass(p, p->delimiter + lent, matched - lent);
}

static bool take_content(
	struct parts *p, struct text *piece, struct arena *a, struct status *status)
{
	if (p->matched)
		return take_rest(p, piece, a, status);
	const char *at = memmem(piece->data, piece->size, p->delimiter, p->size);
	size_t start = at ? 0 : find_start(p, *piece);
	size_t size = at ? (size_t)(at - piece->data) : piece->size - start;
	struct text content = text_until(*piece, size);
	*piece = text_from(*piece, size + (at ? p->size : start));
	p->matched = start;
	return pass(p, content.data, content.size) && (!at || end_part(p, a, status));
}

static bool take(struct parts *p, struct text *piece, struct arena *a, struct status *status)
{
	if (p->state == HEAD)
		return take_head(p, piece, a, status);
	if (p->state == BOUNDARY)
		return take_boundary(p, piece, a, status);
	return take_content(p, piece, a, status);
}

bool parts_read(struct parts *p, struct text piece, struct arena *a, struct status *status)
{
	while (piece.size && p->state != EPILOGUE)
		if (!take(p, &piece, a, status))
			return false;
	return true;
}

bool parts_end(const struct parts *p, struct arena *a, struct status *status)
{
	return p->state == EPILOGUE || status_set(status, a, STATUS_INVALID_ARGUMENT,
					       "the body ends before its last boundary");
}

void parts_free(struct parts *p)
{
	queue_free(&p->head);
}
