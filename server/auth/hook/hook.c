/*
 * One look at the registry decides who answers: the service that is found is the one that is asked,
 * and only if there is none the built-in provider may.
 */
#include "server/auth/hook/hook.h"

#include "server/auth/auth.h"
#include "server/registry/call_shape.h"
#include "server/registry/third_party.h"

enum { EXTRA_MAX = 100 }; /* members */

struct asking {
	const struct hook *hook;
	const struct json *extra;
	struct third_party third;
	struct fetch_request request;
};

/* --- the question ----------------------------------------------------------------------------- */

struct question question_new(struct call *c)
{
	struct question q = {.call = c, .json = {.arena = c->arena}, .names = {.arena = c->arena}};

	buffer_add_char(&q.json, '{');
	return q;
}

static void add_name(struct question *q, const char *name)
{
	struct text text = text_of(name);

	buffer_add(&q->names, &text, sizeof(text));
}

static void add_member(struct question *q, struct text name, struct text value)
{
	json_write_name(&q->json, name);
	buffer_add_text(&q->json, value);
}

void question_put(struct question *q, const char *name, struct text value)
{
	add_name(q, name);
	add_member(q, text_of(name), value);
}

static void put_string(struct question *q, const char *name, const char *value)
{
	struct buffer b = {.arena = q->call->arena};

	json_write_string(&b, text_of(value));
	question_put(q, name, buffer_text(&b));
}

static bool missing(struct question *q, const char *name)
{
	return status_field(&q->call->status, q->call->arena, name, "is required");
}

static bool put_json(struct question *q, const char *name, struct text value)
{
	if (!json_valid(value))
		return status_field(&q->call->status, q->call->arena, name, "must be JSON");
	question_put(q, name, value);
	return true;
}

bool question_string(struct question *q, const char *name, const char *value)
{
	if (!*value)
		return missing(q, name);
	put_string(q, name, value);
	return true;
}

bool question_json(struct question *q, const char *name, const char *value)
{
	struct text json = text_trim(text_of(value));

	if (json.size == 0 || text_equal(json, TEXT("null")))
		return missing(q, name);
	return put_json(q, name, json);
}

bool question_list_or_object(struct question *q, const char *name, const char *value)
{
	struct text json = text_trim(text_of(value));

	if (!question_json(q, name, value))
		return false;
	return json.data[0] == '[' || json.data[0] == '{' ||
	       status_field(&q->call->status, q->call->arena, name,
		       "must be a JSON list or a JSON object");
}

bool question_optional_string(struct question *q, const char *name, bool given, const char *value)
{
	if (given)
		put_string(q, name, value);
	else
		add_name(q, name);
	return true;
}

bool question_optional_json(struct question *q, const char *name, bool given, const char *value)
{
	struct text json = text_trim(text_of(given ? value : ""));

	if (json.size > 0)
		return put_json(q, name, json);
	add_name(q, name);
	return true;
}

static bool has_name(const struct question *q, struct text name)
{
	const struct text *names = (const struct text *)q->names.data;

	for (size_t i = 0; i < q->names.size / sizeof(*names); i++)
		if (text_equal(names[i], name))
			return true;
	return false;
}

/* Those that are no field, and not in what goes before. */
static void add_members(struct question *q, const struct json *object, const struct json *before)
{
	for (const struct json *m = object ? object->first : NULL; m; m = m->next)
		if (!has_name(q, m->name) && !json_member(before, m->name))
			add_member(q, m->name, m->raw);
}

static bool read_extra(struct call *c, const char *extra, const struct json **object)
{
	if (!call_object(c->arena, "extra", text_of(extra), object, &c->status))
		return false;
	return !*object || (*object)->count <= EXTRA_MAX ||
	       status_field(
		       &c->status, c->arena, "extra", "must have at most %d members", EXTRA_MAX);
}

/* False with c->status set: there is no memory to read the registered data. */
static bool close_question(const struct asking *asking, struct question *q)
{
	const struct json *data = NULL;
	bool wanted = asking->hook->with_data && asking->third.data.size > 0;

	if (wanted)
		data = json_read(q->call->arena, asking->third.data, &q->call->status);
	if (wanted && !data)
		return false;
	add_members(q, asking->extra, NULL);
	add_members(q, data, asking->extra);
	buffer_add_char(&q->json, '}');
	return true;
}

/* --- who answers ------------------------------------------------------------------------------ */

/* False: nobody is registered with c->status NOT_FOUND, or it is not known with another. */
static bool find(struct call *c, const struct hook *hook, struct third_party *found)
{
	const char *server = auth_settings()->hook_server;

	if (!server)
		return status_set(&c->status, c->arena, STATUS_NOT_FOUND,
			"no server is named by --hook-server");
	return third_party_find(c, TEXT("default"), text_of(server), text_of(hook->name), found);
}

static enum next ask_nobody(struct call *c, const struct hook *hook)
{
	return fail(c, STATUS_PERMISSION_DENIED,
		"nobody answers %s: %s, and --hook-fallback is refuse", hook->name,
		c->status.message);
}

static enum next answered(struct call *c, const struct fetch_response *response)
{
	const struct asking *asking = c->state;
	const struct json *answer =
		third_party_answer(c, &asking->third, response, asking->hook->refusal, false);

	if (answer)
		return asking->hook->allowed(c, answer);
	return c->status.code == asking->hook->refusal && asking->hook->refused
		       ? asking->hook->refused(c)
		       : failed(c);
}

static enum next ask_third_party(struct call *c, struct asking *asking, struct question *q)
{
	if (!close_question(asking, q))
		return failed(c);
	third_party_request(c, &asking->third, "application/json", &asking->request);
	asking->request.body = buffer_text(&q->json);
	c->state = asking;
	return fetch(c, &asking->request, answered, NULL);
}

enum next hook_ask(struct call *c, const struct hook *hook, struct question *q, const char *extra)
{
	struct asking *asking = ARENA_NEW(c->arena, struct asking);

	asking->hook = hook;
	if (!read_extra(c, extra, &asking->extra))
		return failed(c);
	if (find(c, hook, &asking->third))
		return ask_third_party(c, asking, q);
	if (c->status.code != STATUS_NOT_FOUND)
		return failed(c);
	if (!auth_settings()->builtin && !hook->unconditional)
		return ask_nobody(c, hook);
	c->status = (struct status){.message = ""};
	return hook->builtin(c);
}
