/* Migrations on a real PostgreSQL of the test's own, since roles belong to the cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/db/migrate.h"
#include "tests/support/postgres.h"

static struct test_postgres *postgres;
static struct status status;

/* Fails if it is run twice. */
static const struct migration files[] = {
	{"0001_make_a", "-- first\nCREATE TABLE a (b int); INSERT INTO a VALUES (1);\n"},
	{"0002_make_c", "CREATE TABLE c (d int);\nINSERT INTO a SELECT 2 FROM pg_sleep(0.2);"},
};

static int start(void **state)
{
	postgres = test_postgres_own(false);
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static void expect_refusal(
	const struct migration *list, int count, const char *url, const char *sentence)
{
	assert_false(migrate_apply(list, count, url, NULL, &status));
	if (!strstr(status.message, sentence))
		fail_msg("\"%s\" does not say \"%s\"", status.message, sentence);
}

/* On a cluster without the roles: the first to come creates them. */
static void processes_that_migrate_at_once_apply_each_file_once(void **state)
{
	const char *urls[] = {
		test_postgres_database(postgres, ""), test_postgres_database(postgres, "")};
	pid_t children[8];
	int result;
	for (int i = 0; i < 8; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(!migrate_apply(files, 2, urls[i % 2], NULL, &status));
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(waitpid(children[i], &result, 0), children[i]);
		assert_int_equal(result, 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(test_sql_number(urls[i], "SELECT count(*) FROM a"), 2);
		assert_int_equal(
			test_sql_number(urls[i], "SELECT count(*) FROM junction_migration"), 2);
	}
}

static void files_are_applied_in_order_once_and_later_ones_when_they_come(void **state)
{
	const char *url = test_postgres_database(postgres, "");
	assert_true(migrate_apply(files, 1, url, NULL, &status));
	assert_int_equal(test_sql_number(url, "SELECT sum(b) FROM a"), 1);
	assert_true(migrate_apply(files, 2, url, NULL, &status));
	assert_true(migrate_apply(files, 2, url, NULL, &status));
	assert_int_equal(test_sql_number(url, "SELECT sum(b) FROM a"), 3);
	assert_int_equal(
		test_sql_number(url, "SELECT count(*) FROM junction_migration WHERE checksum ~ "
				     "'^[0-9a-f]{64}$' AND name ~ ('^000' || version)"),
		2);
}

static void a_changed_file_and_an_unknown_version_are_refused(void **state)
{
	static const struct migration changed[] = {
		{"0001_make_a", "-- fist\nCREATE TABLE a (b int); INSERT INTO a VALUES (1);\n"},
		{"0002_make_c", "CREATE TABLE c (d int)"},
	};
	const char *url = test_postgres_database(postgres, "");
	assert_true(migrate_apply(files, 1, url, NULL, &status));
	expect_refusal(changed, 2, url, "0001_make_a has been applied");
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM junction_migration"), 1);
	assert_true(migrate_apply(files, 2, url, NULL, &status));
	expect_refusal(files, 1, url, "version 2 (0002_make_c), which this program does not know");
}

static void a_database_that_no_server_would_work_in_is_refused(void **state)
{
	const char *latin = test_postgres_database(
		postgres, "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
	const char *ascii =
		test_postgres_database(postgres, "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	expect_refusal(files, 1, latin, "encoding is LATIN1, it must be UTF8");
	expect_refusal(files, 1, ascii, "knows only ASCII letters");
	assert_int_equal(test_sql_number(ascii, "SELECT count(*) FROM pg_tables WHERE tablename = "
						"'junction_migration'"),
		0);
}

static void a_file_that_fails_leaves_nothing_and_names_the_line(void **state)
{
	static const struct migration broken[] = {
		{"0001_make_a", "CREATE TABLE a (b int);"},
		{"0002_fail", "CREATE TABLE half (x int);\n-- \xe4\xb8\xad\xe6\x96\x87\nSELECT "
			      "nonsense;\n"},
	};
	const char *url = test_postgres_database(postgres, "");
	expect_refusal(broken, 2, url, "0002_fail, line 3");
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM junction_migration"), 1);
	assert_int_equal(
		test_sql_number(url, "SELECT count(to_regclass('half')) FROM pg_class"), 0);
}

static void the_servers_user_is_granted_the_roles(void **state)
{
	char server_url[600];
	const char *url = test_postgres_database(postgres, "");
	test_sql(url, "CREATE ROLE \"the server\" LOGIN");
	snprintf(server_url, sizeof(server_url), "%s user='the server'", url);
	assert_true(migrate_apply(files, 1, url, server_url, &status));
	assert_true(migrate_apply(files, 1, url, server_url, &status));
	test_sql(server_url, "SET ROLE junction_app; SELECT max(version) FROM junction_migration");
	test_sql(server_url, "SET ROLE junction_reader");
}

static void an_owner_that_may_not_create_or_grant_roles_is_told_what_to_do(void **state)
{
	char owner_url[600], server_url[600];
	const char *url = test_postgres_database(postgres, "");
	test_sql(url, "CREATE ROLE poor LOGIN; CREATE ROLE other LOGIN;"
		      "GRANT CREATE ON SCHEMA public TO poor");
	snprintf(owner_url, sizeof(owner_url), "%s user=poor", url);
	snprintf(server_url, sizeof(server_url), "%s user=other", url);
	assert_false(migrate_apply(files, 1, owner_url, server_url, &status));
	assert_non_null(strstr(status.message, "GRANT junction_app, junction_reader TO \"other\""));
	test_sql(url, "GRANT junction_app, junction_reader TO other");
	assert_true(migrate_apply(files, 1, owner_url, server_url, &status));
}

static void missing_roles_are_named_to_an_owner_without_createrole(void **state)
{
	struct test_postgres *bare = test_postgres_own(false);
	char owner_url[600];
	const char *url = test_postgres_database(bare, "");
	test_sql(url, "CREATE ROLE poor LOGIN");
	snprintf(owner_url, sizeof(owner_url), "%s user=poor", url);
	expect_refusal(files, 1, owner_url, "CREATE ROLE junction_app NOLOGIN");
	test_postgres_stop(&bare);
}

static void the_programs_own_migrations_make_the_expected_version(void **state)
{
	const char *url = test_postgres_database(postgres, "");
	assert_true(migration_count > 0);
	assert_true(migrate_run(url, NULL, &status));
	assert_int_equal(test_sql_number(url, "SELECT max(version) FROM junction_migration"),
		migrate_expected_version());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_that_migrate_at_once_apply_each_file_once),
		cmocka_unit_test(files_are_applied_in_order_once_and_later_ones_when_they_come),
		cmocka_unit_test(a_changed_file_and_an_unknown_version_are_refused),
		cmocka_unit_test(a_database_that_no_server_would_work_in_is_refused),
		cmocka_unit_test(a_file_that_fails_leaves_nothing_and_names_the_line),
		cmocka_unit_test(the_servers_user_is_granted_the_roles),
		cmocka_unit_test(an_owner_that_may_not_create_or_grant_roles_is_told_what_to_do),
		cmocka_unit_test(missing_roles_are_named_to_an_owner_without_createrole),
		cmocka_unit_test(the_programs_own_migrations_make_the_expected_version),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
