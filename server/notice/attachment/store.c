/* A part that is full is written before more is taken: what comes meanwhile waits where it comes
 * from. */
#include "server/notice/attachment/store.h"

#include "base/base64.h"
#include "base/clock.h"

static const struct statement put_part = {
	.name = "notice_put_attachment_part",
	.sql = "SELECT notice.put_attachment_part($1::uuid, $2::integer, decode($3, 'base64'))",
	.parameters = 3,
};

static const struct statement put_attachment = {
	.name = "notice_put_attachment",
	.sql = "SELECT notice.put_attachment($1::uuid, $2, $3, $4, $5::bigint, $6)",
	.parameters = 6,
};

void store_begin(struct call *c, struct attachment_store *s, const char *field)
{
	char *room = s->room ? s->room : arena_alloc(c->arena, ATTACHMENT_PART);
	struct buffer encoded = s->encoded.arena ? s->encoded : (struct buffer){.arena = c->arena};

	*s = (struct attachment_store){.field = field, .room = room, .encoded = encoded};
	uuid_random(s->id);
}

static enum next part_written(struct call *c, const struct rows *rows);

static enum next write_part(struct call *c, struct attachment_store *s)
{
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	s->encoded.size = 0;
	base64_write(&s->encoded, (struct text){s->room, s->used});
	s->used = 0;
	parameters[0] = text_of(s->id);
	parameters[1] = text_of(arena_printf(c->arena, "%d", ++s->parts));
	parameters[2] = buffer_text(&s->encoded);
	return change(c, &put_part, parameters, part_written);
}

static enum next take_rest(struct call *c)
{
	struct attachment_store *s = c->state;
	size_t fits = ATTACHMENT_PART - s->used;
	struct text taken = text_until(s->rest, s->rest.size < fits ? s->rest.size : fits);

	if (taken.size > 0)
		memcpy(s->room + s->used, taken.data, taken.size);
	s->used += taken.size;
	s->rest = text_from(s->rest, taken.size);
	return s->used == ATTACHMENT_PART ? write_part(c, s) : s->then(c);
}

static enum next part_written(struct call *c, const struct rows *rows)
{
	return take_rest(c);
}

enum next store_put(struct call *c, struct text bytes, call_step *then)
{
	struct attachment_store *s = c->state;
	int64_t limit = notice_settings()->attachment_limit;

	s->size += (int64_t)bytes.size;
	if (s->size > limit)
		return fail(c, STATUS_RESOURCE_EXHAUSTED,
			"%s: is beyond %lld bytes, the most that a file may have "
			"(--notice-attachment-limit)",
			s->field, (long long)limit);
	s->rest = bytes;
	s->then = then;
	return take_rest(c);
}

static enum next completed(struct call *c, const struct rows *rows)
{
	const struct attachment_store *s = c->state;

	return s->done(c);
}

static enum next write_row(struct call *c)
{
	struct attachment_store *s = c->state;
	struct text *parameters = arena_array(c->arena, 6, sizeof(*parameters));

	parameters[0] = text_of(s->id);
	parameters[1] = c->caller.space;
	parameters[2] = s->name;
	parameters[3] = s->content_type;
	parameters[4] = text_of(arena_printf(c->arena, "%lld", (long long)s->size));
	parameters[5] = s->file_id;
	return change(c, &put_attachment, parameters, completed);
}

enum next store_complete(struct call *c, call_step *then)
{
	struct attachment_store *s = c->state;

	s->done = then;
	s->then = write_row;
	s->rest = (struct text){0};
	return s->used > 0 ? write_part(c, s) : write_row(c);
}

/* --- names ------------------------------------------------------------------------------------ */

bool store_name_holds(struct text name)
{
	return name.size > 0 && name.size <= ATTACHMENT_NAME_MAX && !text_has_control(name) &&
	       text_utf8_error(name) == name.size && text_find(name, '/', 0) == name.size &&
	       text_find(name, '\\', 0) == name.size;
}

bool store_content_type_holds(struct text type)
{
	for (size_t i = 0; i < type.size; i++)
		if (type.data[i] < ' ' || type.data[i] > '~')
			return false;
	return type.size > 0 && type.size <= ATTACHMENT_NAME_MAX;
}
