/* What a database must be for the server to work with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/db/connect.h"
#include "server/db/migrate.h"
#include "tests/support/postgres.h"

static struct test_postgres *postgres;
static const struct migration first = {"0001_make_a", "CREATE TABLE a (b int)"};

static int start(void **state)
{
	postgres = test_postgres_shared();
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static const char *migrated(const char *options)
{
	const char *url = test_postgres_database(postgres, options);
	struct status status;
	assert_true(migrate_apply(&first, 1, url, NULL, &status));
	return url;
}

static struct db_settings settings_of(const char *url, int version)
{
	return (struct db_settings){.url = url,
		.statement_timeout_ms = 1234,
		.lock_timeout_ms = 567,
		.schema_version = version};
}

static void expect_refusal(const char *url, int version, const char *sentence)
{
	char reason[DB_REASON_SIZE] = "";
	struct db_settings settings = settings_of(url, version);
	assert_null(db_connect(&settings, reason));
	if (!strstr(reason, sentence))
		fail_msg("\"%s\" does not say \"%s\"", reason, sentence);
}

static void expect_answer(PGconn *conn, const char *sql, const char *value)
{
	PGresult *r = PQexec(conn, sql);
	assert_string_equal(PQgetvalue(r, 0, 0), value);
	PQclear(r);
}

static void a_connection_is_junction_app_with_the_timeouts_set(void **state)
{
	char reason[DB_REASON_SIZE];
	struct db_settings settings = settings_of(migrated(""), 1);
	PGconn *conn = db_connect(&settings, reason);
	assert_non_null(conn);
	expect_answer(conn, "SELECT current_user", "junction_app");
	expect_answer(conn, "SHOW statement_timeout", "1234ms");
	expect_answer(conn, "SHOW lock_timeout", "567ms");
	expect_answer(conn, "SHOW application_name", "junctiond");
	expect_answer(conn, "SHOW transaction_read_only", "off");
	PQfinish(conn);
}

static void a_read_only_one_cannot_write_and_looks_for_its_client_while_it_works(void **state)
{
	char reason[DB_REASON_SIZE];
	struct db_settings settings = settings_of(migrated(""), 1);
	settings.read_only = true;
	PGconn *conn = db_connect(&settings, reason);
	assert_non_null(conn);
	expect_answer(conn, "SHOW transaction_read_only", "on");
	expect_answer(conn, "SHOW client_connection_check_interval", "500ms");
	expect_answer(conn, "SHOW statement_timeout", "1234ms");
	PQfinish(conn);
}

static void a_database_that_was_not_migrated_is_refused(void **state)
{
	expect_refusal(test_postgres_database(postgres, ""), 1, "run `junctiond migrate`");
}

static void another_schema_version_is_refused(void **state)
{
	const char *url = migrated("");
	expect_refusal(url, 2, "schema is version 1, this server needs 2: run `junctiond migrate`");
	expect_refusal(url, 0, "schema is version 1, this server knows only 0");
}

/* As a dump leaves it that was restored into a database of other making. */
static const char *restored(const char *options)
{
	const char *url = test_postgres_database(postgres, options);
	migrated(""); /* the roles */
	test_sql(url, "CREATE TABLE junction_migration (version int);"
		      "INSERT INTO junction_migration VALUES (1);"
		      "GRANT SELECT ON junction_migration TO junction_app");
	return url;
}

static void locales_c_and_posix_are_refused_and_c_utf8_is_not(void **state)
{
	char reason[DB_REASON_SIZE];
	expect_refusal(restored("TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"), 1,
		"knows only ASCII letters");
	expect_refusal(restored("TEMPLATE template0 LC_COLLATE 'POSIX' LC_CTYPE 'POSIX'"), 1,
		"knows only ASCII letters");
	struct db_settings settings =
		settings_of(restored("TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"), 1);
	PGconn *conn = db_connect(&settings, reason);
	assert_non_null(conn);
	PQfinish(conn);
}

static void an_encoding_other_than_utf8_is_refused(void **state)
{
	expect_refusal(restored("TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
		1, "encoding is LATIN1, it must be UTF8");
}

static void a_user_that_may_not_be_junction_app_is_refused(void **state)
{
	char url[600], create[64], drop[64];
	const char *base = migrated("");
	snprintf(create, sizeof(create), "CREATE ROLE junction_test_%d LOGIN", (int)getpid());
	snprintf(drop, sizeof(drop), "DROP ROLE junction_test_%d", (int)getpid());
	snprintf(url, sizeof(url), "%s user=junction_test_%d", base, (int)getpid());
	test_sql(base, create);
	expect_refusal(url, 1, "may not act as junction_app");
	test_sql(base, drop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_junction_app_with_the_timeouts_set),
		cmocka_unit_test(
			a_read_only_one_cannot_write_and_looks_for_its_client_while_it_works),
		cmocka_unit_test(a_database_that_was_not_migrated_is_refused),
		cmocka_unit_test(another_schema_version_is_refused),
		cmocka_unit_test(locales_c_and_posix_are_refused_and_c_utf8_is_not),
		cmocka_unit_test(an_encoding_other_than_utf8_is_refused),
		cmocka_unit_test(a_user_that_may_not_be_junction_app_is_refused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
