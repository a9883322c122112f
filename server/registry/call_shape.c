/*
 * Design: the caller's JSON is read into trees where we need its members (header, param) and only
 * judged where it is carried (body, result): there it may be as large as a message.
 */
#include "server/registry/call_shape.h"

#include <string.h>

#include "base/base64.h"

enum { HEADERS_MAX = 100, CONTENT_TYPE_MAX = 1024 };

static const char json_type[] = "application/json";

/* --- a list of headers -------------------------------------------------------------------------
 */

void header_add(struct header_list *list, const char *name, struct text value)
{
	struct fetch_header header = {text_of(name), value};

	buffer_add(&list->items, &header, sizeof(header));
}

const struct fetch_header *header_items(const struct header_list *list, size_t *count)
{
	*count = list->items.size / sizeof(struct fetch_header);
	return (const struct fetch_header *)list->items.data;
}

const struct fetch_header *header_find(const struct header_list *list, const char *name)
{
	size_t count;
	const struct fetch_header *items = header_items(list, &count);

	for (size_t i = 0; i < count; i++) {
		if (text_equal_nocase(items[i].name, text_of(name)))
			return &items[i];
	}
	return NULL;
}

bool header_has(const struct header_list *list, const char *name)
{
	return header_find(list, name) != NULL;
}

/* --- method ------------------------------------------------------------------------------------
 */

const char *call_method(struct text method)
{
	static const char *const known[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (text_equal_nocase(method, text_of(known[i])))
			return known[i];
	}
	return NULL;
}

/* --- objects -----------------------------------------------------------------------------------
 */

bool call_object(struct arena *a, const char *field, struct text text, const struct json **object,
	struct status *status)
{
	struct status reason;
	const struct json *value = NULL;

	*object = NULL;
	if (text_trim(text).size == 0)
		return true;
	value = json_read(a, text, &reason);
	if (value && value->type == JSON_STRING) {
		if (text_trim(value->string).size == 0)
			return true;
		value = json_read(a, value->string, &reason);
	}
	if (!value && reason.code != STATUS_INVALID_ARGUMENT)
		return status_set(status, a, reason.code, "%s: %s", field, reason.message);
	if (!value)
		return status_field(status, a, field, "%s", reason.message);
	if (value->type == JSON_NULL)
		return true;
	if (value->type != JSON_OBJECT)
		return status_field(
			status, a, field, "must be a JSON object, or a string holding one");
	*object = value;
	return true;
}

/* --- URL ---------------------------------------------------------------------------------------
 */

static void add_encoded(struct buffer *b, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char byte = (unsigned char)c;

	buffer_add_char(b, '%');
	buffer_add_char(b, digits[byte >> 4]);
	buffer_add_char(b, digits[byte & 15]);
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_component(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		if (is_unreserved(t.data[i]))
			buffer_add_char(b, t.data[i]);
		else
			add_encoded(b, t.data[i]);
	}
}

/* A registered URI may be encoded already: only what can stand in no URL is. '#' too: what follows
 * it would not be sent. */
static void add_url(struct buffer *b, struct text url)
{
	for (size_t i = 0; i < url.size; i++) {
		char c = url.data[i];

		if (c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}#", c))
			buffer_add_char(b, c);
		else
			add_encoded(b, c);
	}
}

static void add_pair(struct buffer *b, struct text name, const struct json *value)
{
	char last = b->data[b->size - 1];

	if (value->type == JSON_NULL)
		return;
	if (!memchr(b->data, '?', b->size))
		buffer_add_char(b, '?');
	else if (last != '?' && last != '&')
		buffer_add_char(b, '&');
	add_component(b, name);
	buffer_add_char(b, '=');
	add_component(b, value->type == JSON_STRING ? value->string : value->raw);
}

char *call_url(struct arena *a, struct text url, const struct json *param)
{
	struct buffer b = {.arena = a};

	add_url(&b, url);
	for (const struct json *m = param ? param->first : NULL; m; m = m->next) {
		if (m->type != JSON_ARRAY)
			add_pair(&b, m->name, m);
		for (const struct json *e = m->type == JSON_ARRAY ? m->first : NULL; e; e = e->next)
			add_pair(&b, m->name, e);
	}
	buffer_add_char(&b, '\0');
	return b.data;
}

/* --- headers -----------------------------------------------------------------------------------
 */

static bool is_token(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return name.size > 0;
}

/* What belongs to the connection, to its framing, or to Junction itself. */
static bool is_reserved_header(struct text name)
{
	static const char *const names[] = {"connection", "keep-alive", "te", "trailer",
		"transfer-encoding", "upgrade", "host", "content-length", "expect"};
	static const char *const prefixes[] = {"proxy-", "junction-"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (text_equal_nocase(name, text_of(names[i])))
			return true;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		struct text prefix = text_of(prefixes[i]);

		if (name.size >= prefix.size &&
			text_equal_nocase(text_until(name, prefix.size), prefix))
			return true;
	}
	return false;
}

