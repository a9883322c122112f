/* On the home loop: ask whether a server has been here, make a password on the work pool, add the
 * user. One thing is under way at a time. A server that dies before it has printed the password
 * leaves an administrator whose password nobody knows: that is what the command is for. */
#include "server/auth/session/administrator.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/auth/identity/store.h"
#include "server/auth/secret.h"
#include "server/auth/session/password.h"
#include "server/db/once.h"
#include "server/lane/errand.h"
#include "server/lane/work.h"

enum { AGAIN_MS = 500 };

static const struct statement lacks_administrator = {
	.name = "auth_lacks_administrator",
	.sql = "SELECT auth.lacks_administrator()",
};

static const struct statement add_administrator = {
	.name = "auth_add_administrator",
	.sql = "SELECT auth.add_administrator($1, $2)",
	.parameters = 2,
};

static const struct statement reset_administrator = {
	.name = "auth_reset_administrator",
	.sql = "SELECT auth.reset_administrator(NULL, $1, $2::bigint)",
	.parameters = 2,
};

static struct {
	struct lanes *lanes;
	struct loop *home;
	struct loop_task starting;
	struct loop_timer *next;
	struct errand ask, add;
	struct work_job work;
	struct arena *arena; /* of the two, while there are any */
	struct text password, hash;
	bool lacking, added;
	atomic_bool ready;
} first;

static void look(void *arg);

static void look_again(void)
{
	loop_timer_stop(&first.next);
	first.next = loop_after(first.home, AGAIN_MS, look, NULL);
}

static void forget_password(void)
{
	if (first.arena)
		secret_wipe((char *)first.password.data, first.password.size);
	arena_free(&first.arena);
}

/* One call: other threads print, too. */
static void print(struct text password)
{
	printf("administrator one-time password: %.*s\n", TEXT_ARGS(password));
	fflush(stdout);
}

/* --- adding it -------------------------------------------------------------------------------- */

static void read_added(struct errand *e, const struct rows *rows)
{
	first.added = rows_bool(rows, 0, 0);
}

static void added(struct errand *e)
{
	if (!e->failed && first.added)
		print(first.password);
	forget_password();
	atomic_store(&first.ready, !e->failed);
	if (!e->failed)
		return;
	log_event(LOG_WARN,
		"the first administrator could not be made; if it was, without an answer, the "
		"command administrator gives it a password");
	look_again();
}

static void add(void)
{
	struct errand *e = &first.add;

	errand_begin(e);
	struct text *parameters = arena_array(e->arena, 2, sizeof(*parameters));
	parameters[0] = audit_own_caller(e->arena);
	parameters[1] = first.hash;
	errand_send(e, &add_administrator, parameters);
}

/* --- making a password ------------------------------------------------------------------------ */

static void make(struct work_job *job)
{
	first.hash = password_make_one_time(first.arena, &first.password);
}

static void made(struct work_job *job, const struct status *error)
{
	/* An error: the lanes are stopping. */
	if (error)
		forget_password();
	else
		add();
}

static void begin_making(void)
{
	first.arena = arena_new(0);
	first.password = TEXT("");
	first.work = (struct work_job){.run = make, .done = made, .deadline = CLOCK_NEVER};
	if (lane_work(first.lanes, &first.work))
		return;
	forget_password();
	look_again();
}

/* --- asking ----------------------------------------------------------------------------------- */

static void read_lacking(struct errand *e, const struct rows *rows)
{
	first.lacking = rows_bool(rows, 0, 0);
}

static void asked(struct errand *e)
{
	if (e->failed)
		look_again();
	else if (first.lacking)
		begin_making();
	else
		atomic_store(&first.ready, true);
}

static void look(void *arg)
{
	loop_timer_stop(&first.next);
	errand_begin(&first.ask);
	errand_send(&first.ask, &lacks_administrator, NULL);
}

/* --- life ------------------------------------------------------------------------------------- */

static void begin(struct loop_task *task)
{
	look(NULL);
}

void administrator_start(struct lanes *lanes)
{
	first.lanes = lanes;
	first.home = lane_loop(lanes, 0);
	first.ask = (struct errand){
		.lanes = lanes, .home = first.home, .read = read_lacking, .landed = asked};
	first.add = (struct errand){
		.lanes = lanes, .home = first.home, .read = read_added, .landed = added};
	first.starting.run = begin;
	loop_post(first.home, &first.starting);
}

bool administrator_ready(void)
{
	return atomic_load(&first.ready);
}

void administrator_stop(void)
{
	forget_password();
	errand_end(&first.ask);
	errand_end(&first.add);
}

/* --- the command ------------------------------------------------------------------------------ */

bool administrator_reset(
	const char *database_url, int64_t token_seconds, struct arena *a, struct status *status)
{
	struct text password, parameters[2];

	secret_start();
	parameters[0] = password_make_one_time(a, &password);
	parameters[1] = text_of(arena_printf(a, "%lld", (long long)token_seconds));
	if (!db_once(database_url, &reset_administrator, parameters, a, status))
		return false;
	print(password);
	return true;
}
