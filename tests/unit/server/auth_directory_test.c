/* Directories: what is read from states, and generations that share what is the same in them. */
#include "server/auth/directory/directory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

#include "server/auth/directory/directory_make.h"

#define MANY 20000

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	arena_free(&arena);
	return 0;
}

static struct directory_change thing(const char *kind, const char *name, const char *state)
{
	return (struct directory_change){text_of(kind), text_of(name), text_of(state)};
}

static const struct directory *with(const struct directory *old, const char *kind, const char *name,
	const char *state, int64_t revision)
{
	struct directory_change one = thing(kind, name, state);

	return directory_make(old, &one, 1, revision);
}

/* One whose users "user0" and so on each have a role of that name. */
static const struct directory *with_many_users(const struct directory *old, const char *role)
{
	struct directory_change *changes = arena_array(arena, MANY, sizeof *changes);

	for (int i = 0; i < MANY; i++)
		changes[i] = thing("user", arena_printf(arena, "user%d", i),
			arena_printf(arena,
				"{\"disabled\":false,\"roles\":[[\"%s\",null]],\"groups\":[]}",
				role));
	return directory_make(old, changes, MANY, old ? directory_revision(old) + 1 : 1);
}

static const struct subject *user(const struct directory *d, int number)
{
	return directory_subject(d, SUBJECT_USER, text_of(arena_printf(arena, "user%d", number)));
}

#define assert_text(is, string) assert_string_equal((is).data, string)

/* --- what is read --------------------------------------------------------------------------- */

static void a_subject_has_its_roles_and_groups(void **state)
{
	const struct directory *d = with(NULL, "user", "alice",
		"{\"disabled\" : true, \"roles\" : [[\"a\", 1700000000123], [\"b\", null]], "
		"\"groups\" : [\"g1\", \"g2\"]}",
		7);
	const struct subject *s = directory_subject(d, SUBJECT_USER, TEXT("alice"));

	assert_int_equal(directory_revision(d), 7);
	assert_non_null(s);
	assert_int_equal(s->kind, SUBJECT_USER);
	assert_text(s->name, "alice");
	assert_true(s->disabled);
	assert_int_equal(s->role_count, 2);
	assert_text(s->roles[0].role, "a");
	assert_true(s->roles[0].ends_ms == INT64_C(1700000000123));
	assert_text(s->roles[1].role, "b");
	assert_true(s->roles[1].ends_ms == INT64_MAX);
	assert_int_equal(s->group_count, 2);
	assert_text(s->groups[1], "g2");
	assert_null(directory_subject(d, SUBJECT_APPLICATION, TEXT("alice")));
	assert_null(directory_subject(d, SUBJECT_NONE, TEXT("alice")));
	assert_null(directory_subject(d, SUBJECT_USER, TEXT("Alice")));
	directory_release(&d);
	assert_null(d);
}

static void names_are_known_by_kind(void **state)
{
	const char *same = "{\"disabled\":false,\"roles\":[],\"groups\":[]}";
	const struct directory_change changes[] = {thing("user", "x", same),
		thing("application", "x", same), thing("group", "x", same),
		thing("role", "x", "{\"parents\":[],\"rules\":[]}")};
	const struct directory *d = directory_make(NULL, changes, 4, 1);

	for (enum subject_kind kind = SUBJECT_USER; kind <= SUBJECT_GROUP; kind++)
		assert_int_equal(directory_subject(d, kind, TEXT("x"))->kind, kind);
	assert_text(directory_role(d, TEXT("x"))->name, "x");
	directory_release(&d);
}

static void a_role_has_its_rules_and_parents(void **state)
{
	const struct directory *d = with(NULL, "role", "clerk",
		"{\"parents\" : [\"reader\"], \"rules\" : [[\"allow\", \"*\", \"**\", \"READ\"], "
		"[\"deny\", \"orders\", \"/v1/\\u00e4*\", \"POST\"]]}",
		1);
	const struct role *r = directory_role(d, TEXT("clerk"));

	assert_int_equal(r->parent_count, 1);
	assert_text(r->parents[0], "reader");
	assert_int_equal(r->rule_count, 2);
	assert_false(r->rules[0].denies);
	assert_text(r->rules[0].method, "READ");
	assert_true(r->rules[1].denies);
	assert_text(r->rules[1].service, "orders");
	assert_text(r->rules[1].action, "/v1/\u00e4*");
	assert_int_equal(r->rules[1].action.size, strlen("/v1/\u00e4*"));
	directory_release(&d);
}

static void an_access_key_has_its_hashes(void **state)
{
	const struct directory *d = with(NULL, "access_key", "ak-1",
		"{\"application\":\"shop\",\"secretHash\":"
		"\"00ff0000000000000000000000000000000000000000000000000000000000a1\","
		"\"signingKey\":\"00000000000000000000000000000000000000fe\",\"endsAt\":5}",
		1);
	const struct access_key *k = directory_access_key(d, TEXT("ak-1"));

	assert_text(k->id, "ak-1");
	assert_text(k->application, "shop");
	assert_int_equal(k->secret_hash[1], 0xff);
	assert_int_equal(k->secret_hash[31], 0xa1);
	assert_int_equal(k->signing_key[19], 0xfe);
	assert_true(k->ends_ms == 5);
	directory_release(&d);
}

