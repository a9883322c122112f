/* A target, then headers, "name: value" a line, are believed or refused. */
#include "base/check.h"
#include "bridge/front.h"
#include "bridge/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_line(struct front_headers *h, struct arena *a, struct text line)
{
	size_t colon = text_find(line, ':', 0);
	front_add_header(h, a, text_until(line, colon), text_trim(text_from(line, colon + 1)));
}

/* Headers of a reply are one line each, and only for a page of the configured origin. */
static void check_allowed(
	const struct front_policy *policy, const struct front_headers *h, struct arena *a)
{
	struct front_cors cors;
	front_allow_page(policy, h, a, "GET, OPTIONS", &cors);
	for (size_t i = 0; i < FRONT_CORS_COUNT; i++) {
		CHECK(h->cross_origin || !i || !cors.values[i]);
		CHECK(!cors.values[i] || !strpbrk(cors.values[i], "\r\n"));
	}
}

static void check_uri(struct text target, struct front_headers *h)
{
	struct uri uri;
	const char *reason = uri_split(target, &uri);
	CHECK(reason || uri.authority.size + uri.path.size + uri.query.size <= target.size + 1);
	h->target_size = target.size;
	h->authority = uri.authority;
}

/* What a request that passed promises to those behind. */
static void check_passed(const struct front_headers *h)
{
	CHECK(!h->authority.size || text_equal_nocase(h->authority, h->host));
	CHECK(h->count <= FRONT_HEADERS_MAX && !h->expects_more);
	CHECK(h->hosts == 1 && h->lengths + h->codings <= 1);
	for (size_t i = 0; i < h->metadata.count; i++) {
		const struct metadata *m = &h->metadata.items[i];
		CHECK(!text_starts(m->key, TEXT("grpc-")));
		for (size_t k = 0; k < m->value.size; k++)
			CHECK(m->value.data[k] >= ' ' && m->value.data[k] <= '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"junction.example", "[2001:db8::1]:80", NULL};
	static const char *const origins[] = {"https://console.example", NULL};
	static const struct front_policy policy = {hosts, origins, 1000};
	struct arena *a = arena_new(0);
	struct front_headers headers = {0};
	struct text rest = {(const char *)data, size};
	const char *reason;
	size_t first = text_find(rest, '\n', 0);
	check_uri(text_until(rest, first), &headers);
	rest = text_from(rest, first + 1);
	while (rest.size) {
		size_t end = text_find(rest, '\n', 0);
		add_line(&headers, a, text_until(rest, end));
		rest = text_from(rest, end + 1);
	}
	int http = front_check(&policy, &headers, TEXT("10.0.0.1"), &reason);
	CHECK((http == 0) == (reason == NULL));
	if (!http)
		check_passed(&headers);
	check_allowed(&policy, &headers, a);
	arena_free(&a);
	return 0;
}
