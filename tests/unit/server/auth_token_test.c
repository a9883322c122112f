/* Access tokens of Junction's own, against a directory that is made of states as auth.states()
 * gives them. Those of outside issuers: service/issuer_test.py. */
#include "server/auth/token/token_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ISSUER  "junction.test"
#define NEVER   "null"
#define SESSION "5f0c0000-0000-4000-8000-000000000001"

static struct arena *arena;
static const struct directory *directory;
static struct text public_jwk, private_jwk;
static struct jwt_key *private_key;
static int64_t now;

static void put(const char *kind, const char *name, const char *state)
{
	const struct directory *old = directory;
	struct directory_change change = {text_of(kind), text_of(name), text_of(state)};

	directory = directory_make(old, &change, 1, 1);
	directory_release(&old);
}

static void put_subject(const char *kind, const char *name, bool disabled)
{
	put(kind, name,
		arena_printf(arena, "{\"disabled\":%s,\"roles\":[],\"groups\":[]}",
			disabled ? "true" : "false"));
}

static void put_key(const char *id, int64_t signs_from_s, const char *verifies_until)
{
	put("token_key", id,
		arena_printf(arena,
			"{\"algorithm\":\"EdDSA\",\"publicJwk\":%s,\"privateJwk\":%s,"
			"\"createdAt\":0,\"signsFrom\":%lld,\"verifiesUntil\":%s}",
			public_jwk.data, private_jwk.data, (long long)signs_from_s * 1000,
			verifies_until));
}

static const char *at(int64_t seconds)
{
	return arena_printf(arena, "%lld", (long long)seconds);
}

/* "'" stands for the quote. */
static struct text sign(const char *claims)
{
	char *json = arena_string(arena, text_of(claims));

	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return jwt_sign(arena, private_key, JWT_EDDSA, TEXT("one"), text_of(json));
}

/* What a token of alice's says; more: members that are added. */
static const char *claims(const char *more)
{
	static int count;

	return arena_printf(arena,
		"{'iss':'" ISSUER "','aud':'" ISSUER "','sub':'user:alice','iat':%lld,'nbf':%lld,"
		"'exp':%lld,'jti':'t%d','sid':'" SESSION "'%s}",
		(long long)now, (long long)now, (long long)now + 60, count++, more);
}

/* The same with one member in the place of another. */
static struct text sign_but(const char *member, const char *with)
{
	const char *all = claims("");
	const char *from = strstr(all, arena_printf(arena, "'%s':", member));
	const char *to = strchr(from, ',');

	if (!to)
		to = all + strlen(all) - 1;
	if (!*with && *to == ',')
		to++;
	return sign(arena_printf(arena, "%.*s%s%s", (int)(from - all), all, with, to));
}

static bool is_good(struct text token)
{
	struct identity who;

	return token_check(arena, directory, token, &who);
}

static int begin(void **state)
{
	struct status status;

	arena = arena_new(0);
	now = clock_unix_ms() / 1000;
	token_start(ISSUER);
	jwt_key_make(arena, JWT_EDDSA, TEXT("one"), &public_jwk, &private_jwk);
	private_key = jwt_key_read(arena, private_jwk, &status);
	put_key("one", now - 100, NEVER);
	put_subject("user", "alice", false);
	put_subject("application", "demo", false);
	return 0;
}

static int end(void **state)
{
	jwt_key_free(&private_key);
	directory_release(&directory);
	token_stop();
	arena_free(&arena);
	return 0;
}

/* --- checking --------------------------------------------------------------------------------- */