static void a_token_key_can_sign_and_verify(void **state)
{
	struct text public, private;

	jwt_start();
	jwt_key_make(arena, JWT_EDDSA, TEXT("k1"), &public, &private);
	const struct directory *d = with(NULL, "token_key", "k1",
		arena_printf(arena,
			"{\"algorithm\":\"EdDSA\",\"publicJwk\":%.*s,\"privateJwk\":%.*s,"
			"\"createdAt\":1,\"signsFrom\":2,\"verifiesUntil\":null}",
			TEXT_ARGS(public), TEXT_ARGS(private)),
		1);
	const struct token_key *k = directory_token_key(d, TEXT("k1"));
	struct jwt jwt;

	assert_int_equal(k->algorithm, JWT_EDDSA);
	assert_text(k->public_jwk, arena_string(arena, public));
	assert_true(k->created_ms == 1 && k->signs_from_ms == 2);
	assert_true(k->verifies_until_ms == INT64_MAX);
	struct text token = jwt_sign(arena, k->private_key, k->algorithm, k->id, TEXT("{}"));
	assert_true(jwt_read(arena, token, &jwt));
	assert_true(jwt_verify(&jwt, k->public_key));
	directory_release(&d);
	jwt_stop();
}

static void an_issuer_and_a_revocation_are_kept(void **state)
{
	const struct directory_change changes[] = {
		thing("issuer", "corp",
			"{\"url\":\"https://id\",\"audience\":\"junction\",\"jwks\":{\"keys\" : "
			"[]},\"jwksUrl\":\"\",\"algorithms\":[\"ES256\",\"none\",\"RS256\"],"
			"\"userClaim\":\"sub\",\"rolesClaim\":\"\"}"),
		thing("revocation", "sid-1", "{\"expiresAt\":9}"),
	};
	const struct directory *d = directory_make(NULL, changes, 2, 1);
	struct directory_cursor cursor = {0};
	const struct issuer *i = directory_next_issuer(d, &cursor);

	assert_text(i->name, "corp");
	assert_text(i->jwks, "{\"keys\" : []}");
	assert_text(i->jwks_url, "");
	assert_int_equal(i->algorithms, 1u << JWT_ES256 | 1u << JWT_RS256);
	assert_text(i->user_claim, "sub");
	assert_null(directory_next_issuer(d, &cursor));
	assert_null(directory_next_issuer(d, &cursor));
	assert_true(directory_revoked(d, TEXT("sid-1")));
	assert_false(directory_revoked(d, TEXT("sid-2")));
	directory_release(&d);
}

static void what_cannot_be_read_is_left_out(void **state)
{
	static const char *const bad[][2] = {{"user", "{\"roles\":[]}"}, {"user", "{"},
		{"user", "{\"roles\":[[\"a\"]],\"groups\":[]}"},
		{"user", "{\"roles\":[[\"a\",\"soon\"]],\"groups\":[]}"},
		{"role", "{\"parents\":[],\"rules\":[[\"allow\",\"s\",\"a\"]]}"},
		{"access_key", "{\"application\":\"a\",\"secretHash\":\"00\",\"signingKey\":"
			       "\"00\",\"endsAt\":null}"},
		{"token_key", "{\"algorithm\":\"EdDSA\",\"publicJwk\":{},\"privateJwk\":{},"
			      "\"createdAt\":1,\"signsFrom\":2,\"verifiesUntil\":null}"},
		{"weather", "{}"}};
	const char *good = "{\"disabled\":false,\"roles\":[],\"groups\":[]}";
	size_t count = sizeof bad / sizeof bad[0];
	struct directory_change *changes = arena_array(arena, count + 1, sizeof *changes);
	struct directory_cursor cursor = {0};

	for (size_t i = 0; i < count; i++)
		changes[i] = thing(bad[i][0], "x", bad[i][1]);
	changes[count] = thing("user", "good", good);
	const struct directory *d = directory_make(NULL, changes, count + 1, 1);
	assert_text(directory_next_subject(d, SUBJECT_USER, &cursor)->name, "good");
	assert_null(directory_next_subject(d, SUBJECT_USER, &cursor));
	assert_null(directory_role(d, TEXT("x")));
	assert_null(directory_access_key(d, TEXT("x")));
	assert_null(directory_token_key(d, TEXT("x")));
	directory_release(&d);
}

/* --- generations ---------------------------------------------------------------------------- */

static void an_old_one_stays_as_it_was(void **state)
{
	const struct directory *first = with_many_users(NULL, "first");
	const struct directory *second = with(first, "user", "user7", NULL, 2);
	const struct directory *third = with_many_users(second, "third");

	for (int i = 0; i < MANY; i++) {
		assert_text(user(first, i)->roles[0].role, "first");
		assert_true(i == 7 ? !user(second, i) : user(second, i) == user(first, i));
		assert_text(user(third, i)->roles[0].role, "third");
	}
	directory_release(&first);
	assert_text(user(second, 8)->roles[0].role, "first");
	directory_release(&third);
	directory_release(&second);
}

