/*
 * One attempt at a time, so that a PostgreSQL that comes back is not met by all connections of all
 * threads at once, and a dead one costs one thread of the pool for 2 seconds at most. The delay
 * doubles from 100 to 500 ms while attempts fail; the same reason is logged once.
 */
#include "server/lane/lane_priv.h"

#include "base/check.h"
#include "base/log.h"

#define DELAY_LEAST_MS 100
#define DELAY_MOST_MS  500

static void step(struct lane_thread *t);

static void changed_all(struct lane_thread *t)
{
	query_lane_flush(&t->query);
	append_lane_flush(&t->append);
	pool_lane_flush(&t->change);
	pool_lane_flush(&t->search);
}

static void on_room(void *arg)
{
	struct slot *slot = arg;
	slot->changed(slot);
}

static void on_lost(void *arg, const char *reason)
{
	struct slot *slot = arg;
	log_event(slot->leaving ? LOG_DEBUG : LOG_WARN, "connection to the database lost",
		LOG_NUMBER("lane", slot->thread->number), LOG_TEXT("reason", reason));
	slot->link = NULL;
	slot->leaving = false;
	atomic_fetch_sub(&slot->thread->lanes->up, 1);
	slot->changed(slot);
}

static void connected(struct lane_thread *t)
{
	struct connector *c = &t->connector;
	struct slot *slot = c->first;
	if (c->away)
		log_event(LOG_INFO, "connected to the database", LOG_NUMBER("lane", t->number));
	c->first = slot->next;
	c->away = false;
	c->delay_ms = DELAY_LEAST_MS;
	c->logged[0] = '\0';
	slot->wanted = false;
	atomic_fetch_sub(&t->lanes->wanted, 1);
	atomic_fetch_add(&t->lanes->up, 1);
	slot->link = link_open(loop_uv(t->loop), c->conn,
		&(struct link_owner){.room = on_room, .lost = on_lost, .arg = slot});
	c->conn = NULL;
	if (slot == &t->query.slot)
		lane_thread_connected(t);
	slot->changed(slot);
	step(t);
}

static void on_retry(void *arg)
{
	struct lane_thread *t = arg;
	loop_timer_stop(&t->connector.retry);
	step(t);
}

static void refused(struct lane_thread *t)
{
	struct connector *c = &t->connector;
	if (strcmp(c->reason, c->logged) != 0) {
		log_event(LOG_WARN, "cannot connect to the database", LOG_NUMBER("lane", t->number),
			LOG_TEXT("reason", c->reason));
		strcpy(c->logged, c->reason);
	}
	c->away = true;
	c->retry = loop_after(t->loop, c->delay_ms, on_retry, t);
	c->delay_ms = c->delay_ms * 2 < DELAY_MOST_MS ? c->delay_ms * 2 : DELAY_MOST_MS;
	changed_all(t);
}

static void run_connect(uv_work_t *request)
{
	struct lane_thread *t = request->data;
	struct connector *c = &t->connector;
	c->conn = db_connect(c->first->settings, c->reason);
}

static void after_connect(uv_work_t *request, int status)
{
	struct lane_thread *t = request->data;
	t->connector.running = false;
	if (t->stopping) {
		PQfinish(t->connector.conn);
		t->connector.conn = NULL;
	} else if (t->connector.conn) {
		connected(t);
	} else {
		refused(t);
	}
}

static void step(struct lane_thread *t)
{
	struct connector *c = &t->connector;
	if (!c->first || c->running || c->retry || t->stopping)
		return;
	c->running = true;
	CHECK(uv_queue_work(loop_uv(t->loop), &c->request, run_connect, after_connect) == 0);
}

void connector_init(struct lane_thread *t)
{
	t->connector.delay_ms = DELAY_LEAST_MS;
	t->connector.request.data = t;
}

void connector_want(struct slot *slot)
{
	struct slot **end = &slot->thread->connector.first;
	if (slot->wanted || slot->link || slot->thread->stopping)
		return;
	slot->wanted = true;
	atomic_fetch_add(&slot->thread->lanes->wanted, 1);
	slot->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = slot;
	step(slot->thread);
}

void connector_stop(struct lane_thread *t)
{
	loop_timer_stop(&t->connector.retry);
}

void slot_hang_up(struct slot *slot)
{
	slot->leaving = true;
	link_hang_up(slot->link);
}

void slot_close(struct slot *slot)
{
	if (slot->link)
		link_close(&slot->link);
}
