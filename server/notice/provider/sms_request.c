/* Templates are filled when a request is made, each once; then query, form or JSON are encoded, and
 * signed as the description says. Aliyun's scheme: document "Signature method of RPC style": all
 * parameters sorted, percent-encoded (RFC 3986), joined, and signed with the method in front. */
#include "server/notice/provider/sms.h"

#include <stdlib.h>
#include <time.h>

#include "base/base64.h"
#include "base/percent.h"
#include "base/random.h"
#include "server/hmac.h"
#include "server/registry/call_shape.h"

enum { NAMES = 13, NONCE_BYTES = 16, RESPONSE_MAX = 256 * 1024, CONNECT_MS = 5000 };

/* All visible ASCII but letters, digits and "-._~". */
#define RESERVED "!\"#$&'()*+,/:;<=>?@[\\]^`{|}"

struct sms_fill {
	struct arena *a;
	struct template_builtin names[NAMES];
	struct template_values values;
	struct status status;
	bool failed;
	time_t seconds;
	struct text nonce;
};

struct parameter {
	struct text name, value;
};

/* A list of parameters. */
struct parameters {
	struct buffer items;
};

bool sms_known_name(struct text name)
{
	static const char *const names[] = {"address", "text", "title", "params", "template",
		"deliveryId", "noticeId", "sender", "messageId", "nonce", "timestamp",
		"timestampMs", "date", "secret"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_equal(name, text_of(names[i])))
			return true;
	}
	return false;
}

/* --- what templates are filled with -------------------------------------------------------------
 */

static struct text number(struct arena *a, int64_t value)
{
	return text_of(arena_printf(a, "%lld", (long long)value));
}

static struct text hex(struct arena *a, const unsigned char *bytes, size_t size)
{
	struct buffer text = {.arena = a};

	for (size_t i = 0; i < size; i++)
		buffer_printf(&text, "%02x", bytes[i]);
	return buffer_text(&text);
}

static struct text nonce(struct arena *a)
{
	unsigned char bytes[NONCE_BYTES];

	random_bytes(bytes, sizeof(bytes));
	return hex(a, bytes, sizeof(bytes));
}

static struct text time_in(struct arena *a, time_t seconds, const char *format)
{
	char text[32];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), format, &parts);
	return arena_text(a, text_of(text));
}

/* {"secret": ...}: so that {{secret.name}} is a path. */
static const struct json *secrets_as_params(struct arena *a, const struct json *secrets)
{
	struct buffer text = {.arena = a};
	struct status ignored = {.message = ""};

	buffer_add_text(&text, TEXT("{\"secret\":"));
	buffer_add_text(&text, secrets ? secrets->raw : TEXT("{}"));
	buffer_add_char(&text, '}');
	return json_read(a, buffer_text(&text), &ignored);
}

static void begin(struct sms_fill *f, struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms)
{
	const struct sms *sms = channel->made;
	const struct addressee *to = &message->to[0];
	time_t local = (time_t)(now_ms / 1000 + sms->utc_offset_minutes * 60);

	*f = (struct sms_fill){.a = a, .seconds = (time_t)(now_ms / 1000), .nonce = nonce(a)};
	const struct template_builtin names[NAMES] = {
		{TEXT("address"), to->address},
		{TEXT("text"), message->rendered->body},
		{TEXT("title"), message->rendered->subject},
		{TEXT("params"), message->rendered->params},
		{TEXT("template"), message->rendered->provider_template},
		{TEXT("deliveryId"), number(a, to->position)},
		{TEXT("noticeId"), message->content->notice_id},
		{TEXT("sender"), message->content->sender},
		{TEXT("messageId"), to->message_id},
		{TEXT("nonce"), f->nonce},
		{TEXT("timestamp"), number(a, now_ms / 1000)},
		{TEXT("timestampMs"), number(a, now_ms)},
		{TEXT("date"), time_in(a, local, "%Y%m%d")},
	};
	memcpy(f->names, names, sizeof(names));
	f->values =
		(struct template_values){secrets_as_params(a, channel->secrets), f->names, NAMES};
}