/* Under AddressSanitizer there is no telling, and both are 0. */
static void a_change_of_one_takes_memory_for_few(void **state)
{
	const struct directory *all = with_many_users(NULL, "first");
	size_t before = mallinfo2().uordblks;
	const struct directory *next = with(all, "user", "user9", NULL, 2);

	assert_true(mallinfo2().uordblks - before < 4096);
	directory_release(&next);
	directory_release(&all);
}

static void what_is_there_is_walked_once(void **state)
{
	const struct directory *all = with_many_users(NULL, "first");
	const struct directory *fewer = all;
	bool *seen = arena_array(arena, MANY, sizeof *seen);
	struct directory_cursor cursor = {0};
	const struct subject *s;
	int count = 0, number;

	for (int i = 0; i < MANY; i += 100) {
		const struct directory *old = fewer;
		fewer = with(old, "user", arena_printf(arena, "user%d", i), NULL, 2);
		directory_release(&old);
	}
	while ((s = directory_next_subject(fewer, SUBJECT_USER, &cursor))) {
		assert_int_equal(sscanf(s->name.data, "user%d", &number), 1);
		assert_false(seen[number]);
		seen[number] = true;
		count++;
	}
	assert_int_equal(count, MANY - MANY / 100);
	assert_int_equal(directory_count(fewer, THING_USER), count);
	cursor = (struct directory_cursor){0};
	assert_null(directory_next_role(fewer, &cursor));
	directory_release(&fewer);
}

static void the_last_one_can_go_and_come_again(void **state)
{
	const char *role = "{\"parents\":[],\"rules\":[]}";
	const struct directory *d = with(NULL, "role", "r", role, 1);
	const struct directory *gone = with(d, "role", "r", NULL, 2);
	const struct directory *back = with(gone, "role", "r", role, 3);

	assert_null(directory_role(gone, TEXT("r")));
	assert_non_null(directory_role(back, TEXT("r")));
	directory_release(&d);
	directory_release(&gone);
	directory_release(&back);
}

/* --- many threads --------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	const struct directory *now;
	atomic_bool ended;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct directory *hold_shared(void)
{
	pthread_mutex_lock(&shared.lock);
	const struct directory *d = shared.now;
	directory_share(d);
	pthread_mutex_unlock(&shared.lock);
	return d;
}

/* In each generation all ten users have the role that is called like its revision. */
static void *look_for_mixed_ones(void *arg)
{
	atomic_int *mixed = arg;

	while (!atomic_load(&shared.ended)) {
		const struct directory *d = hold_shared();
		struct directory_cursor cursor = {0};
		const struct subject *s;
		char role[24];
		snprintf(role, sizeof role, "r%lld", (long long)directory_revision(d));
		while ((s = directory_next_subject(d, SUBJECT_GROUP, &cursor)))
			if (strcmp(s->roles[0].role.data, role) != 0)
				atomic_fetch_add(mixed, 1);
		directory_release(&d);
	}
	return NULL;
}

static const struct directory *with_role_of_revision(const struct directory *old, int revision)
{
	struct directory_change changes[10];
	struct arena *a = arena_new(0);

	for (int i = 0; i < 10; i++)
		changes[i] = thing("group", arena_printf(a, "g%d", i),
			arena_printf(a,
				"{\"disabled\":false,\"roles\":[[\"r%d\",null]],\"groups\":[]}",
				revision));
	const struct directory *d = directory_make(old, changes, 10, revision);
	arena_free(&a);
	return d;
}

static void threads_read_one_generation_while_others_are_made(void **state)
{
	enum { THREADS = 4, GENERATIONS = 2000 };
	pthread_t threads[THREADS];
	atomic_int mixed = 0;

	shared.now = with_role_of_revision(NULL, 1);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_for_mixed_ones, &mixed), 0);
	for (int revision = 2; revision <= GENERATIONS; revision++) {
		const struct directory *old = shared.now;
		const struct directory *next = with_role_of_revision(old, revision);
		pthread_mutex_lock(&shared.lock);
		shared.now = next;
		pthread_mutex_unlock(&shared.lock);
		directory_release(&old);
	}
	atomic_store(&shared.ended, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	directory_release(&shared.now);
	assert_int_equal(atomic_load(&mixed), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subject_has_its_roles_and_groups),
		cmocka_unit_test(names_are_known_by_kind),
		cmocka_unit_test(a_role_has_its_rules_and_parents),
		cmocka_unit_test(an_access_key_has_its_hashes),
		cmocka_unit_test(a_token_key_can_sign_and_verify),
		cmocka_unit_test(an_issuer_and_a_revocation_are_kept),
		cmocka_unit_test(what_cannot_be_read_is_left_out),
		cmocka_unit_test(an_old_one_stays_as_it_was),
		cmocka_unit_test(a_change_of_one_takes_memory_for_few),
		cmocka_unit_test(what_is_there_is_walked_once),
		cmocka_unit_test(the_last_one_can_go_and_come_again),
		cmocka_unit_test(threads_read_one_generation_while_others_are_made),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
