/* What is remembered of tokens. */
#include "server/auth/token/token_cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 8192, MANY = 40000 };

static void hash_of(int number, unsigned char hash[SECRET_HASH])
{
	secret_sha256((struct text){(const char *)&number, sizeof(number)}, hash);
}

static void put(int number, struct text name)
{
	unsigned char hash[SECRET_HASH];
	const struct verified v = {.who = {.name = name}, .kid = TEXT("k")};

	hash_of(number, hash);
	token_cache_put(hash, &v);
}

static const struct verified *get(struct arena *a, int number)
{
	unsigned char hash[SECRET_HASH];

	hash_of(number, hash);
	return token_cache_get(a, hash);
}

static void all_of_it_is_given_back(void **state)
{
	struct arena *a = arena_new(0);
	struct text roles[] = {TEXT("reader"), TEXT(""), TEXT("auditor")};
	unsigned char hash[SECRET_HASH];
	const struct verified v = {
		.who = {SUBJECT_USER, TEXT("corp:alice"), roles, 3, TEXT("https://corp"),
			TEXT("aud"), TEXT("id"), TEXT("session"), 17, 18},
		.algorithm = JWT_ES256,
		.kid = TEXT("kid"),
		.issuer = TEXT("corp"),
		.user_claim = TEXT("sub"),
		.roles_claim = TEXT("roles"),
		.generation = 19,
	};

	hash_of(1, hash);
	token_cache_put(hash, &v);
	roles[0] = TEXT("changed");
	const struct verified *got = token_cache_get(a, hash);
	assert_int_equal(got->who.kind, SUBJECT_USER);
	assert_true(text_equal(got->who.name, v.who.name));
	assert_int_equal(got->who.more_count, 3);
	assert_true(text_equal(got->who.more_roles[0], TEXT("reader")));
	assert_int_equal(got->who.more_roles[1].size, 0);
	assert_true(text_equal(got->who.more_roles[2], TEXT("auditor")));
	assert_true(text_equal(got->who.issuer, v.who.issuer));
	assert_true(text_equal(got->who.audience, v.who.audience));
	assert_true(text_equal(got->who.id, v.who.id));
	assert_true(text_equal(got->who.session, v.who.session));
	assert_int_equal(got->who.issued_s, 17);
	assert_int_equal(got->who.ends_s, 18);
	assert_int_equal(got->algorithm, JWT_ES256);
	assert_true(text_equal(got->kid, v.kid));
	assert_true(text_equal(got->issuer, v.issuer));
	assert_true(text_equal(got->user_claim, v.user_claim));
	assert_true(text_equal(got->roles_claim, v.roles_claim));
	assert_int_equal(got->generation, 19);
	arena_free(&a);
}

static void the_same_hash_is_replaced(void **state)
{
	struct arena *a = arena_new(0);

	put(1, TEXT("one"));
	put(1, TEXT("two"));
	assert_true(text_equal(get(a, 1)->who.name, TEXT("two")));
	assert_null(get(a, 2));
	assert_int_equal(token_cache_count(), 1);
	arena_free(&a);
}

static void it_does_not_grow_and_keeps_what_is_used(void **state)
{
	struct arena *a = arena_new(0);

	for (int i = 0; i < MANY; i++) {
		put(i, TEXT("name"));
		assert_non_null(get(a, 0));
		arena_clear(a);
	}
	assert_true(token_cache_count() > MOST * 9 / 10 && token_cache_count() <= MOST);
	assert_non_null(get(a, MANY - 1));
	arena_free(&a);
}

static void *use(void *arg)
{
	struct arena *a = arena_new(0);

	for (int i = 0; i < 2000; i++) {
		put(i % 50, TEXT("name"));
		const struct verified *v = get(a, (i * 7) % 50);
		if (v)
			assert_true(text_equal(v->who.name, TEXT("name")));
		arena_clear(a);
	}
	arena_free(&a);
	return NULL;
}

static void threads_may_use_it_at_once(void **state)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(token_cache_count(), 50);
}

static int begin(void **state)
{
	token_cache_start();
	return 0;
}

static int end(void **state)
{
	token_cache_stop();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_it_is_given_back),
		TEST(the_same_hash_is_replaced),
		TEST(it_does_not_grow_and_keeps_what_is_used),
		TEST(threads_may_use_it_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
