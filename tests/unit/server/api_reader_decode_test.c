/* What a Content-Encoding hides, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>

#include "server/api_reader/decode.h"

enum { LARGE = 3 * 1000 * 1000, GZIP = 15 + 16, ZLIB = 15, RAW = -15 };

static struct arena *arena;
static struct status status;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static struct text packed(struct text plain, int bits)
{
	size_t room = plain.size + plain.size / 100 + 100;
	char *bytes = arena_alloc(arena, room);
	z_stream z = {.next_in = (unsigned char *)plain.data,
		.avail_in = (unsigned)plain.size,
		.next_out = (unsigned char *)bytes,
		.avail_out = (unsigned)room};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct text){bytes, room - z.avail_out};
}

static struct text joined(struct text a, struct text b)
{
	struct buffer both = {.arena = arena};

	buffer_add_text(&both, a);
	buffer_add_text(&both, b);
	return buffer_text(&both);
}

static struct decoder *fresh(const char *encoding)
{
	struct decoder *d;

	assert_true(decoder_new(arena, "t.download", text_of(encoding), &d, &status));
	assert_non_null(d);
	return d;
}

/* All of it, whatever goes wrong after it; false with the status then. */
static bool unpack(struct decoder *d, struct text bytes, size_t piece, struct buffer *out)
{
	struct text some;

	for (size_t at = 0; at < bytes.size; at += piece) {
		size_t left = bytes.size - at;

		decoder_put(d, (struct text){bytes.data + at, left < piece ? left : piece});
		do {
			if (!decoder_read(d, &some, &status))
				return false;
			buffer_add_text(out, some);
		} while (some.size > 0);
		assert_true(decoder_hungry(d));
	}
	return decoder_end(d, &status);
}

static void assert_unpacks(const char *encoding, struct text bytes, struct text plain)
{
	static const size_t pieces[] = {1, 2, 3, 7, 1000, 4096, DECODE_INPUT_SIZE};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct buffer out = {.arena = arena};

		if (!unpack(fresh(encoding), bytes, pieces[i], &out))
			fail_msg("pieces of %zu: %s", pieces[i], status.message);
		assert_true(text_equal(buffer_text(&out), plain));
	}
}

static void assert_broken(
	const char *encoding, struct text bytes, struct text before, const char *message)
{
	for (size_t piece = 1; piece <= DECODE_INPUT_SIZE; piece *= 16) {
		struct buffer out = {.arena = arena};

		assert_false(unpack(fresh(encoding), bytes, piece, &out));
		assert_int_equal(status.code, STATUS_DATA_LOSS);
		assert_string_equal(status.message, message);
		assert_true(text_equal(buffer_text(&out), before));
	}
}

/* --- what is right ---------------------------------------------------------------------------- */

static struct text table(size_t size)
{
	char *bytes = arena_alloc(arena, size);
	unsigned seed = 1;

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (char)('0' + (seed >> 16) % 16);
	}
	return (struct text){bytes, size};
}

static struct text zeros(size_t size)
{
	return (struct text){arena_zero(arena, size), size};
}

static void each_format_is_undone(void **state)
{
	struct text plain = table(200000);

	assert_unpacks("gzip", packed(plain, GZIP), plain);
	assert_unpacks("X-GZip", packed(plain, GZIP), plain);
	assert_unpacks("deflate", packed(plain, ZLIB), plain);
	assert_unpacks("Deflate", packed(plain, RAW), plain);
	assert_unpacks("gzip", packed(TEXT(""), GZIP), TEXT(""));
	assert_unpacks("deflate", packed(TEXT(""), RAW), TEXT(""));
}

static void an_empty_body_is_an_empty_table(void **state)
{
	assert_unpacks("gzip", TEXT(""), TEXT(""));
	assert_unpacks("deflate", TEXT(""), TEXT(""));
}

static void gzip_may_have_several_members(void **state)
{
	struct text one = table(100000), two = TEXT("two\n");
	struct text bytes = joined(packed(one, GZIP), packed(TEXT(""), GZIP));

	assert_unpacks("gzip", joined(bytes, packed(two, GZIP)), joined(one, two));
}

