/*
 * Columns are event.append's parameters, in their order. They point into the request where that has
 * the text already; an empty text is NULL.
 *
 * The hash that tells whether an id comes with the same event again is made of all that was
 * published, each part behind its length. Data is sealed once, however often it is matched.
 */
#include "server/event/publishing.h"

#include "base/json.h"
#include "base/metric.h"
#include "server/db/array.h"
#include "server/db/bytea.h"
#include "server/event/delivery/engine.h"
#include "server/event/event.h"
#include "server/event/stored.h"
#include "server/event/subscription/topic.h"
#include "server/registry/node_health.h"
#include "server/seal.h"

enum { ID_MAX = 255, KEY_MAX = 255, GROUP_MAX = 255, BATCH = 256 };

enum column {
	ID,
	GIVEN,
	REVISION,
	NAMESPACE,
	NAME,
	DATA,
	SEALED,
	KEY_ID,
	KEY,
	GROUP,
	QUEUES,
	BODY_HASH,
	USER_NAME,
	APPLICATION,
	ADDRESS,
	NODE,
	TRACE_ID,
};

/* Of a row that event.append gives. */
enum { PLACE, POSITION, PREVIOUS, OUTCOME };

static const struct statement append_events = {
	.name = "event_append",
	.sql = "SELECT r_place, r_position, r_previous, r_outcome FROM event.append($1::text[], "
	       "$2::boolean[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[], "
	       "$8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], "
	       "$14::text[], $15::text[], $16::text[], $17::text[])",
	.parameters = PUBLISHING_COLUMNS,
};

const struct append_log publishing_log = {&append_events, PUBLISHING_COLUMNS, BATCH};

const struct statement publishing_make_queues = {
	.name = "event_make_queues",
	.sql = "SELECT event.make_queue(q.namespace, q.group_name) FROM (SELECT DISTINCT * FROM "
	       "unnest($1::text[], $2::text[]) AS g (namespace, group_name) ORDER BY 1, 2) AS q",
	.parameters = 2,
};

/* --- metric ----------------------------------------------------------------------------------- */

enum outcome_label { PUBLISHED, REPEATED, REFUSED, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {"published", "repeated", "refused"};

	return names[index];
}

static struct metric events = {
	.name = "junction_event_published_total",
	.help = "Events by what came of them; refused: for what stood in them.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

void publishing_start(void)
{
	metric_register(&events);
}

/* --- what was given --------------------------------------------------------------------------- */

static bool read_name(struct publishing *p, struct status *status)
{
	const char *fault = topic_name_fault(p->name);

	return !fault || status_field(status, p->arena, "event", "%s", fault);
}

static bool read_data(struct publishing *p, struct status *status)
{
	size_t most = event_settings()->data_limit;

	if (p->data.size == 0)
		p->data = TEXT("null");
	if (p->data.size > most)
		return status_field(status, p->arena, "data", "must have at most %zu bytes", most);
	return json_valid(p->data) ||
	       status_field(status, p->arena, "data", "must be a JSON value");
}

/* Empty: it was not given. */
static bool read_text(struct publishing *p, const char *field, struct text given, size_t most,
	struct status *status)
{
	if (given.size > most)
		return status_field(status, p->arena, field, "must have at most %zu bytes", most);
	return !text_has_control(given) ||
	       status_field(status, p->arena, field, "must not hold control characters");
}

static struct text hash(const struct publishing *p)
{
	const struct text parts[] = {p->name, p->data, p->key, p->group};
	unsigned char hash[SEAL_HASH];
	struct arena *framing = arena_new(0);
	struct buffer all = {.arena = framing};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buffer_printf(&all, "%zu:", parts[i].size);
		buffer_add_text(&all, parts[i]);
	}
	seal_hash(buffer_text(&all), hash);
	arena_free(&framing);
	return bytea_text(p->arena, hash, sizeof(hash));
}

static void set_id(struct publishing *p)
{
	bool given = p->id.size > 0;

	if (given) {
		p->columns[BODY_HASH] = hash(p);
	} else {
		char *made = arena_alloc(p->arena, 37);

		uuid_ordered(made);
		p->id = (struct text){made, 36};
	}
	p->columns[ID] = p->id;
	p->columns[GIVEN] = given ? TEXT("t") : TEXT("f");
}

static void set_columns(struct publishing *p, const struct caller *caller)
{
	struct text *columns = p->columns;

	set_id(p);
	columns[NAMESPACE] = p->space;
	columns[NAME] = p->name;
	columns[KEY] = sql_or_null(p->key);
	columns[GROUP] = sql_or_null(p->group);
	columns[USER_NAME] = sql_or_null(caller->user);
	columns[APPLICATION] = sql_or_null(caller->application);
	columns[ADDRESS] = sql_or_null(caller->address);
	columns[NODE] = node_name();
	columns[TRACE_ID] = sql_or_null(caller->trace.id);
}

