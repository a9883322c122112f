/*
 * The attachments of a message. They are counted for each message, though they are in memory once,
 * since what carries them may copy them. A message that finds no room waits for those before it;
 * alone it always has room.
 */
#include "server/notice/attachment/attachment.h"
#include "server/notice/sending/sending_priv.h"

/* An attachment on its way to a parcel. */
struct enclosure {
	struct attachment_job job; /* first */
	struct loop_task task;
	struct parcel *parcel;
	const struct attachment_bytes *bytes; /* held */
	bool missing;                         /* it is not kept any more */
};

void enclosing_release(struct parcel *p)
{
	for (size_t i = 0; p->enclosures && i < p->content->attachment_count; i++)
		attachment_release(&p->enclosures[i].bytes);
	p->enclosures = NULL;
	p->sender->held_bytes -= p->held_bytes;
	p->held_bytes = 0;
}

static void enclosures_came(struct parcel *p)
{
	struct text *bytes =
		arena_array(p->arena, p->content->attachment_count, sizeof(struct text));
	bool missing = false;

	for (size_t i = 0; i < p->content->attachment_count; i++) {
		missing |= p->enclosures[i].missing;
		if (p->enclosures[i].bytes)
			bytes[i] = attachment_text(p->enclosures[i].bytes);
	}
	p->message.attachments = bytes;
	if (missing)
		parcel_fail(p, TEXT("attachment_missing"), "an attachment is not kept any more");
	else if (p->gives_back)
		parcel_give_back(p);
	else
		parcel_wait_for_pace(p);
}

static void enclosure_came(struct loop_task *task)
{
	struct enclosure *e = (struct enclosure *)((char *)task - offsetof(struct enclosure, task));
	struct parcel *p = e->parcel;

	if (!e->bytes && !e->missing && !p->gives_back) {
		p->gives_back = true;
		sender_hold(p->sender, AGAIN_MS);
	}
	if (--p->enclosing == 0)
		enclosures_came(p);
}

/* On a lane thread, or at once. */
static void enclosure_read(struct attachment_job *job, const struct attachment_bytes *bytes,
	const struct status *error)
{
	struct enclosure *e = (struct enclosure *)job;

	e->bytes = bytes;
	e->missing = !bytes && error->code == STATUS_NOT_FOUND;
	loop_post(sending.home, &e->task);
}

static void read_attachments(struct parcel *p)
{
	p->sender->held_bytes += p->held_bytes;
	p->enclosing = p->content->attachment_count;
	p->enclosures = arena_array(p->arena, p->enclosing, sizeof(*p->enclosures));
	for (size_t i = 0; i < p->content->attachment_count; i++) {
		struct enclosure *e = &p->enclosures[i];

		e->parcel = p;
		e->task.run = enclosure_came;
		e->job = (struct attachment_job){
			.id = p->content->attachments[i].id,
			.deadline = clock_now() + SUBMIT_MS * CLOCK_MS,
			.done = enclosure_read,
		};
		attachment_get(sending.lanes, &e->job);
	}
}

static size_t size_attachments(const struct parcel *p)
{
	size_t size = 0;

	for (size_t i = 0; i < p->content->attachment_count; i++)
		size += (size_t)p->content->attachments[i].size;
	return size;
}

void enclosing_go_on(struct sender *s)
{
	struct parcel *p, *next;
	int64_t now = clock_now();

	for (p = TAILQ_FIRST(&s->waiting); p; p = next) {
		size_t size = size_attachments(p);
		bool late = sending.leaving || now > p->taken_at + SUBMIT_MS * CLOCK_MS;

		next = TAILQ_NEXT(p, in_list);
		if (!late && s->held_bytes > 0 && s->held_bytes + size > HELD_BYTES)
			return;
		TAILQ_REMOVE(&s->waiting, p, in_list);
		if (late) {
			parcel_give_back(p);
			continue;
		}
		p->held_bytes = size;
		read_attachments(p);
	}
}

void enclosing_wait(struct parcel *p)
{
	TAILQ_INSERT_TAIL(&p->sender->waiting, p, in_list);
	sender_rouse(p->sender);
}