static struct text fill_as(struct sms_fill *f, struct text source, enum template_escape escape)
{
	const struct template *t = template_compile(f->a, source, "settings", &f->status);
	struct buffer out = {.arena = f->a};

	if (!t || !template_render(t, &f->values, escape, &out, &f->status)) {
		f->failed = true;
		return TEXT("");
	}
	return buffer_text(&out);
}

static struct text fill(struct sms_fill *f, struct text source)
{
	return fill_as(f, source, TEMPLATE_PLAIN);
}

/* --- parameters ---------------------------------------------------------------------------------
 */

static void add(struct parameters *list, struct text name, struct text value)
{
	const struct parameter p = {name, value};

	buffer_add(&list->items, &p, sizeof(p));
}

static size_t count_of(const struct parameters *list)
{
	return list->items.size / sizeof(struct parameter);
}

static struct parameter *items_of(const struct parameters *list)
{
	return (struct parameter *)(void *)list->items.data;
}

static void add_all(struct sms_fill *f, struct parameters *list, const struct json *templates)
{
	for (const struct json *m = templates ? templates->first : NULL; m; m = m->next)
		add(list, m->name, fill(f, m->string));
}

static struct text encode(struct arena *a, struct text text)
{
	return percent_encode(a, text, RESERVED);
}

/* "a=1&b=2" */
static struct text join(struct arena *a, const struct parameter *items, size_t count)
{
	struct buffer text = {.arena = a};

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add_char(&text, '&');
		buffer_add_text(&text, encode(a, items[i].name));
		buffer_add_char(&text, '=');
		buffer_add_text(&text, encode(a, items[i].value));
	}
	return buffer_text(&text);
}

/* --- signing ------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
	const struct parameter *left = a, *right = b;

	return text_compare(left->name, right->name);
}

static void sign_aliyun(struct sms_fill *f, const struct sms_request *request,
	const struct parameters *query, const struct parameters *form, struct parameters *into)
{
	struct parameters all = {{.arena = f->a}};
	struct buffer text = {.arena = f->a};
	struct buffer key = {.arena = f->a};

	add(into, TEXT("AccessKeyId"), fill(f, request->sign.user));
	add(into, TEXT("SignatureMethod"), TEXT("HMAC-SHA1"));
	add(into, TEXT("SignatureNonce"), f->nonce);
	add(into, TEXT("SignatureVersion"), TEXT("1.0"));
	add(into, TEXT("Timestamp"), time_in(f->a, f->seconds, "%Y-%m-%dT%H:%M:%SZ"));
	buffer_add(&all.items, query->items.data, query->items.size);
	buffer_add(&all.items, form->items.data, form->items.size);
	qsort(items_of(&all), count_of(&all), sizeof(struct parameter), by_name);
	buffer_printf(&text, "%s&%%2F&", request->method);
	buffer_add_text(&text, encode(f->a, join(f->a, items_of(&all), count_of(&all))));
	buffer_add_text(&key, fill(f, request->sign.key));
	buffer_add_char(&key, '&');
	add(into, TEXT("Signature"),
		hmac_base64(f->a, HMAC_SHA1, buffer_text(&key), buffer_text(&text)));
}

static struct text make_mac(struct sms_fill *f, const struct sms_sign *sign)
{
	enum hmac_hash hash = sign->scheme == SMS_HMAC_SHA1 ? HMAC_SHA1 : HMAC_SHA256;
	struct text key = fill(f, sign->key), text = fill(f, sign->text);
	unsigned char mac[HMAC_MOST];

	if (!sign->hex)
		return hmac_base64(f->a, hash, key, text);
	size_t size = hmac(hash, key, text, mac);
	return hex(f->a, mac, size);
}

static struct text make_basic(struct sms_fill *f, const struct sms_sign *sign)
{
	struct buffer pair = {.arena = f->a}, value = {.arena = f->a};

	buffer_add_text(&pair, fill(f, sign->user));
	buffer_add_char(&pair, ':');
	buffer_add_text(&pair, fill(f, sign->key));
	buffer_add_text(&value, TEXT("Basic "));
	base64_write(&value, buffer_text(&pair));
	return buffer_text(&value);
}

static void sign(struct sms_fill *f, const struct sms_request *request, struct parameters *query,
	struct parameters *form, struct header_list *headers)
{
	const struct sms_sign *s = &request->sign;

	switch (s->scheme) {
	case SMS_UNSIGNED:
		return;
	case SMS_ALIYUN:
		sign_aliyun(f, request, query, form, request->form ? form : query);
		return;
	case SMS_BASIC:
		header_add(headers, "Authorization", make_basic(f, s));
		return;
	case SMS_HMAC_SHA1:
	case SMS_HMAC_SHA256:
		break;
	}
	if (s->place == SMS_IN_HEADER)
		header_add(headers, arena_string(f->a, s->name), make_mac(f, s));
	else
		add(s->place == SMS_IN_FORM ? form : query, s->name, make_mac(f, s));
}

/* --- the request --------------------------------------------------------------------------------
 */

