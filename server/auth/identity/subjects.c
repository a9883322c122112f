/* PutSubject, GetSubject, ListSubjects, DeleteSubject. */
#include "base/json.h"
#include "server/auth/identity/store.h"
#include "server/db/array.h"
#include "server/page.h"
#include "server/registry/message.h"
#include "steps.gen.h"

enum { SERVICES_MOST = 100, SERVICE_LIMIT = 255, PAGE_USUAL = 100, PAGE_MOST = 1000 };

enum column {
	KIND,
	NAME,
	TITLE,
	DISABLED,
	SERVICES,
	CREATED,
	UPDATED,
	COLUMNS,
	MEMBERS = COLUMNS /* of get_subject only */
};

#define SUBJECT_COLUMNS                                                                            \
	"s.kind, s.name, s.title, s.disabled, to_json(s.services), "                               \
	"auth.milliseconds(s.created_at), auth.milliseconds(s.updated_at)"

static const struct statement put_subject = {
	.name = "auth_put_subject",
	.sql = "SELECT " SUBJECT_COLUMNS " FROM auth.put_subject($1, $2, $3, $4, $5, $6, $7) AS s",
	.parameters = 7,
};

static const struct statement get_subject = {
	.name = "auth_get_subject",
	.sql = "SELECT " SUBJECT_COLUMNS ", (SELECT coalesce(json_agg(json_build_array(m.kind, "
	       "m.name)), '[]') FROM (SELECT g.kind, g.name FROM auth.member g WHERE s.kind = "
	       "'group' AND g.group_name = s.name UNION ALL SELECT 'group', g.group_name FROM "
	       "auth.member g WHERE g.kind = s.kind AND g.name = s.name ORDER BY 1, 2 LIMIT 10000) "
	       "AS m) FROM auth.subject s WHERE s.kind = $1 AND s.name = $2",
	.parameters = 2,
};

static const struct statement list_subjects = {
	.name = "auth_list_subjects",
	.sql = "SELECT " SUBJECT_COLUMNS " FROM auth.subject s WHERE $1 IN ('', s.kind) AND "
	       "starts_with(s.name, $2) AND (s.kind, s.name) > ($3, $4) ORDER BY s.kind, s.name "
	       "LIMIT $5::bigint",
	.parameters = 5,
};

static const struct statement delete_subject = {
	.name = "auth_delete_subject",
	.sql = "SELECT auth.delete_subject($1, $2, $3, $4)",
	.parameters = 4,
};

/* NULL with c->status set. */
static Auth__SubjectRecord *record_of(struct call *c, const struct rows *rows, int row)
{
	Auth__SubjectRecord *record = ARENA_NEW(c->arena, Auth__SubjectRecord);

	auth__subject_record__init(record);
	record->subject = store_subject_message(
		c->arena, rows_text(rows, row, KIND), rows_text(rows, row, NAME));
	record->title = arena_string(c->arena, rows_text(rows, row, TITLE));
	record->disabled = rows_bool(rows, row, DISABLED);
	record->created_at = message_time(c->arena, rows_int64(rows, row, CREATED));
	record->updated_at = message_time(c->arena, rows_int64(rows, row, UPDATED));
	return store_read_texts(c->arena, rows_text(rows, row, SERVICES), &record->n_services,
		       &record->services, &c->status)
		       ? record
		       : NULL;
}

/* --- PutSubject ------------------------------------------------------------------------------- */

static bool read_service(struct call *c, size_t index, const char *name)
{
	const char *field = arena_printf(c->arena, "record.services[%zu]", index);
	struct text service = text_of(name);

	if (service.size == 0)
		return status_field(&c->status, c->arena, field, "is required");
	if (service.size > SERVICE_LIMIT || text_has_control(service))
		return status_field(&c->status, c->arena, field,
			"must have at most %d bytes, none of them a control character",
			SERVICE_LIMIT);
	return true;
}

static bool read_services(struct call *c, enum subject_kind kind, const Auth__SubjectRecord *given,
	struct text *services)
{
	struct buffer array = {.arena = c->arena};

	if (kind != SUBJECT_APPLICATION && given->n_services > 0)
		return status_field(&c->status, c->arena, "record.services",
			"must be empty but of an application");
	if (given->n_services > SERVICES_MOST)
		return status_field(&c->status, c->arena, "record.services", "must be at most %d",
			SERVICES_MOST);
	for (size_t i = 0; i < given->n_services; i++) {
		if (!read_service(c, i, given->services[i]))
			return false;
		array_add(&array, text_of(given->services[i]));
	}
	*services = array_text(&array);
	return true;
}

static enum next put(struct call *c, const struct rows *rows)
{
	Auth__PutSubjectResponse *out = ARENA_NEW(c->arena, Auth__PutSubjectResponse);

