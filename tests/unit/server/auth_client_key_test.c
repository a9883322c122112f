/* The signatures expected were made by FATE Flow's own lines in Python:
 * b64encode(HMAC(b"secret", b"\n".join([...]), "sha1").digest()). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/auth/hook/client_key.h"

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static void assert_signed(
	const char *path, const char *body, const char *form, const char *expected)
{
	struct status status;
	const struct client_request request = {
		.timestamp = TEXT("1700000000000"),
		.nonce = TEXT("nonce"),
		.app_key = TEXT("app"),
		.path = text_of(path),
		.body = text_of(body),
		.form = form ? json_read(arena, text_of(form), &status) : NULL,
	};

	assert_string_equal(
		arena_string(arena, client_key_hmac(arena, TEXT("secret"), &request)), expected);
}

static void requests_are_signed_as_fate_flow_signs_them(void **state)
{
	assert_signed("/v1/job/submit", "", NULL, "YgPgXtSrFPkEefATzC4X4/h/ics=");
	assert_signed("/v1/job/submit?", "", "{}", "YgPgXtSrFPkEefATzC4X4/h/ics=");
	assert_signed("/v1/x?a=1?", "{\"a\": 1}", NULL, "84pMzZQRqpLFMPiNxANiwBPW/yA=");
	assert_signed("/v1/x", "", "{\"b\":\"1 &=/%\",\"a~-._\":\"\xe4\xbb\x8a\",\"B\":7}",
		"/o0VtLh1ql96wmQ3Fhc4NfPUyXw=");
}

static void only_the_same_texts_are_equal(void **state)
{
	assert_true(client_key_equal(TEXT("abc"), TEXT("abc")));
	assert_true(client_key_equal(TEXT(""), TEXT("")));
	assert_false(client_key_equal(TEXT("abc"), TEXT("abd")));
	assert_false(client_key_equal(TEXT("abc"), TEXT("ab")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_signed_as_fate_flow_signs_them),
		cmocka_unit_test(only_the_same_texts_are_equal),
	};

	return cmocka_run_group_tests(tests, start, end);
}
