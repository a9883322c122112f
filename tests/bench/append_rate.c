/*
 * What audit.append reaches without a server: batches of equal records by libpq, one after the
 * other on each connection, each committed.
 *
 * usage: bench_append URL CONNECTIONS ROWS SECONDS CONTENT
 * prints records per second
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"

enum { PARAMETERS = 19, CONNECTIONS_MOST = 16 };

static const char *const SQL =
	"SELECT count(*) FROM audit.append($1::uuid[], $2::timestamptz[], $3::integer[], "
	"$4::integer[], $5::audit.severity[], $6::text[], $7::text[], $8::text[], $9::text[], "
	"$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], "
	"$16::json[], "
	"$17::text[], $18::bytea[], $19::bigint[])";

static const char *url, *content;
static int rows;
static int64_t end;

static char *array_of(struct arena *a, const char *element)
{
	struct buffer b = {.arena = a};
	for (int i = 0; i < rows; i++)
		buffer_printf(&b, "%c%s", i ? ',' : '{', element);
	buffer_add_char(&b, '}');
	return arena_string(a, buffer_text(&b));
}

static char *ids(struct arena *a)
{
	struct buffer b = {.arena = a};
	char id[37];
	for (int i = 0; i < rows; i++) {
		uuid_ordered(id);
		buffer_printf(&b, "%c%s", i ? ',' : '{', id);
	}
	buffer_add_char(&b, '}');
	return arena_string(a, buffer_text(&b));
}

static void check(PGconn *conn, PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted) {
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(EXIT_FAILURE);
	}
	PQclear(result);
}

static void *run(void *arg)
{
	static const char *const elements[PARAMETERS] = {NULL, "NULL", "3", "0", "notice",
		"bench.write", "scada-07", NULL, "alarm", "NULL", "NULL", "NULL", "127.0.0.1:40000",
		"host-1795298273426", "0af7651916cd43dd8448eb211c80319c", "NULL", "NULL", "NULL",
		"NULL"};
	struct arena *constant = arena_new(0), *each = arena_new(0);
	const char *values[PARAMETERS];
	PGconn *conn = PQconnectdb(url);
	int64_t *written = arg;

	for (int i = 1; i < PARAMETERS; i++)
		values[i] = array_of(constant,
			elements[i] ? elements[i] : arena_printf(constant, "\"%s\"", content));
	check(conn, PQprepare(conn, "append", SQL, 0, NULL), PGRES_COMMAND_OK);
	for (; clock_now() < end; *written += rows) {
		arena_clear(each);
		values[0] = ids(each);
		check(conn, PQexecPrepared(conn, "append", PARAMETERS, values, NULL, NULL, 0),
			PGRES_TUPLES_OK);
	}
	PQfinish(conn);
	arena_free(&constant);
	arena_free(&each);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[CONNECTIONS_MOST];
	int64_t written[CONNECTIONS_MOST] = {0}, total = 0;

	CHECK(argc == 6);
	url = argv[1];
	content = argv[5];
	rows = atoi(argv[3]);
	int connections = atoi(argv[2]), seconds = atoi(argv[4]);
	CHECK(connections >= 1 && connections <= CONNECTIONS_MOST && rows >= 1);
	int64_t begun = clock_now();
	end = begun + seconds * CLOCK_SECOND;
	for (int i = 0; i < connections; i++)
		CHECK(pthread_create(&threads[i], NULL, run, &written[i]) == 0);
	for (int i = 0; i < connections; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		total += written[i];
	}
	printf("%.0f\n", (double)total * CLOCK_SECOND / (double)(clock_now() - begun));
	return EXIT_SUCCESS;
}
