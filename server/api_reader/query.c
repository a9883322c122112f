/* Query: how far a job is, as FATE Flow's client asks for it: JSON, even with GET. */
#include "junction/v1/api_reader.pb-c.h"
#include "server/api_reader/request.h"
#include "server/registry/third_party.h"
#include "steps.gen.h"

/* FATE Flow takes any word but "running" and "success" for a failure (facts of the real client). */
static const char *known_word(struct text status)
{
	static const struct {
		const char *theirs, *ours;
	} words[] = {
		{"success", "success"},
		{"running", "running"},
		{"waiting", "running"},
		{"pending", "running"},
		{"queued", "running"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (text_equal_nocase(status, text_of(words[i].theirs)))
			return words[i].ours;
	return NULL;
}

/* A word, or a number as it is written; empty if it is none of that. */
static struct text word(const struct json *status)
{
	if (status && status->type == JSON_NUMBER)
		return status->raw;
	return status && status->type == JSON_STRING ? status->string : TEXT("");
}

static struct text find_status(const struct json *answer)
{
	struct text status = word(json_member(json_member(answer, TEXT("data")), TEXT("status")));

	return status.size > 0 ? status : word(json_member(answer, TEXT("status")));
}

static enum next answered(struct call *c, const struct fetch_response *response)
{
	const struct third_party *party = c->state;
	const struct json *answer = third_party_answer(c, party, response, STATUS_UNKNOWN, true);
	ApiReader__QueryResponse out = API_READER__QUERY_RESPONSE__INIT;
	ApiReader__QueryData data = API_READER__QUERY_DATA__INIT;
	struct text status;

	if (!answer)
		return failed(c);
	status = find_status(answer);
	if (status.size == 0 || memchr(status.data, '\0', status.size))
		return fail(c, STATUS_UNKNOWN, "%s answered without a status", party->name);
	data.reported = arena_string(c->arena, status);
	out.status = (char *)known_word(status);
	if (!out.status)
		out.status = data.reported;
	if (strcmp(out.status, data.reported) != 0)
		data._reported_case = API_READER__QUERY_DATA___REPORTED_REPORTED;
	data.status = out.status;
	out.data = &data;
	return REPLY(c, &out);
}

enum next api_reader_query(struct call *c)
{
	const ApiReader__QueryRequest *in = call_request(c, ApiReader__QueryRequest);
	struct third_party *party = ARENA_NEW(c->arena, struct third_party);
	struct fetch_request *request = ARENA_NEW(c->arena, struct fetch_request);
	struct text job_id = text_of(in->job_id);

	if (!*in->server_name)
		return fail_field(c, "server_name", "is required");
	if (!request_check_job(c->arena, job_id, &c->status) ||
		!third_party_find(
			c, c->caller.space, text_of(in->server_name), TEXT("query"), party) ||
		!third_party_may(c, party))
		return failed(c);
	c->state = party;
	third_party_request(c, party, "application/json", request);
	request->body = request_query_body(c->arena, job_id);
	return fetch(c, request, answered, NULL);
}
