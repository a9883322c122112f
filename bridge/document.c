/*
 * A document is a method without messages and the bytes that it answers with. The router knows only
 * segments, so every .proto file has a route of its own.
 *
 * The page may load what this bridge serves and nothing else, runs no inline script and stands in
 * no frame; the other documents get the same headers, which mean nothing to them.
 */
#include "bridge/document.h"

#include <stdio.h>

#include "base/json.h"

struct document {
	struct api_method method;
	struct api_route route;
	struct text content;
	const char *type;
	char etag[sizeof("\"0123456789abcdef\"")];
	struct reply_header headers[6];
};

struct documents {
	struct arena *arena;
	struct document *list;
	size_t count;
};

/* Of page.S. */
extern const char page_html[], page_style[], page_script[];

static const char POLICY[] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
			     "'self'; img-src data:; "
			     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* FNV-1a. */
static uint64_t hash(struct text t)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < t.size; i++)
		h = (h ^ (unsigned char)t.data[i]) * 0x100000001b3;
	return h;
}

static void add(struct documents *d, const char *path, const char *type, struct text content)
{
	struct document *new = &d->list[d->count++];
	new->route = (struct api_route){"GET", path, API_BODY_NONE, API_BODY_ALL};
	new->method = (struct api_method){.routes = &new->route, .route_count = 1};
	new->content = content;
	new->type = type;
	snprintf(new->etag, sizeof(new->etag), "\"%016llx\"", (unsigned long long)hash(content));
	const struct reply_header headers[] = {
		{"ETag", new->etag},
		{"Cache-Control", "no-cache"}, /* kept, but asked for each time */
		{"Content-Security-Policy", POLICY},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{NULL, NULL},
	};
	memcpy(new->headers, headers, sizeof(headers));
}

/* [{"name":"google/api/http.proto","size":123,"uri":"/protos/google/api/http.proto"}] */
static struct text list_files(struct arena *a)
{
	struct buffer out = {.arena = a};
	buffer_add_char(&out, '[');
	for (size_t i = 0; i < api_file_count; i++) {
		const struct api_file *f = &api_files[i];
		json_write_comma(&out);
		buffer_printf(&out, "{\"name\":\"%s\",\"size\":%zu,\"uri\":\"/protos/%s\"}",
			f->name, f->source.size, f->name);
	}
	buffer_add_char(&out, ']');
	return buffer_text(&out);
}

struct documents *documents_new(void)
{
	enum { SINGLE = 6 };
	static const char json[] = "application/json; charset=utf-8";
	struct arena *a = arena_new(0);
	struct documents *d = ARENA_NEW(a, struct documents);
	d->arena = a;
	d->list = arena_array(a, SINGLE + api_file_count, sizeof(struct document));
	add(d, "/openapi.json", json, api_openapi);
	add(d, "/docs", "text/html; charset=utf-8", text_of(page_html));
	add(d, "/docs/style.css", "text/css; charset=utf-8", text_of(page_style));
	add(d, "/docs/script.js", "text/javascript; charset=utf-8", text_of(page_script));
	add(d, "/descriptor-set", "application/x-protobuf", api_descriptor_set);
	add(d, "/protos", json, list_files(a));
	for (size_t i = 0; i < api_file_count; i++)
		add(d, arena_printf(a, "/protos/%s", api_files[i].name),
			"text/plain; charset=utf-8", api_files[i].source);
	return d;
}

void documents_free(struct documents **d)
{
	struct arena *a = *d ? (*d)->arena : NULL;
	*d = NULL;
	arena_free(&a);
}

void documents_add_routes(const struct documents *d, struct router *router)
{
	for (size_t i = 0; i < d->count; i++)
		router_add(router, &d->list[i].method, 1);
}

const struct document *documents_find(const struct documents *d, const struct api_method *method)
{
	for (size_t i = 0; d && i < d->count; i++)
		if (method == &d->list[i].method)
			return &d->list[i];
	return NULL;
}

/* A list of tags, each perhaps marked as weak, or "*". */
static bool is_listed(struct text list, struct text etag)
{
	while (list.size) {
		size_t end = text_find(list, ',', 0);
		struct text tag = text_trim(text_until(list, end));
		if (text_starts(tag, TEXT("W/")))
			tag = text_from(tag, 2);
		if (text_equal(tag, etag) || text_equal(tag, TEXT("*")))
			return true;
		list = text_from(list, end + 1);
	}
	return false;
}

void document_reply(const struct document *d, struct text if_none_match, struct reply *r)
{
	bool unchanged = is_listed(if_none_match, text_of(d->etag));
	*r = (struct reply){
		.http = unchanged ? 304 : 200,
		.body = unchanged ? TEXT("") : d->content,
		.content_type = d->type,
		.headers = d->headers,
	};
}
