/* Sealing, with libsodium itself as the one who opens. */
#include "server/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/base64.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" /* 0, 1, 2, ... 31 */
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=" /* 32, 33, ... 63 */
#define BOTH  "a " KEY_A "\nb " KEY_B "\n"

static struct arena *a;
static char path[64];

static int set_up(void **state)
{
	a = arena_new(0);
	snprintf(path, sizeof(path), "/tmp/jt-seal-%d", (int)getpid());
	return 0;
}

static int tear_down(void **state)
{
	seal_stop();
	arena_free(&a);
	unlink(path);
	return 0;
}

static void write_file(const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* What is logged meanwhile. */
static struct text logged_by(bool (*run)(const char *file), const char *file, bool *good)
{
	static char text[4096];
	FILE *log = tmpfile();
	int old = dup(2);

	assert_true(log && dup2(fileno(log), 2) >= 0);
	*good = run(file);
	assert_true(dup2(old, 2) >= 0);
	close(old);
	rewind(log);
	size_t size = fread(text, 1, sizeof(text) - 1, log);
	fclose(log);
	text[size] = '\0';
	return (struct text){text, size};
}

/* As at a start of the server. */
static struct text start_with(const char *text, bool *good)
{
	seal_stop();
	write_file(text, strlen(text));
	return logged_by(seal_start, path, good);
}

static void use(const char *text)
{
	bool good;
	struct text log = start_with(text, &good);

	assert_string_equal(log.data, "");
	assert_true(good);
}

static struct text opened(struct text id, struct text key_id, struct text sealed)
{
	return seal_open(a, id, key_id, sealed);
}

/* --- at rest ---------------------------------------------------------------------------------- */

static void what_was_sealed_is_opened(void **state)
{
	static char large[100000];
	const struct text datas[] = {TEXT("{\"a\":1}"), TEXT("null"), TEXT("\"\\u0000\""), TEXT(""),
		{large, sizeof(large)}};
	struct text key_id;

	memset(large, 'x', sizeof(large));
	use(BOTH);
	assert_true(seal_available());
	for (size_t i = 0; i < sizeof(datas) / sizeof(datas[0]); i++) {
		struct text sealed = seal_data(a, TEXT("id-1"), datas[i], &key_id);
		struct text data = opened(TEXT("id-1"), key_id, sealed);

		assert_string_equal(key_id.data, "b");
		assert_non_null(data.data);
		assert_true(text_equal(data, datas[i]));
		assert_int_equal(data.data[data.size], '\0');
		assert_int_equal(sealed.size, 24 + datas[i].size + 16);
	}
}

static void it_is_what_the_header_says(void **state)
{
	struct text key_id, data = TEXT("{\"a\":1}"), id = TEXT("id-1");
	unsigned char key[32], plain[64];
	unsigned long long size;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(32 + i);
	use(BOTH);
	struct text sealed = seal_data(a, id, data, &key_id);
	const unsigned char *bytes = (const unsigned char *)sealed.data;
	assert_int_equal(
		crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &size, NULL, bytes + 24,
			sealed.size - 24, (const unsigned char *)id.data, id.size, bytes, key),
		0);
	assert_int_equal(size, data.size);
	assert_memory_equal(plain, data.data, data.size);
}

static void no_nonce_comes_twice(void **state)
{
	struct text key_id, one, other;

	use(BOTH);
	one = seal_data(a, TEXT("id"), TEXT("1"), &key_id);
	other = seal_data(a, TEXT("id"), TEXT("1"), &key_id);
	assert_memory_not_equal(one.data, other.data, 24);
}

