/* The key of links, and what is made with it. */
#include "server/notice/inbox/receipt.h"

#include "base/base64.h"
#include "base/check.h"
#include "server/hmac.h"
#include "server/lane/errand.h"
#include "server/notice/inbox/telling.h"

enum { AGAIN_MS = 500, POSITION_BYTES = 8, MAC_BYTES = 16, TOKEN_TEXT = 32 };

static const struct statement load_key = {
	.name = "notice_link_key",
	.sql = "SELECT encode(key, 'base64') FROM notice.link_key",
	.parameters = 0,
};

static struct {
	struct errand errand; /* first */
	struct loop_task starting;
	struct loop_timer *again;
	const char *public_url;
	char key[RECEIPT_KEY];
	atomic_bool ready;
} links;

/* --- the key ---------------------------------------------------------------------------------- */

static void load(void *arg)
{
	loop_timer_stop(&links.again);
	errand_begin(&links.errand);
	errand_send(&links.errand, &load_key, NULL);
}

static void read_key(struct errand *e, const struct rows *rows)
{
	struct text key;

	CHECK(base64_read(e->arena, rows_text(rows, 0, 0), &key) && key.size == RECEIPT_KEY);
	memcpy(links.key, key.data, key.size);
	arena_wipe(e->arena);
	atomic_store(&links.ready, true);
}

static void landed(struct errand *e)
{
	if (!receipt_ready())
		links.again = loop_after(e->home, AGAIN_MS, load, NULL);
}

static void begin(struct loop_task *task)
{
	load(NULL);
}

bool receipt_ready(void)
{
	return atomic_load(&links.ready);
}

void receipt_start(struct lanes *lanes, struct loop *home, const struct notice_options *options)
{
	links.errand =
		(struct errand){.lanes = lanes, .home = home, .read = read_key, .landed = landed};
	links.public_url = options->public_url;
	links.starting.run = begin;
	loop_post(home, &links.starting);
	telling_start(lanes, home, options->tell);
}

void receipt_stop(void)
{
	telling_stop();
	errand_end(&links.errand);
	explicit_bzero(links.key, sizeof(links.key));
	atomic_store(&links.ready, false);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void write_token(int64_t position, unsigned char bytes[POSITION_BYTES + MAC_BYTES])
{
	unsigned char mac[HMAC_MOST];

	CHECK(receipt_ready());
	for (int i = 0; i < POSITION_BYTES; i++)
		bytes[i] = (unsigned char)((uint64_t)position >> (8 * (POSITION_BYTES - 1 - i)));
	hmac(HMAC_SHA256, (struct text){links.key, RECEIPT_KEY},
		(struct text){(const char *)bytes, POSITION_BYTES}, mac);
	memcpy(bytes + POSITION_BYTES, mac, MAC_BYTES);
}

struct text receipt_link(struct arena *a, int64_t position)
{
	unsigned char token[POSITION_BYTES + MAC_BYTES];
	struct buffer link = {.arena = a};

	if (!links.public_url)
		return TEXT("");
	write_token(position, token);
	buffer_printf(&link, "%s/v1/notice/receipt/", links.public_url);
	base64_write_url(&link, (struct text){(const char *)token, sizeof(token)});
	return arena_text(a, buffer_text(&link));
}

bool receipt_read_token(struct text token, int64_t *position)
{
	unsigned char right[POSITION_BYTES + MAC_BYTES];
	struct arena *a = arena_new(0);
	struct text given;
	uint64_t number = 0;
	bool ours = false;

	if (token.size == TOKEN_TEXT && base64_read_url(a, token, &given)) {
		for (int i = 0; i < POSITION_BYTES; i++)
			number = number << 8 | (unsigned char)given.data[i];
		*position = (int64_t)number;
		write_token(*position, right);
		ours = hmac_equal((const unsigned char *)given.data, right, sizeof(right));
	}
	arena_free(&a);
	return ours;
}
