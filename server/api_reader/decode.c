/* zlib takes its memory from the arena, so that there is nothing to be freed. */
#include "server/api_reader/decode.h"

#include <zlib.h>

#include "base/check.h"

enum { OUTPUT_SIZE = 128 * 1024, WINDOW_BITS = 15, WITH_GZIP = 16, GZIP_FIRST_BYTE = 0x1f };

struct decoder {
	struct arena *arena;
	const char *who;
	const char *encoding;
	bool gzip;
	bool started; /* zlib knows the format */
	bool full;    /* it may hold back output */
	bool ended;   /* at the end of a member, or of the whole */
	const char *broken;
	z_stream z;
	size_t kept; /* of an input that is too short to tell its format */
	unsigned char input[DECODE_INPUT_SIZE + 2];
	unsigned char output[OUTPUT_SIZE];
};

static void *take(void *arena, unsigned count, unsigned size)
{
	return arena_array(arena, count, size);
}

static void leave(void *arena, void *memory)
{
}

static bool is_named(struct text encoding, const char *name)
{
	return text_equal_nocase(encoding, text_of(name));
}

bool decoder_new(struct arena *a, const char *who, struct text encoding, struct decoder **d,
	struct status *status)
{
	bool gzip = is_named(encoding, "gzip") || is_named(encoding, "x-gzip");
	bool shown = encoding.size <= 64 && text_utf8_error(encoding) == encoding.size;

	*d = NULL;
	if (encoding.size == 0 || is_named(encoding, "identity"))
		return true;
	if (!gzip && !is_named(encoding, "deflate"))
		return status_set(status, a, STATUS_UNKNOWN,
			"%s answered with a Content-Encoding other than gzip or deflate: %.*s", who,
			TEXT_ARGS(shown ? encoding : TEXT("(unreadable)")));
	*d = arena_zero(a, sizeof(**d));
	(*d)->arena = a;
	(*d)->who = who;
	(*d)->encoding = gzip ? "gzip" : "deflate";
	(*d)->gzip = gzip;
	(*d)->z = (z_stream){.zalloc = take, .zfree = leave, .opaque = a};
	return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* RFC 1950: method 8, a window of at most 32 KiB, and a check over both bytes. */
static bool has_zlib_header(const unsigned char *b)
{
	return (b[0] & 0x0f) == 8 && b[0] >> 4 <= 7 && (b[0] << 8 | b[1]) % 31 == 0;
}

static int window_bits(const struct decoder *d)
{
	if (d->gzip)
		return WINDOW_BITS + WITH_GZIP;
	return has_zlib_header(d->z.next_in) ? WINDOW_BITS : -WINDOW_BITS;
}

void decoder_put(struct decoder *d, struct text piece)
{
	CHECK(d->z.avail_in == 0 && piece.size <= DECODE_INPUT_SIZE);
	memcpy(d->input + d->kept, piece.data, piece.size);
	d->z.next_in = d->input;
	d->z.avail_in = (unsigned)(d->kept + piece.size);
	d->kept = 0;
}

/* False: more is needed to tell the format. */
static bool start(struct decoder *d)
{
	if (!d->gzip && d->z.avail_in < 2) {
		d->kept = d->z.avail_in;
		d->z.avail_in = 0;
		return false;
	}
	CHECK(inflateInit2(&d->z, window_bits(d)) == Z_OK);
	d->started = true;
	return true;
}

/* Of what was taken in, zlib holds back what had no room. */
static bool has_work(struct decoder *d)
{
	if (d->broken || d->z.avail_out == 0)
		return false;
	if (d->z.avail_in == 0)
		return d->full;
	return d->started || start(d);
}

/* gzip goes on with another member; nothing may follow otherwise. */
static void go_on(struct decoder *d)
{
	d->ended = false;
	if (!d->gzip || *d->z.next_in != GZIP_FIRST_BYTE)
		d->broken = "something follows its end";
	else
		CHECK(inflateReset(&d->z) == Z_OK);
}

static void inflate_some(struct decoder *d)
{
	int result;

	if (d->ended)
		go_on(d);
	if (d->broken)
		return;
	result = inflate(&d->z, Z_NO_FLUSH);
	d->ended = result == Z_STREAM_END;
	d->full = !d->ended && d->z.avail_out == 0;
	/* Z_BUF_ERROR: it needs more than there is, of input or of room. */
	if (result != Z_OK && result != Z_BUF_ERROR && !d->ended)
		d->broken = d->z.msg ? d->z.msg : "it needs a dictionary";
}

bool decoder_read(struct decoder *d, struct text *out, struct status *status)
{
	d->z.next_out = d->output;
	d->z.avail_out = OUTPUT_SIZE;
	while (has_work(d))
		inflate_some(d);
	*out = (struct text){(const char *)d->output, OUTPUT_SIZE - d->z.avail_out};
	if (!d->broken || out->size > 0)
		return true;
	return status_set(status, d->arena, STATUS_DATA_LOSS,
		"the answer of %s is no proper %s: %s", d->who, d->encoding, d->broken);
}

bool decoder_hungry(const struct decoder *d)
{
	return !d->broken && !d->full && d->z.avail_in == 0;
}

bool decoder_end(struct decoder *d, struct status *status)
{
	/* Of an empty body there is nothing to undo. */
	if (d->ended || (!d->started && d->kept == 0))
		return true;
	return status_set(status, d->arena, STATUS_DATA_LOSS,
		"the answer of %s is cut short: its %s "
		"ends too early",
		d->who, d->encoding);
}