static void anything_else_is_not_opened(void **state)
{
	struct text key_id, sealed;

	use(BOTH);
	sealed = seal_data(a, TEXT("id-1"), TEXT("{\"a\":1}"), &key_id);
	assert_null(opened(TEXT("id-2"), key_id, sealed).data);
	assert_null(opened(TEXT("id-1"), TEXT("a"), sealed).data);
	assert_null(opened(TEXT("id-1"), TEXT("c"), sealed).data);
	assert_null(opened(TEXT("id-1"), TEXT(""), sealed).data);
	for (size_t size = 0; size < sealed.size; size++)
		assert_null(opened(TEXT("id-1"), key_id, text_until(sealed, size)).data);
	for (size_t i = 0; i < sealed.size; i++) {
		struct text other = arena_text(a, sealed);

		((char *)other.data)[i] ^= 1;
		assert_null(opened(TEXT("id-1"), key_id, other).data);
	}
}

static void an_old_key_still_opens(void **state)
{
	struct text key_id, sealed;

	use("a " KEY_A "\n");
	sealed = seal_data(a, TEXT("id"), TEXT("7"), &key_id);
	key_id = arena_text(a, key_id);
	use(BOTH);
	assert_true(text_equal(opened(TEXT("id"), key_id, sealed), TEXT("7")));
	use("b " KEY_B "\n");
	assert_null(opened(TEXT("id"), key_id, sealed).data);
}

/* --- the key file ----------------------------------------------------------------------------- */

static void without_a_file_there_are_no_keys(void **state)
{
	seal_stop();
	assert_true(seal_start(NULL));
	assert_false(seal_available());
	assert_null(opened(TEXT("id"), TEXT("a"), TEXT("0123456789012345678901234567890123456789"))
			    .data);
}

static void comments_blanks_and_line_ends(void **state)
{
	struct text key_id;

	use("# the keys\r\n\r\n  a   " KEY_A "  # old\r\n#b " KEY_B "\n\n\t b-2:x " KEY_B);
	seal_data(a, TEXT("id"), TEXT("7"), &key_id);
	assert_string_equal(key_id.data, "b-2:x");
}

