/*
 * A real PostgreSQL for tests, reached by a unix socket in a short temporary folder.
 *
 * A shared one is the cluster that JUNCTION_TEST_DATABASE_CLUSTER (a superuser's libpq URL) names,
 * if it is set; only what the test created there is removed. An own one is started for the test,
 * may be killed, and ends with the test's process whatever happens. One thread. Any failure ends
 * the program with a message.
 */
#ifndef JUNCTION_TESTS_SUPPORT_POSTGRES_H
#define JUNCTION_TESTS_SUPPORT_POSTGRES_H

#include <stdbool.h>

struct test_postgres;

struct test_postgres *test_postgres_shared(void);
struct test_postgres *test_postgres_own(bool durable); /* durable: with fsync */
void test_postgres_stop(struct test_postgres **p);

/* A new database; options as in CREATE DATABASE, "" for none. The URL lives as long as p. */
const char *test_postgres_database(struct test_postgres *p, const char *options);
/* Such options: a copy of the database that JUNCTION_TEST_DATABASE_TEMPLATE names in the shared
 * cluster, which has all migrations; "" if there is none. */
const char *test_postgres_template(const struct test_postgres *p);
/* Of an own one: kill -9, and start again; waits until it answers. */
void test_postgres_kill(struct test_postgres *p);
void test_postgres_restart(struct test_postgres *p);

/* On a connection of their own. */
void test_sql(const char *url, const char *sql);
long test_sql_number(const char *url, const char *sql);
/* Asks again and again until the answer is this. */
void test_sql_await(const char *url, const char *sql, long answer);

#endif