bool publishing_read(struct arena *a, const struct caller *caller, const Event__PublishRequest *in,
	struct publishing *p, struct status *status)
{
	*p = (struct publishing){
		.arena = a,
		.space = caller->space,
		.name = text_of(in->event),
		.id = text_of(in->event_id),
		.data = text_of(in->data),
		.key = text_of(in->key),
		.group = text_of(in->group),
	};
	if (!read_name(p, status) || !read_data(p, status) ||
		!read_text(p, "eventId", p->id, ID_MAX, status) ||
		!read_text(p, "group", p->group, GROUP_MAX, status) ||
		!read_text(p, "key", p->key, KEY_MAX, status)) {
		metric_add(&events, REFUSED, 1);
		return false;
	}
	set_columns(p, caller);
	return true;
}

/* --- who gets it ------------------------------------------------------------------------------ */

static struct text number(struct arena *a, int64_t value)
{
	return text_of(arena_printf(a, "%lld", (long long)value));
}

static struct subscriptions_match match_group(struct arena *a, const struct event_queue *queue)
{
	int *id = arena_alloc(a, sizeof(*id));
	struct subscriptions_match match = {.queues = id, .count = 1};

	*id = queue->id;
	for (size_t i = 0; i < queue->member_count; i++)
		match.encrypt_stored |= queue->members[i]->encrypt_stored;
	return match;
}

static bool set_data(struct publishing *p, struct status *status)
{
	struct text *columns = p->columns;

	if (!p->match.encrypt_stored) {
		columns[DATA] = p->data;
		columns[SEALED] = columns[KEY_ID] = (struct text){0};
		return true;
	}
	if (!seal_available())
		return status_set(status, p->arena, STATUS_FAILED_PRECONDITION,
			"a subscription wants its data encrypted, and the server has no "
			"--key-file");
	columns[DATA] = (struct text){0};
	if (!columns[SEALED].data) {
		struct text sealed = seal_data(p->arena, p->id, p->data, &columns[KEY_ID]);

		columns[SEALED] = bytea_text(p->arena, sealed.data, sealed.size);
	}
	return true;
}

static struct text queues_array(struct arena *a, const struct subscriptions_match *match)
{
	struct buffer array = {.arena = a};

	for (size_t i = 0; i < match->count; i++)
		array_add_number(&array, match->queues[i]);
	return array_text(&array);
}

bool publishing_lacks_queue(const struct publishing *p, const struct subscriptions *s)
{
	return p->group.size > 0 && !subscriptions_group(s, p->space, p->group);
}

enum write_step publishing_match(
	struct publishing *p, const struct subscriptions *s, struct status *status)
{
	if (!s || publishing_lacks_queue(p, s))
		return WRITE_AGAIN;
	if (p->group.size > 0)
		p->match = match_group(p->arena, subscriptions_group(s, p->space, p->group));
	else
		p->match = subscriptions_match(s, p->arena, p->space, p->name, p->data);
	if (!set_data(p, status))
		return WRITE_REFUSED;
	p->columns[REVISION] = number(p->arena, subscriptions_revision(s));
	p->columns[QUEUES] = queues_array(p->arena, &p->match);
	return WRITE_GO;
}

/* --- what came of it -------------------------------------------------------------------------- */

enum write_step publishing_finish(struct publishing *p, const struct rows *rows, int row,
	Event__PublishResponse *response, struct status *status)
{
	struct text outcome = row < 0 ? TEXT("") : rows_text(rows, row, OUTCOME);
	bool published = text_equal(outcome, TEXT("published"));

	if (text_equal(outcome, TEXT("stale")))
		return WRITE_AGAIN;
	if (text_equal(outcome, TEXT("conflict"))) {
		metric_add(&events, REFUSED, 1);
		status_set(status, p->arena, STATUS_ALREADY_EXISTS,
			"eventId: has been published with something else");
		return WRITE_REFUSED;
	}
	if (!published && !text_equal(outcome, TEXT("repeated"))) {
		status_set(status, p->arena, STATUS_INTERNAL, "the event was not published");
		return WRITE_REFUSED;
	}
	*response = (Event__PublishResponse)EVENT__PUBLISH_RESPONSE__INIT;
	response->event_id = arena_string(p->arena, p->id);
	response->cursor = arena_string(p->arena, rows_text(rows, row, POSITION));
	response->repeated = !published;
	metric_add(&events, published ? PUBLISHED : REPEATED, 1);
	if (published)
		engine_published(rows_int64(rows, row, POSITION), rows_int64(rows, row, PREVIOUS),
			p->match.queues, p->match.count, p->key);
	return WRITE_GO;
}

struct text publishing_who(struct arena *a, const struct caller *caller)
{
	struct text who = caller->user.size > 0          ? caller->user
			  : caller->application.size > 0 ? caller->application
							 : caller->address;

	return arena_text(a, who);
}
