/* Bytes: version, flags, six numbers with the highest byte first, a hash of the query, a signature
 * of all that. In base64 for URLs. */
#include "server/audit/point.h"

#include <openssl/evp.h>
#include <stdatomic.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/log.h"
#include "server/hmac.h"
#include "server/lane/errand.h"

#define FIELD "continuationPoint"

enum {
	AGAIN_MS = 500,
	KEY_SIZE = 32,
	VERSION = 1,
	BEFORE_NEXT = 1, /* flags */
	BEHIND_PREV = 2,
	HASH_SIZE = 16, /* of what SHA-256 gives */
	NUMBERS_AT = 2,
	QUERY_AT = NUMBERS_AT + 6 * 8,
	SIGNATURE_AT = QUERY_AT + HASH_SIZE,
	POINT_SIZE = SIGNATURE_AT + HASH_SIZE,
};

static struct {
	struct errand errand;
	struct loop_task starting;
	struct loop_timer *next;
	unsigned char key[KEY_SIZE];
	atomic_bool ready;
} points;

/* --- hashes ----------------------------------------------------------------------------------- */

static void hash_query(struct text query, unsigned char hash[EVP_MAX_MD_SIZE])
{
	CHECK(EVP_Digest(query.data, query.size, hash, NULL, EVP_sha256(), NULL));
}

static void sign(const unsigned char *bytes, unsigned char signature[EVP_MAX_MD_SIZE])
{
	const struct text key = {(const char *)points.key, KEY_SIZE};
	const struct text signed_bytes = {(const char *)bytes, SIGNATURE_AT};

	CHECK(point_ready());
	hmac(HMAC_SHA256, key, signed_bytes, signature);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_key(struct buffer *b, struct scan_key key)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buffer_add_char(b, (char)((uint64_t)key.time >> shift));
	for (int shift = 56; shift >= 0; shift -= 8)
		buffer_add_char(b, (char)((uint64_t)key.position >> shift));
}

char *point_write(struct arena *a, const struct point *point, struct text query)
{
	struct buffer bytes = {.arena = a}, out = {.arena = a};
	unsigned char hash[EVP_MAX_MD_SIZE];

	buffer_add_char(&bytes, VERSION);
	buffer_add_char(&bytes, (char)((point->before_next ? BEFORE_NEXT : 0) |
					(point->behind_prev ? BEHIND_PREV : 0)));
	add_key(&bytes, point->end);
	add_key(&bytes, point->lowest);
	add_key(&bytes, point->highest);
	hash_query(query, hash);
	buffer_add(&bytes, hash, HASH_SIZE);
	sign((const unsigned char *)bytes.data, hash);
	buffer_add(&bytes, hash, HASH_SIZE);
	base64_write_url(&out, buffer_text(&bytes));
	return arena_string(a, buffer_text(&out));
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct scan_key read_key(const unsigned char **at)
{
	uint64_t numbers[2] = {0};

	for (int i = 0; i < 16; i++)
		numbers[i / 8] = numbers[i / 8] << 8 | *(*at)++;
	return (struct scan_key){(int64_t)numbers[0], (int64_t)numbers[1]};
}

bool point_read(struct arena *a, const char *given, struct text query, struct point *point,
	struct status *status)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct text read;

	if (!base64_read(a, text_of(given), &read) || read.size != POINT_SIZE)
		return status_field(status, a, FIELD, "is not one of this service's");
	const unsigned char *bytes = (const unsigned char *)read.data, *at = bytes + NUMBERS_AT;
	sign(bytes, hash);
	if (!hmac_equal(hash, bytes + SIGNATURE_AT, HASH_SIZE) || bytes[0] != VERSION)
		return status_field(status, a, FIELD, "is not one of this service's");
	hash_query(query, hash);
	if (memcmp(hash, bytes + QUERY_AT, HASH_SIZE) != 0)
		return status_field(status, a, FIELD, "belongs to another query");
	point->before_next = bytes[1] & BEFORE_NEXT;
	point->behind_prev = bytes[1] & BEHIND_PREV;
	point->end = read_key(&at);
	point->lowest = read_key(&at);
	point->highest = read_key(&at);
	return true;
}

/* --- the key ---------------------------------------------------------------------------------- */

static const struct statement load_key = {
	.name = "audit_load_page_key",
	.sql = "SELECT encode(secret, 'base64') FROM audit.page_key WHERE octet_length(secret) = "
	       "32",
};

void point_use_key(struct text key)
{
	CHECK(key.size == KEY_SIZE);
	memcpy(points.key, key.data, KEY_SIZE);
	atomic_store(&points.ready, true);
}

bool point_ready(void)
{
	return atomic_load(&points.ready);
}

static void load(void *arg)
{
	loop_timer_stop(&points.next);
	errand_begin(&points.errand);
	errand_send(&points.errand, &load_key, NULL);
}

static void read_loaded(struct errand *e, const struct rows *rows)
{
	struct text key;

	if (rows_count(rows) > 0 && base64_read(e->arena, rows_text(rows, 0, 0), &key))
		point_use_key(key);
	else
		log_event(LOG_ERROR, "audit.page_key has no secret of 32 bytes");
}

static void loaded(struct errand *e)
{
	if (!point_ready())
		points.next = loop_after(e->home, AGAIN_MS, load, NULL);
}

static void start(struct loop_task *task)
{
	load(NULL);
}

void point_start(struct lanes *lanes)
{
	points.errand = (struct errand){
		.lanes = lanes,
		.home = lane_loop(lanes, 0),
		.read = read_loaded,
		.landed = loaded,
	};
	points.starting.run = start;
	loop_post(points.errand.home, &points.starting);
}

void point_stop(void)
{
	errand_end(&points.errand);
	OPENSSL_cleanse(points.key, KEY_SIZE);
	atomic_store(&points.ready, false);
}