static bool is_header_value(struct text value)
{
	for (size_t i = 0; i < value.size; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool add_member(
	struct arena *a, const struct json *member, struct header_list *list, struct status *status)
{
	struct text value = member->type == JSON_STRING ? member->string : member->raw;
	const char *field = arena_printf(a, "header.%.*s", TEXT_ARGS(member->name));

	if (!is_token(member->name))
		return status_field(status, a, field, "is not the name of a header");
	if (is_reserved_header(member->name))
		return status_field(status, a, field, "is set by Junction and may not be given");
	if (header_has(list, arena_string(a, member->name)))
		return status_field(status, a, field, "is given twice");
	if (member->type == JSON_NULL || member->type == JSON_ARRAY || member->type == JSON_OBJECT)
		return status_field(status, a, field, "must be a string, a number or a boolean");
	if (!is_header_value(value))
		return status_field(status, a, field, "must not hold control characters");
	header_add(list, arena_string(a, member->name), value);
	return true;
}

bool call_headers(
	struct arena *a, const struct json *object, struct header_list *list, struct status *status)
{
	if (object && object->count > HEADERS_MAX)
		return status_field(
			status, a, "header", "must have at most %d members", HEADERS_MAX);
	for (const struct json *m = object ? object->first : NULL; m; m = m->next) {
		if (!add_member(a, m, list, status))
			return false;
	}
	return true;
}

/* --- body --------------------------------------------------------------------------------------
 */

struct text call_body(struct arena *a, struct text body, const char **content_type)
{
	struct text json = text_trim(body);
	const struct json *string;
	struct status ignored;

	*content_type = NULL;
	if (json.size == 0 || text_equal(json, TEXT("null")))
		return (struct text){0};
	string = json.data[0] == '"' ? json_read(a, json, &ignored) : NULL;
	if (string) {
		body = string->string;
		json = text_trim(body);
	}
	if (body.size == 0)
		return (struct text){0};
	if (json_valid(json)) {
		*content_type = json_type;
		return json;
	}
	*content_type = "text/plain; charset=utf-8";
	return body;
}

/* --- GraphQL -----------------------------------------------------------------------------------
 */

/* JSON; data NULL: none. */
static bool read_variables(struct arena *a, struct text body, const struct json *param,
	struct text *variables, struct status *status)
{
	const char *content_type;

	*variables = call_body(a, body, &content_type);
	if (variables->data && (variables->data[0] != '{' || strcmp(content_type, json_type) != 0))
		return status_field(status, a, "body",
			"must be a JSON object: the variables of the GraphQL operation");
	if (!param || param->count == 0)
		return true;
	if (variables->data)
		return status_field(status, a, "param",
			"must not be given with a body: both are the variables of the GraphQL "
			"operation");
	*variables = param->raw;
	return true;
}

bool call_graphql(struct arena *a, struct text data, struct text body, const struct json *param,
	struct text *request, struct status *status)
{
	struct buffer b = {.arena = a};
	const struct json *json = json_read(a, data, status), *operation;
	struct text variables;

	if (!json || !read_variables(a, body, param, &variables, status))
		return false;
	operation = json_member(json, TEXT("graphql"));
	if (!operation)
		return status_set(status, a, STATUS_FAILED_PRECONDITION,
			"the action has no GraphQL operation");
	buffer_add_text(&b, TEXT("{\"query\":"));
	buffer_add_text(&b, operation->raw);
	if (variables.data) {
		buffer_add_text(&b, TEXT(",\"variables\":"));
		buffer_add_text(&b, variables);
	}
	buffer_add_char(&b, '}');
	*request = buffer_text(&b);
	return true;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static const char *status_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} known[] = {
		{300, "Multiple Choices"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{402, "Payment Required"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{407, "Proxy Authentication Required"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{410, "Gone"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{417, "Expectation Failed"},
		{421, "Misdirected Request"},
		{422, "Unprocessable Content"},
		{423, "Locked"},
		{424, "Failed Dependency"},
		{425, "Too Early"},
		{426, "Upgrade Required"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{451, "Unavailable For Legal Reasons"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
		{507, "Insufficient Storage"},
		{508, "Loop Detected"},
		{511, "Network Authentication Required"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].status == status)
			return known[i].phrase;
	}
	return NULL;
}

const char *call_message(struct arena *a, const struct fetch_response *response)
{
	struct text reason = response->reason;
	const char *phrase;

	if (response->status >= 200 && response->status <= 299)
		return "success";
	if (reason.size > 0 && is_header_value(reason) && text_utf8_error(reason) == reason.size)
		return arena_string(a, reason);
	phrase = status_phrase(response->status);
	return phrase ? phrase : arena_printf(a, "status %d", response->status);
}

static bool is_ascii(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if ((unsigned char)t.data[i] >= 0x7f || t.data[i] < ' ')
			return false;
	return true;
}

const char *call_content_type(struct arena *a, const struct fetch_response *response)
{
	for (size_t i = 0; i < response->header_count; i++) {
		const struct fetch_header *h = &response->headers[i];

		if (text_equal_nocase(h->name, TEXT("content-type")) &&
			h->value.size <= CONTENT_TYPE_MAX && is_ascii(h->value))
			return arena_string(a, h->value);
	}
	return "";
}

const char *call_result(struct arena *a, struct text body)
{
	struct buffer b = {.arena = a};
	struct text json = text_trim(body);

	if (body.size == 0)
		return "null";
	/* Blanks around it belong to the body, not to the value. */
	if (json_valid(json))
		return json.size == body.size ? body.data : arena_string(a, json);
	if (text_utf8_error(body) == body.size) {
		json_write_string(&b, body);
	} else {
		buffer_add_text(&b, TEXT("{\"base64\":\""));
		base64_write(&b, body);
		buffer_add_text(&b, TEXT("\"}"));
	}
	buffer_add_char(&b, '\0');
	return b.data;
}