static void a_token_says_who_it_is(void **state)
{
	struct identity who;
	struct text token = sign(claims(""));

	/* The second time by what is remembered. */
	for (int i = 0; i < 2; i++) {
		assert_true(token_check(arena, directory, token, &who));
		assert_int_equal(who.kind, SUBJECT_USER);
		assert_true(text_equal(who.name, TEXT("alice")));
		assert_true(text_equal(who.issuer, TEXT(ISSUER)));
		assert_true(text_equal(who.audience, TEXT(ISSUER)));
		assert_true(text_equal(who.session, TEXT(SESSION)));
		assert_true(who.id.size > 0);
		assert_int_equal(who.issued_s, now);
		assert_int_equal(who.ends_s, now + 60);
		assert_int_equal(who.more_count, 0);
	}
	assert_true(
		token_check(arena, directory, sign_but("sub", "'sub':'application:demo'"), &who));
	assert_int_equal(who.kind, SUBJECT_APPLICATION);
	assert_true(text_equal(who.name, TEXT("demo")));
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const bad[][2] = {{"iss", ""}, {"iss", "'iss':'other'"},
		{"iss", "'iss':7"}, {"aud", ""}, {"aud", "'aud':'other'"}, {"aud", "'aud':[]"},
		{"aud", "'aud':['other']"}, {"aud", "'aud':{'" ISSUER "':1}"}, {"sub", ""},
		{"sub", "'sub':'user:bob'"}, {"sub", "'sub':'user:'"}, {"sub", "'sub':'alice'"},
		{"sub", "'sub':'group:staff'"}, {"sub", "'sub':':alice'"}, {"sub", "'sub':7"},
		{"sub", "'sub':'user:Alice'"}, {"exp", ""}, {"exp", "'exp':null"},
		{"exp", "'exp':'9999999999'"}, {"exp", "'exp':1"}, {"exp", "'exp':-1"},
		{"exp", "'exp':1e300"}, {"exp", "'exp':99999999999999999999"},
		{"nbf", "'nbf':9999999999"}, {"nbf", "'nbf':'0'"}, {"nbf", "'nbf':9.9999999999e9"},
		{"iat", "'iat':9999999999"}, {"iat", "'iat':null"}, {"jti", ""},
		{"jti", "'jti':''"}, {"jti", "'jti':7"}};

	put_subject("group", "staff", false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (is_good(sign_but(bad[i][0], bad[i][1])))
			fail_msg("good: %s %s", bad[i][0], bad[i][1]);
}

static void what_may_differ_is_taken(void **state)
{
	static const char *const good[][2] = {{"aud", "'aud':['other','" ISSUER "']"},
		{"sid", "'other':1"}, {"nbf", ""}, {"iat", ""}, {"exp", "'exp':9999999999.5"},
		{"exp", "'exp':9.999e9"}};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!is_good(sign_but(good[i][0], good[i][1])))
			fail_msg("bad: %s", good[i][1]);
}

