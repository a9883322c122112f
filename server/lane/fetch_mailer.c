/*
 * Design: a thread for each connection. curl's SMTP waits, holding the thread, for the answer to a
 * mail's last dot and to QUIT; on the lane's own thread one slow server would hold up all.
 *
 * A mailer that is given a mail to its last server uses the connection it has kept. The lane takes
 * the one that was used last, so that those that are not needed fall silent, end their connection
 * and wait without one. Whoever must not wait shuts the socket down: whatever curl does with it
 * ends at once. Only a name that is being resolved cannot be given up so, but within a second by
 * curl's progress function.
 */
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "base/check.h"
#include "server/lane/fetch_mail.h"

enum { KEPT_S = 10 };

struct mailer {
	struct mailers *all;
	TAILQ_ENTRY(mailer) in_idle;
	struct loop_task ended; /* the transfer's */
	struct transfer *sent;  /* the lane's: NULL while it is idle */
	char *target;           /* the lane's: of its last mail; NULL: none yet */
	bool secured;
	pthread_t thread;
	struct mail_line line;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t told;
	struct transfer *next; /* what it is to send; stays until that is done */
	bool stop;
	bool leaving; /* it ends the connection that it has kept */
};

struct mailers {
	struct loop *loop;
	void (*ended)(struct transfer *t, void *arg);
	void *arg;
	TAILQ_HEAD(mailer_list, mailer) idle; /* the last used first */
	struct mailer *each[MAILERS_MOST];
	int count, active;
	bool stopped;
};

/* --- the mailer's thread ---------------------------------------------------------------------- */

/* Waits for a mail; NULL: it is to stop, or, with wait_s > 0, none came for so long. */
static struct transfer *await(struct mailer *m, int wait_s)
{
	struct timespec until;
	bool late = false;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_s;
	pthread_mutex_lock(&m->lock);
	while (!m->next && !m->stop && !late) {
		if (wait_s > 0)
			late = pthread_cond_timedwait(&m->told, &m->lock, &until) != 0;
		else
			pthread_cond_wait(&m->told, &m->lock);
	}
	m->leaving = !m->next;
	pthread_mutex_unlock(&m->lock);
	return m->next;
}

/* Says QUIT, and waits for the answer unless the socket is shut down. */
static void disconnect(struct mailer *m, CURL **easy)
{
	curl_easy_cleanup(*easy);
	*easy = NULL;
	pthread_mutex_lock(&m->lock);
	m->leaving = false;
	pthread_mutex_unlock(&m->lock);
}

static void hand_back(struct mailer *m)
{
	pthread_mutex_lock(&m->lock);
	m->next = NULL;
	if (!m->stop)
		loop_post(m->all->loop, &m->ended);
	pthread_mutex_unlock(&m->lock);
}

static bool is_stopped(struct mailer *m)
{
	bool stopped;

	pthread_mutex_lock(&m->lock);
	stopped = m->stop;
	pthread_mutex_unlock(&m->lock);
	return stopped;
}

static void *work(void *arg)
{
	struct mailer *m = arg;
	CURL *easy = NULL;

	while (!is_stopped(m)) {
		struct transfer *t = await(m, easy ? KEPT_S : 0);

		if (t) {
			easy = easy ? easy : curl_easy_init();
			CHECK(easy);
			mail_send(t, easy, &m->line);
			hand_back(m);
		} else {
			disconnect(m, &easy);
		}
	}
	disconnect(m, &easy);
	return NULL;
}

/* --- the lane's thread ------------------------------------------------------------------------ */

static void shut_down(struct mailer *m)
{
	pthread_mutex_lock(&m->line.lock);
	if (m->line.socket >= 0)
		shutdown(m->line.socket, SHUT_RDWR);
	pthread_mutex_unlock(&m->line.lock);
}

static void on_ended(struct loop_task *task)
{
	struct mailer *m = (struct mailer *)((char *)task - offsetof(struct mailer, ended));
	struct mailers *all = m->all;
	struct transfer *t = m->sent;

	if (all->stopped)
		return;
	m->sent = NULL;
	t->mailer = NULL;
	all->active--;
	TAILQ_INSERT_HEAD(&all->idle, m, in_idle);
	all->ended(t, all->arg);
}

static struct mailer *mailer_new(struct mailers *all)
{
	struct mailer *m = check_calloc(1, sizeof(*m));
	pthread_condattr_t monotonic;

	m->all = all;
	m->ended.run = on_ended;
	m->line.socket = -1;
	pthread_mutex_init(&m->line.lock, NULL);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&m->told, &monotonic);
	pthread_condattr_destroy(&monotonic);
	CHECK(pthread_create(&m->thread, NULL, work, m) == 0);
	TAILQ_INSERT_TAIL(&all->idle, m, in_idle);
	all->each[all->count++] = m;
	return m;
}

static bool knows(const struct mailer *m, const struct transfer *t)
{
	return m->target && m->secured == t->https && strcmp(m->target, t->target) == 0;
}

/* One that knows the server, or a new one, or any. */
static struct mailer *choose(struct mailers *all, const struct transfer *t)
{
	struct mailer *m;

	TAILQ_FOREACH(m, &all->idle, in_idle)
	{
		if (knows(m, t))
			return m;
	}
	return all->count < MAILERS_MOST ? mailer_new(all) : TAILQ_LAST(&all->idle, mailer_list);
}

struct mailers *mailers_new(
	struct loop *loop, void (*ended)(struct transfer *t, void *arg), void *arg)
{
	struct mailers *all = check_calloc(1, sizeof(*all));

	all->loop = loop;
	all->ended = ended;
	all->arg = arg;
	TAILQ_INIT(&all->idle);
	return all;
}

bool mailers_free(const struct mailers *all)
{
	return all->active < MAILERS_MOST;
}

void mailers_send(struct mailers *all, struct transfer *t)
{
	struct mailer *m = choose(all, t);

	TAILQ_REMOVE(&all->idle, m, in_idle);
	all->active++;
	m->sent = t;
	t->mailer = m;
	atomic_store(&m->line.broken, false);
	pthread_mutex_lock(&m->lock);
	if (m->leaving || !knows(m, t))
		shut_down(m);
	m->next = t;
	pthread_cond_signal(&m->told);
	pthread_mutex_unlock(&m->lock);
	if (!knows(m, t)) {
		free(m->target);
		m->target = check_strdup(t->target);
		m->secured = t->https;
	}
}

void mailers_break(struct transfer *t)
{
	atomic_store(&t->mailer->line.broken, true);
	shut_down(t->mailer);
}

void mailers_stop(struct mailers *all)
{
	all->stopped = true;
	for (int i = 0; i < all->count; i++) {
		struct mailer *m = all->each[i];

		pthread_mutex_lock(&m->lock);
		m->stop = true;
		pthread_cond_signal(&m->told);
		pthread_mutex_unlock(&m->lock);
		atomic_store(&m->line.broken, true);
		shut_down(m);
	}
	for (int i = 0; i < all->count; i++) {
		struct mailer *m = all->each[i];

		CHECK(pthread_join(m->thread, NULL) == 0);
		if (m->sent)
			m->sent->mailer = NULL;
	}
}

void mailers_delete(struct mailers **mailers)
{
	struct mailers *all = *mailers;

	*mailers = NULL;
	for (int i = 0; i < all->count; i++) {
		struct mailer *m = all->each[i];

		pthread_cond_destroy(&m->told);
		pthread_mutex_destroy(&m->lock);
		pthread_mutex_destroy(&m->line.lock);
		free(m->target);
		free(m);
	}
	free(all);
}