/* The same JSON with its texts filled. */
static void write_json(struct sms_fill *f, struct buffer *out, const struct json *value)
{
	if (value->type == JSON_STRING) {
		json_write_string(out, fill(f, value->string));
		return;
	}
	if (value->type != JSON_OBJECT && value->type != JSON_ARRAY) {
		buffer_add_text(out, value->raw);
		return;
	}
	bool object = value->type == JSON_OBJECT;
	buffer_add_char(out, object ? '{' : '[');
	for (const struct json *part = value->first; part; part = part->next) {
		if (object)
			json_write_name(out, part->name);
		else
			json_write_comma(out);
		write_json(f, out, part);
	}
	buffer_add_char(out, object ? '}' : ']');
}

static struct text make_body(struct sms_fill *f, const struct sms_request *request,
	const struct parameters *form, struct header_list *headers)
{
	struct buffer body = {.arena = f->a};

	if (request->json) {
		header_add(headers, "Content-Type", TEXT("application/json; charset=utf-8"));
		write_json(f, &body, request->json);
		return buffer_text(&body);
	}
	if (!request->form && count_of(form) == 0)
		return (struct text){0};
	header_add(headers, "Content-Type", TEXT("application/x-www-form-urlencoded"));
	return join(f->a, items_of(form), count_of(form));
}

/* Values stand in the URL's path percent-encoded only if the description says so: they are its
 * author's. */
static const char *make_url(
	struct sms_fill *f, const struct sms_request *request, const struct parameters *query)
{
	struct text url = fill_as(f, request->url, TEMPLATE_HEADER);
	struct text joined = join(f->a, items_of(query), count_of(query));
	bool has = text_find(url, '?', 0) < url.size;

	return arena_printf(f->a, "%.*s%s%.*s", TEXT_ARGS(url),
		joined.size == 0 ? ""
		: has            ? "&"
				 : "?",
		TEXT_ARGS(joined));
}

struct fetch_request *sms_compose(struct arena *a, const struct channel *channel,
	const struct sms_request *request, const struct message *message, int64_t now_ms)
{
	struct fetch_request *made = ARENA_NEW(a, struct fetch_request);
	struct parameters query = {{.arena = a}}, form = {{.arena = a}};
	struct header_list headers = {{.arena = a}};
	struct sms_fill f;

	begin(&f, a, channel, message, now_ms);
	add_all(&f, &query, request->query);
	add_all(&f, &form, request->form);
	const struct json *given = request->headers;
	for (const struct json *m = given ? given->first : NULL; m; m = m->next)
		header_add(&headers, arena_string(a, m->name),
			fill_as(&f, m->string, TEMPLATE_HEADER));
	sign(&f, request, &query, &form, &headers);
	made->method = request->method;
	made->url = make_url(&f, request, &query);
	made->body = make_body(&f, request, &form, &headers);
	made->headers = header_items(&headers, &made->header_count);
	made->connect_timeout_ms = CONNECT_MS;
	made->total_timeout_ms = channel->timeout_ms;
	made->response_limit = RESPONSE_MAX;
	return f.failed ? NULL : made;
}