static void what_grows_a_thousandfold_comes_in_small_steps(void **state)
{
	struct text plain = zeros(64 * 1024 * 1024), bytes = packed(plain, GZIP), some;
	struct decoder *d = fresh("gzip");
	size_t total = 0;

	assert_true(bytes.size <= 2 * DECODE_INPUT_SIZE);
	for (size_t at = 0; at < bytes.size; at += DECODE_INPUT_SIZE) {
		size_t left = bytes.size - at;
		size_t used = arena_used(arena);

		decoder_put(d, (struct text){bytes.data + at,
				       left < DECODE_INPUT_SIZE ? left : DECODE_INPUT_SIZE});
		do {
			assert_true(decoder_read(d, &some, &status));
			assert_true(some.size <= 128 * 1024);
			total += some.size;
		} while (!decoder_hungry(d));
		assert_true(arena_used(arena) - used < 100 * 1024);
	}
	assert_true(decoder_end(d, &status));
	assert_int_equal(total, plain.size);
}

/* --- what is not ------------------------------------------------------------------------------ */

static void what_is_cut_short_is_lost_after_what_came(void **state)
{
	struct text plain = table(100000), bytes = packed(plain, GZIP);
	struct text bytes_zlib = packed(plain, ZLIB);

	assert_broken("gzip", text_until(bytes, bytes.size - 1), plain,
		"the answer of t.download is cut short: its gzip ends too early");
	assert_broken("gzip", text_until(bytes, 5), TEXT(""),
		"the answer of t.download is cut short: its gzip ends too early");
	assert_broken("deflate", text_until(bytes_zlib, bytes_zlib.size - 4), plain,
		"the answer of t.download is cut short: its deflate ends too early");
	assert_broken("deflate", text_until(bytes_zlib, 1), TEXT(""),
		"the answer of t.download is cut short: its deflate ends too early");
}

static void what_follows_the_end_is_refused(void **state)
{
	struct text plain = TEXT("id,x\n1,2\n");

	assert_broken("gzip", joined(packed(plain, GZIP), TEXT("garbage")), plain,
		"the answer of t.download is no proper gzip: something follows its end");
	assert_broken("gzip", joined(packed(plain, GZIP), zeros(512)), plain,
		"the answer of t.download is no proper gzip: something follows its end");
	assert_broken("deflate", joined(packed(plain, ZLIB), packed(plain, ZLIB)), plain,
		"the answer of t.download is no proper deflate: something follows its end");
}

static void what_is_broken_is_refused(void **state)
{
	struct text plain = table(100000), bytes = packed(plain, GZIP);
	char *wrong = arena_string(arena, bytes);

	wrong[bytes.size - 8] ^= 1;
	assert_broken("gzip", (struct text){wrong, bytes.size}, plain,
		"the answer of t.download is no proper gzip: incorrect data check");
	assert_broken("gzip", plain, TEXT(""),
		"the answer of t.download is no proper gzip: incorrect header check");
	assert_broken("gzip", packed(plain, ZLIB), TEXT(""),
		"the answer of t.download is no proper gzip: incorrect header check");
}

static void assert_no_encoding(const char *encoding, const char *message)
{
	struct decoder *d;

	assert_false(decoder_new(arena, "t.download", text_of(encoding), &d, &status));
	assert_int_equal(status.code, STATUS_UNKNOWN);
	assert_string_equal(status.message, message);
}

static void other_encodings_are_refused_by_name(void **state)
{
	struct decoder *d;

	assert_no_encoding(
		"br", "t.download answered with a Content-Encoding other than gzip or deflate: br");
	assert_no_encoding("gzip, gzip", "t.download answered with a Content-Encoding other than "
					 "gzip or deflate: gzip, gzip");
	assert_no_encoding("\xff", "t.download answered with a Content-Encoding other than gzip or "
				   "deflate: (unreadable)");
	assert_true(decoder_new(arena, "t.download", TEXT("Identity"), &d, &status));
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_is_undone),
		cmocka_unit_test(an_empty_body_is_an_empty_table),
		cmocka_unit_test(gzip_may_have_several_members),
		cmocka_unit_test(what_grows_a_thousandfold_comes_in_small_steps),
		cmocka_unit_test(what_is_cut_short_is_lost_after_what_came),
		cmocka_unit_test(what_follows_the_end_is_refused),
		cmocka_unit_test(what_is_broken_is_refused),
		cmocka_unit_test(other_encodings_are_refused_by_name),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