/* A second is left to the test. */
static void clocks_may_differ_by_30_seconds(void **state)
{
	const struct {
		const char *member;
		int64_t seconds;
		bool good;
	} cases[] = {{"exp", -29, true}, {"exp", -30, false}, {"nbf", 30, true}, {"nbf", 33, false},
		{"iat", 30, true}, {"iat", 33, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_good(sign_but(
			    cases[i].member, arena_printf(arena, "'%s':%s", cases[i].member,
						     at(now + cases[i].seconds)))) != cases[i].good)
			fail_msg("%s %lld", cases[i].member, (long long)cases[i].seconds);
}

static void the_key_is_the_one_that_the_token_names(void **state)
{
	struct text other_public, other_private;
	struct status status;

	jwt_key_make(arena, JWT_EDDSA, TEXT("two"), &other_public, &other_private);
	struct jwt_key *other = jwt_key_read(arena, other_private, &status);
	struct text body = sign(claims(""));
	struct jwt jwt;
	assert_true(jwt_read(arena, body, &jwt));
	assert_false(is_good(jwt_sign(arena, other, JWT_EDDSA, TEXT("one"), TEXT("{}"))));
	assert_false(is_good(jwt_sign(
		arena, private_key, JWT_EDDSA, TEXT("two"), text_of("{\"iss\":\"" ISSUER "\"}"))));
	struct text forged = jwt_sign(arena, other, JWT_EDDSA, TEXT("one"),
		text_of(arena_printf(arena,
			"{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER
			"\",\"sub\":\"user:alice\",\"exp\":%s,\"jti\":\"x\"}",
			at(now + 60))));
	assert_false(is_good(forged));
	jwt_key_free(&other);
}

static void the_algorithm_is_the_keys(void **state)
{
	put("token_key", "one",
		arena_printf(arena,
			"{\"algorithm\":\"ES256\",\"publicJwk\":%s,\"privateJwk\":%s,"
			"\"createdAt\":0,\"signsFrom\":0,\"verifiesUntil\":null}",
			public_jwk.data, private_jwk.data));
	assert_false(is_good(sign(claims(""))));
}

/* --- what may change -------------------------------------------------------------------------- */

static void a_remembered_token_is_refused_when_its_session_ends(void **state)
{
	struct text token = sign(claims(""));

	assert_true(is_good(token));
	put("revocation", SESSION, "{\"expiresAt\":99999999999999}");
	assert_false(is_good(token));
}

static void a_single_token_can_be_revoked(void **state)
{
	struct text token = sign_but("jti", "'jti':'this one'");

	assert_true(is_good(token));
	put("revocation", "this one", "{\"expiresAt\":99999999999999}");
	assert_false(is_good(token));
	assert_true(is_good(sign_but("jti", "'jti':'another'")));
}

static void a_remembered_token_is_refused_when_its_key_has_ended(void **state)
{
	struct text token = sign(claims(""));

	assert_true(is_good(token));
	put_key("one", now - 100, at((now - 1) * 1000));
	assert_false(is_good(token));
	put_key("one", now - 100, at((now + 60) * 1000));
	assert_true(is_good(token));
	struct directory_change gone = {TEXT("token_key"), TEXT("one"), {0}};
	const struct directory *old = directory;
	directory = directory_make(old, &gone, 1, 2);
	directory_release(&old);
	assert_false(is_good(token));
}

static void a_remembered_token_is_refused_when_its_subject_is_disabled(void **state)
{
	struct text token = sign(claims(""));

	assert_true(is_good(token));
	put_subject("user", "alice", true);
	assert_false(is_good(token));
	assert_false(is_good(sign(claims(""))));
}

static void only_good_tokens_are_remembered(void **state)
{
	struct text token = sign(claims(""));
	size_t before = token_cache_count();

	for (int i = 0; i < 100; i++)
		assert_false(is_good(sign_but("aud", "'aud':'other'")));
	assert_false(is_good(text_until(token, token.size - 4)));
	assert_int_equal(token_cache_count(), before);
	assert_true(is_good(token));
	assert_true(is_good(token));
	assert_int_equal(token_cache_count(), before + 1);
}

/* --- the key that signs ----------------------------------------------------------------------- */

static struct text signing(void)
{
	const struct token_key *key = token_signing_key(directory, now * 1000);

	return key ? key->id : TEXT("");
}

static void the_key_whose_time_has_come_last_signs(void **state)
{
	assert_true(text_equal(signing(), TEXT("one")));
	put_key("two", now + 10, NEVER);
	assert_true(text_equal(signing(), TEXT("one")));
	put_key("three", now - 50, NEVER);
	put_key("four", now - 60, NEVER);
	assert_true(text_equal(signing(), TEXT("three")));
	put_key("three", now - 50, at((now - 1) * 1000));
	assert_true(text_equal(signing(), TEXT("four")));
}

static void before_any_time_has_come_the_next_key_signs(void **state)
{
	put_key("one", now - 100, at((now - 1) * 1000));
	assert_int_equal(signing().size, 0);
	put_key("two", now + 20, NEVER);
	put_key("three", now + 10, NEVER);
	put_key("four", now + 30, NEVER);
	assert_true(text_equal(signing(), TEXT("three")));
}

static void a_key_that_is_not_private_does_not_sign(void **state)
{
	struct text kept = private_jwk;

	private_jwk = public_jwk;
	put_key("two", now - 10, NEVER);
	private_jwk = kept;
	assert_true(text_equal(signing(), TEXT("one")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_says_who_it_is),
		TEST(what_is_wrong_is_refused),
		TEST(what_may_differ_is_taken),
		TEST(clocks_may_differ_by_30_seconds),
		TEST(the_key_is_the_one_that_the_token_names),
		TEST(the_algorithm_is_the_keys),
		TEST(a_remembered_token_is_refused_when_its_session_ends),
		TEST(a_single_token_can_be_revoked),
		TEST(a_remembered_token_is_refused_when_its_key_has_ended),
		TEST(a_remembered_token_is_refused_when_its_subject_is_disabled),
		TEST(only_good_tokens_are_remembered),
		TEST(the_key_whose_time_has_come_last_signs),
		TEST(before_any_time_has_come_the_next_key_signs),
		TEST(a_key_that_is_not_private_does_not_sign),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