static void a_bad_line_is_named_and_not_shown(void **state)
{
	static const struct {
		const char *text, *line, *rule;
	} files[] = {
		{"", NULL, "must hold a key"},
		{"# nothing\n\n", NULL, "must hold a key"},
		{"a " KEY_A "\na " KEY_B "\n", "line=2", "this name has a key already"},
		{"a " KEY_A "\n\n# x\nb SECRET\n", "line=4", "base64 of 32 bytes"},
		{"a\n", "line=1", "base64 of 32 bytes"},
		{KEY_A "\n", "line=1", "base64 of 32 bytes"},
		{"a " KEY_A "SECRET\n", "line=1", "base64 of 32 bytes"},
		{"a " KEY_A " SECRET\n", "line=1", "base64 of 32 bytes"},
		{"a U0VDUkVU\n", "line=1", "base64 of 32 bytes"},
		{"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", "line=1", "base64 of 32 bytes"},
		{"a\t" KEY_A "\n", "line=1", "visible ASCII"},
		{"SECRET\x7f " KEY_A "\n", "line=1", "visible ASCII"},
		{"SECR\xc3\xa9T " KEY_A "\n", "line=1", "visible ASCII"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool good;
		struct text log = start_with(files[i].text, &good);

		assert_false(good);
		assert_false(seal_available());
		assert_non_null(strstr(log.data, path));
		assert_non_null(strstr(log.data, files[i].rule));
		assert_true(!files[i].line || strstr(log.data, files[i].line));
		assert_null(strstr(log.data, "SECR"));
		assert_null(strstr(log.data, "AAEC"));
	}
}

static void a_name_has_255_characters(void **state)
{
	bool good;
	char *longest = arena_printf(a, "%0255d " KEY_A "\n", 7);
	char *too_long = arena_printf(a, "%0256d " KEY_A "\n", 7);
	struct text key_id;

	use(longest);
	seal_data(a, TEXT("id"), TEXT("7"), &key_id);
	assert_int_equal(key_id.size, 255);
	start_with(too_long, &good);
	assert_false(good);
}

static void a_file_that_cannot_be_read(void **state)
{
	bool good;

	seal_stop();
	unlink(path);
	struct text log = logged_by(seal_start, path, &good);
	assert_false(good);
	assert_non_null(strstr(log.data, path));
	assert_non_null(strstr(log.data, "No such file"));
	write_file("a \0 b", 5);
	assert_non_null(strstr(logged_by(seal_start, path, &good).data, "is no text file"));
	assert_false(good);
}

static void a_file_that_all_may_read_is_told_of(void **state)
{
	bool good;

	seal_stop();
	write_file(BOTH, strlen(BOTH));
	assert_int_equal(chmod(path, 0604), 0);
	struct text log = logged_by(seal_start, path, &good);
	assert_true(good);
	assert_non_null(strstr(log.data, "everybody may read"));
	assert_non_null(strstr(log.data, path));
}

/* --- hashes ----------------------------------------------------------------------------------- */

static void a_hash_needs_the_first_key(void **state)
{
	unsigned char open[SEAL_HASH], one[SEAL_HASH], again[SEAL_HASH], other[SEAL_HASH];

	seal_stop();
	assert_true(seal_start(NULL));
	seal_hash(TEXT("x"), open);
	use("a " KEY_A "\n");
	seal_hash(TEXT("x"), one);
	seal_hash(TEXT("y"), other);
	assert_memory_not_equal(one, other, SEAL_HASH);
	assert_memory_not_equal(one, open, SEAL_HASH);
	use(BOTH);
	seal_hash(TEXT("x"), again);
	assert_memory_equal(one, again, SEAL_HASH);
	use("b " KEY_B "\n");
	seal_hash(TEXT("x"), other);
	assert_memory_not_equal(one, other, SEAL_HASH);
	seal_stop();
	assert_true(seal_start(NULL));
	seal_hash(TEXT("x"), again);
	assert_memory_equal(open, again, SEAL_HASH);
}

/* --- boxes ------------------------------------------------------------------------------------ */

static void a_box_opens_with_the_private_key(void **state)
{
	unsigned char public_key[crypto_box_PUBLICKEYBYTES], private_key[crypto_box_SECRETKEYBYTES];
	struct text data = TEXT("{\"n\":12345678901234567890}"), box;
	unsigned char plain[64];

	assert_true(seal_start(NULL));
	crypto_box_keypair(public_key, private_key);
	assert_true(base64_read(a, seal_box(a, public_key, data), &box));
	assert_int_equal(box.size, data.size + crypto_box_SEALBYTES);
	assert_int_equal(crypto_box_seal_open(plain, (const unsigned char *)box.data, box.size,
				 public_key, private_key),
		0);
	assert_memory_equal(plain, data.data, data.size);
}

static void there_is_no_box_for_a_key_that_nobody_has(void **state)
{
	static const unsigned char nothing[SEAL_PUBLIC_KEY];

	assert_true(seal_start(NULL));
	assert_int_equal(seal_box(a, nothing, TEXT("1")).size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_is_opened),
		cmocka_unit_test(it_is_what_the_header_says),
		cmocka_unit_test(no_nonce_comes_twice),
		cmocka_unit_test(anything_else_is_not_opened),
		cmocka_unit_test(an_old_key_still_opens),
		cmocka_unit_test(without_a_file_there_are_no_keys),
		cmocka_unit_test(comments_blanks_and_line_ends),
		cmocka_unit_test(a_bad_line_is_named_and_not_shown),
		cmocka_unit_test(a_name_has_255_characters),
		cmocka_unit_test(a_file_that_cannot_be_read),
		cmocka_unit_test(a_file_that_all_may_read_is_told_of),
		cmocka_unit_test(a_hash_needs_the_first_key),
		cmocka_unit_test(a_box_opens_with_the_private_key),
		cmocka_unit_test(there_is_no_box_for_a_key_that_nobody_has),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
