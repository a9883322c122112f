/* The postmaster is started as a child of the test, not by pg_ctl, so that the kernel ends it when
 * the test dies and a kill -9 can be waited for. */
#include "tests/support/postgres.h"

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN            "/usr/lib/postgresql/15/bin/"
#define DATABASES_MOST 16
#define CHILDREN_MOST  512

struct test_postgres {
	char folder[64]; /* "" if the cluster is somebody else's */
	char data[80];
	char server[512]; /* keywords of a superuser, without dbname */
	char template[96];
	bool durable;
	pid_t process; /* 0: not running */
	char *urls[DATABASES_MOST];
	char names[DATABASES_MOST][64];
	int count;
};

static _Noreturn void give_up(const char *what, const char *why)
{
	fprintf(stderr, "tests/support/postgres: %s: %s\n", what, why);
	exit(99);
}

/* --- connections ---------------------------------------------------------------------------- */

static PGconn *connect_to(const char *url)
{
	PGconn *conn = PQconnectdb(url);
	if (PQstatus(conn) != CONNECTION_OK)
		give_up("cannot connect", PQerrorMessage(conn));
	return conn;
}

static PGresult *execute(const char *url, const char *sql)
{
	PGconn *conn = connect_to(url);
	PGresult *r = PQexec(conn, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		give_up(sql, PQerrorMessage(conn));
	PQfinish(conn);
	return r;
}

void test_sql(const char *url, const char *sql)
{
	PQclear(execute(url, sql));
}

long test_sql_number(const char *url, const char *sql)
{
	PGresult *r = execute(url, sql);
	if (PQntuples(r) != 1)
		give_up(sql, "not one row");
	long number = atol(PQgetvalue(r, 0, 0));
	PQclear(r);
	return number;
}

void test_sql_await(const char *url, const char *sql, long answer)
{
	while (test_sql_number(url, sql) != answer)
		poll(NULL, 0, 10);
}

/* --- a cluster of one's own ----------------------------------------------------------------- */

/* PostgreSQL refuses to run as root; its package brings a user that may. */
static const struct passwd *owner(void)
{
	struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : getpwuid(geteuid());
	if (!user)
		give_up("owner", "there is no user postgres");
	return user;
}

static pid_t spawn(const struct test_postgres *p, const char *const arguments[])
{
	const struct passwd *user = owner();
	pid_t process = fork();
	if (process < 0)
		give_up("fork", strerror(errno));
	if (process > 0)
		return process;
	if (geteuid() == 0 && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
		_exit(98);
	/* After setuid(), which would undo it. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	char log[96];
	snprintf(log, sizeof(log), "%s/log", p->folder);
	if (chdir("/") || !freopen("/dev/null", "r", stdin) || !freopen(log, "a", stdout) ||
		!freopen(log, "a", stderr))
		_exit(97);
	execv(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(96);
}

static void init_cluster(struct test_postgres *p)
{
	int status;
	const char *arguments[] = {BIN "initdb", "-D", p->data, "-Upostgres", "-EUTF8",
		"--locale=C.UTF-8", "--auth=trust", "--no-sync", NULL};
	waitpid(spawn(p, arguments), &status, 0);
	if (status != 0)
		give_up("initdb failed", p->folder);
}

static void write_settings(const struct test_postgres *p)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/postgresql.conf", p->data);
	FILE *file = fopen(path, "a");
	if (!file)
		give_up(path, strerror(errno));
	fprintf(file, "listen_addresses = ''\nunix_socket_directories = '%s'\n", p->folder);
	fprintf(file, "max_connections = 200\nrestart_after_crash = off\n");
	if (!p->durable)
		fprintf(file, "fsync = off\nfull_page_writes = off\nmax_wal_size = 128MB\n");
	fclose(file);
}

/* A new postmaster refuses to start while a child of the killed one is left: it is tried again. */
void test_postgres_restart(struct test_postgres *p)
{
	char url[600];
	const char *arguments[] = {BIN "postgres", "-D", p->data, NULL};
	snprintf(url, sizeof(url), "%s dbname=postgres", p->server);
	p->process = spawn(p, arguments);
	for (int i = 0; i < 3000; i++) {
		if (waitpid(p->process, NULL, WNOHANG) == p->process)
			p->process = spawn(p, arguments);
		if (PQping(url) == PQPING_OK)
			return;
		poll(NULL, 0, 10);
	}
	give_up("PostgreSQL does not start, see the log", p->folder);
}

static void end_process(struct test_postgres *p, int signal)
{
	kill(p->process, signal);
	waitpid(p->process, NULL, 0);
	p->process = 0;
}

/* Numbers of the postmaster's children, ends with 0. */
static void read_children(pid_t process, pid_t children[], int most)
{
	char path[80];
	int count = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)process, (int)process);
	FILE *file = fopen(path, "r");
	while (file && count < most - 1 && fscanf(file, "%d", &children[count]) == 1)
		count++;
	children[count] = 0;
	if (file)
		fclose(file);
}

/* They end by themselves, but only when they next wait for their client. */
void test_postgres_kill(struct test_postgres *p)
{
	pid_t children[CHILDREN_MOST];
	read_children(p->process, children, CHILDREN_MOST);
	end_process(p, SIGKILL);
	for (int i = 0; children[i]; i++)
		kill(children[i], SIGKILL);
}

struct test_postgres *test_postgres_own(bool durable)
{
	struct test_postgres *p = calloc(1, sizeof(*p));
	const char *folder = getenv("JUNCTION_TEST_FOLDER");
	p->durable = durable;
	snprintf(
		p->folder, sizeof(p->folder), "%s/jt-XXXXXX", folder && !durable ? folder : "/tmp");
	if (!mkdtemp(p->folder) ||
		(geteuid() == 0 && chown(p->folder, owner()->pw_uid, owner()->pw_gid)))
		give_up(p->folder, strerror(errno));
	snprintf(p->data, sizeof(p->data), "%s/data", p->folder);
	snprintf(p->server, sizeof(p->server), "host=%s user=postgres", p->folder);
	init_cluster(p);
	write_settings(p);
	test_postgres_restart(p);
	return p;
}

/* --- somebody else's ------------------------------------------------------------------------ */

struct test_postgres *test_postgres_shared(void)
{
	const char *url = getenv("JUNCTION_TEST_DATABASE_CLUSTER");
	if (!url || !*url)
		return test_postgres_own(false);
	struct test_postgres *p = calloc(1, sizeof(*p));
	PQconninfoOption *all = PQconninfoParse(url, NULL);
	if (!all)
		give_up("JUNCTION_TEST_DATABASE_CLUSTER", "not a libpq URL");
	for (PQconninfoOption *o = all; o->keyword; o++)
		if (o->val && strcmp(o->keyword, "dbname") != 0)
			snprintf(p->server + strlen(p->server),
				sizeof(p->server) - strlen(p->server), "%s='%s' ", o->keyword,
				o->val);
	PQconninfoFree(all);
	const char *template = getenv("JUNCTION_TEST_DATABASE_TEMPLATE");
	if (template)
		snprintf(p->template, sizeof(p->template), "TEMPLATE %s", template);
	return p;
}

const char *test_postgres_template(const struct test_postgres *p)
{
	return p->template;
}

const char *test_postgres_database(struct test_postgres *p, const char *options)
{
	char url[600], sql[300];
	char *name = p->names[p->count];
	if (p->count == DATABASES_MOST)
		give_up("database", "too many");
	snprintf(name, sizeof(p->names[0]), "junction_test_%d_%d", (int)getpid(), p->count);
	snprintf(url, sizeof(url), "%s dbname=postgres", p->server);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s %s", name, options);
	test_sql(url, sql);
	snprintf(url, sizeof(url), "%s dbname=%s", p->server, name);
	p->urls[p->count] = strdup(url);
	return p->urls[p->count++];
}

static void drop_databases(const struct test_postgres *p)
{
	char url[600], sql[128];
	snprintf(url, sizeof(url), "%s dbname=postgres", p->server);
	for (int i = 0; i < p->count; i++) {
		snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", p->names[i]);
		test_sql(url, sql);
	}
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *walk)
{
	return remove(path);
}

void test_postgres_stop(struct test_postgres **postgres)
{
	struct test_postgres *p = *postgres;
	if (!*p->folder)
		drop_databases(p);
	if (p->process)
		end_process(p, SIGQUIT);
	if (*p->folder)
		nftw(p->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	for (int i = 0; i < p->count; i++)
		free(p->urls[i]);
	free(p);
	*postgres = NULL;
}