	auth__put_subject_response__init(out);
	out->record = record_of(c, rows, 0);
	return out->record ? STORE_REPLY(c, out) : failed(c);
}

enum next auth_put_subject(struct call *c)
{
	const Auth__SubjectRecord *given = call_request(c, Auth__PutSubjectRequest)->record;
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));
	struct store_subject subject;

	if (!given)
		return fail_field(c, "record", "is required");
	if (!store_read_subject(
		    c->arena, "record.subject", given->subject, true, &subject, &c->status) ||
		!store_title(c->arena, "record.title", given->title, &c->status) ||
		!read_services(c, subject.kind, given, &parameters[5]))
		return failed(c);
	parameters[0] = audit_caller(c);
	parameters[1] = subject_kind_word(subject.kind);
	parameters[2] = subject.name;
	parameters[3] = text_of(given->title);
	parameters[4] = given->disabled ? TEXT("true") : TEXT("false");
	parameters[6] = store_token_seconds(c);
	return change(c, &put_subject, parameters, put);
}

/* --- GetSubject ------------------------------------------------------------------------------- */

/* Pairs of kind and name. */
static bool read_members(struct call *c, struct text json, Auth__SubjectRecord *record)
{
	const struct json *list = json_read(c->arena, json, &c->status);

	if (!list)
		return false;
	record->members = arena_array(c->arena, list->count, sizeof(*record->members));
	for (const struct json *pair = list->first; pair; pair = pair->next)
		record->members[record->n_members++] = store_subject_message(
			c->arena, pair->first->string, pair->first->next->string);
	return true;
}

static enum next got(struct call *c, const struct rows *rows)
{
	const Auth__GetSubjectRequest *in = call_request(c, Auth__GetSubjectRequest);
	Auth__GetSubjectResponse out = AUTH__GET_SUBJECT_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "no %s %s",
			subject_kind_word(subject_kind_of(text_of(in->kind))).data, in->name);
	out.record = record_of(c, rows, 0);
	if (!out.record || !read_members(c, rows_text(rows, 0, MEMBERS), out.record))
		return failed(c);
	return REPLY(c, &out);
}

enum next auth_get_subject(struct call *c)
{
	const Auth__GetSubjectRequest *in = call_request(c, Auth__GetSubjectRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));
	struct store_subject subject;

	if (!store_find_subject(c->arena, in->kind, in->name, &subject, &c->status))
		return failed(c);
	parameters[0] = subject_kind_word(subject.kind);
	parameters[1] = subject.name;
	return query(c, &get_subject, parameters, got);
}

/* --- ListSubjects ----------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Auth__ListSubjectsResponse out = AUTH__LIST_SUBJECTS_RESPONSE__INIT;
	int count = page_rows(page, rows, COLUMNS);

	out.records = arena_array(c->arena, (size_t)count, sizeof(*out.records));
	for (int i = 0; i < count; i++) {
		Auth__SubjectRecord *record = record_of(c, rows, i);

		if (!record)
			return failed(c);
		out.records[out.n_records++] = record;
	}
	if (count < rows_count(rows)) {
		const struct text key[] = {
			rows_text(rows, count - 1, KIND), rows_text(rows, count - 1, NAME)};
		out.next_page_token = page_token(c->arena, key, 2);
	}
	return REPLY(c, &out);
}

enum next auth_list_subjects(struct call *c)
{
	const Auth__ListSubjectsRequest *in = call_request(c, Auth__ListSubjectsRequest);
	struct text *parameters = arena_array(c->arena, 5, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!store_read_kind(c->arena, in->kind, &parameters[0], &c->status) ||
		!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, 2, page,
			&c->status))
		return failed(c);
	parameters[1] = store_prefix(c->arena, in->prefix);
	parameters[2] = page->after[0];
	parameters[3] = page->after[1];
	parameters[4] = page_limit(c->arena, page);
	c->state = page;
	return change(c, &list_subjects, parameters, listed);
}

/* --- DeleteSubject ---------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Auth__DeleteSubjectResponse *out = ARENA_NEW(c->arena, Auth__DeleteSubjectResponse);

	auth__delete_subject_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_subject(struct call *c)
{
	const Auth__DeleteSubjectRequest *in = call_request(c, Auth__DeleteSubjectRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	struct store_subject subject;

	if (!store_find_subject(c->arena, in->kind, in->name, &subject, &c->status))
		return failed(c);
	parameters[0] = audit_caller(c);
	parameters[1] = subject_kind_word(subject.kind);
	parameters[2] = subject.name;
	parameters[3] = store_token_seconds(c);
	return change(c, &delete_subject, parameters, deleted);
}
