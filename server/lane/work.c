/* A job that waits for a thread of the pool can be taken back; one that runs cannot, since run()
 * uses it: it ends when run() returns. The list is linked by task.next, which is free once the task
 * has run. */
#include "server/lane/work.h"

#include "base/check.h"
#include "server/lane/lane_priv.h"

static void run_work(uv_work_t *request)
{
	struct work_job *job = CONTAINER_OF(request, struct work_job, request);
	job->run(job);
}

static void unlink_job(struct work_lane *w, struct work_job *job)
{
	struct work_job **link = &w->first;
	while (*link != job)
		link = (struct work_job **)&(*link)->task.next;
	*link = (struct work_job *)job->task.next;
}

static void after_work(uv_work_t *request, int cancelled)
{
	struct work_job *job = CONTAINER_OF(request, struct work_job, request);
	struct lane_thread *t = lane_thread_current();
	const struct status *why = NULL;
	unlink_job(&t->work, job);
	lane_leave(&t->work.queued);
	if (cancelled && !lane_job_over(job->deadline, job->cancelled, &why))
		why = &lane_stopping;
	job->done(job, why);
}

static void on_arrival(struct loop_task *task)
{
	struct work_job *job = CONTAINER_OF(task, struct work_job, task);
	struct lane_thread *t = lane_thread_current();
	task->next = (struct loop_task *)t->work.first;
	t->work.first = job;
	CHECK(uv_queue_work(loop_uv(t->loop), &job->request, run_work, after_work) == 0);
	lane_thread_wake(t);
}

bool lane_work(struct lanes *lanes, struct work_job *job)
{
	struct lane_thread *t = lane_thread_here(lanes);
	if (!lane_admit(lanes, &t->work.queued))
		return false;
	job->task.run = on_arrival;
	loop_post(t->loop, &job->task);
	return true;
}

bool work_lane_sweep(struct work_lane *w, bool stopping)
{
	const struct status *why;
	for (struct work_job *job = w->first; job; job = (struct work_job *)job->task.next)
		if (stopping || lane_job_over(job->deadline, job->cancelled, &why))
			/* Refused if it runs already. */
			uv_cancel((uv_req_t *)&job->request);
	return w->first;
}
