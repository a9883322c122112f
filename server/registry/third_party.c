/* What is wanted of the registry is copied, so that the entry is let go before the call waits. */
#include "server/registry/third_party.h"

#include "server/registry/call_shape.h"
#include "server/registry/registry.h"
#include "server/registry/upstream.h"

enum {
	RESPONSE_LIMIT = 1024 * 1024,
	QUOTE_MAX = 500, /* bytes of what a third party says that a status takes up: it travels in a
			    trailer, which clients limit */
};

/* --- finding ---------------------------------------------------------------------------------- */

/* NULL with c->status set, or OK if there is just no such server. To be released. */
static const struct service *server_named(struct call *c, struct text space, struct text server)
{
	struct index *index = registry_index(c);

	if (!index)
		return NULL;
	c->status = (struct status){.message = ""};
	return index_service(index, space, server);
}

static bool read_action(struct call *c, const struct service *server, const struct action *action,
	struct third_party *found)
{
	const struct node *node = NULL;

	if (action->own.port == 0) {
		node = service_pick(server, action->kind, NULL, 0);
		if (!node)
			return status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
				"server %.*s has no available node", TEXT_ARGS(server->name));
	}
	*found = (struct third_party){
		.name = arena_printf(
			c->arena, "%.*s.%.*s", TEXT_ARGS(server->name), TEXT_ARGS(action->name)),
		.server = arena_text(c->arena, service_full_name(server, c->arena)),
		.service = arena_text(c->arena, action->name),
		.method = call_method(action->method),
		.url = call_url(c->arena, action_url(action, node, c->arena), NULL),
		.own_host = node && node->configured,
		.data = arena_text(c->arena, action->data),
		.timeout_ms = action->timeout_ms > 0 ? action->timeout_ms : UPSTREAM_TIMEOUT_MS,
	};
	if (!found->method)
		found->method = "POST";
	return true;
}

bool third_party_find(struct call *c, struct text space, struct text server, struct text service,
	struct third_party *found)
{
	const struct service *entry;
	const struct action *action;
	bool good;

	if (!upstream_check_hops(c))
		return false;
	entry = server_named(c, space, server);
	if (!entry)
		return c->status.code == STATUS_OK
			       ? status_set(&c->status, c->arena, STATUS_NOT_FOUND,
					 "no found server %.*s", TEXT_ARGS(server))
			       : false;
	action = service_action(entry, service);
	good = action ? read_action(c, entry, action, found)
		      : status_set(&c->status, c->arena, STATUS_NOT_FOUND,
				"no found server %.*s service %.*s", TEXT_ARGS(server),
				TEXT_ARGS(service));
	service_release(entry);
	return good;
}

bool third_party_may(struct call *c, const struct third_party *t)
{
	return call_may(c, t->server, t->service, text_of(t->method));
}

void third_party_request(struct call *c, const struct third_party *t, const char *content_type,
	struct fetch_request *request)
{
	struct header_list list = {{.arena = c->arena}};

	if (content_type)
		header_add(&list, "Content-Type", text_of(content_type));
	upstream_add_headers(c, &list);
	*request = (struct fetch_request){
		.method = t->method,
		.url = t->url,
		.own_host = t->own_host,
		.connect_timeout_ms = UPSTREAM_CONNECT_TIMEOUT_MS,
		.total_timeout_ms = t->timeout_ms,
		.response_limit = RESPONSE_LIMIT,
	};
	request->headers = header_items(&list, &request->header_count);
}

/* --- its answer ------------------------------------------------------------------------------- */

static const struct json *wrong(struct call *c, const struct third_party *t, const char *what)
{
	status_set(&c->status, c->arena, STATUS_UNKNOWN, "%s %s", t->name, what);
	return NULL;
}

const char *third_party_quote(struct arena *a, struct text said)
{
	struct text whole = text_until(said, said.size < QUOTE_MAX ? said.size : QUOTE_MAX);

	return arena_string(a, text_until(whole, text_utf8_error(whole)));
}

/* NULL if it gave none. */
static const char *message_of(struct arena *a, const struct json *answer)
{
	struct text message = json_member_text(answer, TEXT("msg"), TEXT(""));

	if (message.size == 0)
		message = json_member_text(answer, TEXT("message"), TEXT(""));
	return message.size > 0 ? third_party_quote(a, message) : NULL;
}

/* Whatever the status, the body may say why. */
static const struct json *wrong_status(
	struct call *c, const struct third_party *t, const struct fetch_response *response)
{
	struct status ignored;
	const char *message = message_of(c->arena, json_read(c->arena, response->body, &ignored));
	const char *phrase = response->status >= 200 && response->status <= 299
				     ? "where only 200 counts"
				     : call_message(c->arena, response);

	return wrong(c, t,
		arena_printf(c->arena, "answered HTTP %d, %s%s%s", response->status,
			third_party_quote(c->arena, text_of(phrase)), message ? ": " : "",
			message ? message : ""));
}

/* A number as JSON has it: "0" and false are none. */
static bool read_code(const struct json *code, int64_t *number)
{
	return code && code->type == JSON_NUMBER && json_int64(code, number);
}

static const struct json *refused(struct call *c, const struct third_party *t,
	const struct json *answer, enum status_code refusal, int64_t code)
{
	const char *message = message_of(c->arena, answer);

	status_set(&c->status, c->arena, refusal, "%s refused: %s", t->name,
		message ? message : "it gave no reason");
	c->status.remote_code = code;
	return NULL;
}

static const struct json *check_code(struct call *c, const struct third_party *t,
	const struct json *answer, enum status_code refusal, bool optional)
{
	const struct json *code = json_member(answer, TEXT("code"));
	int64_t number = 0;

	if (optional && (!code || code->type == JSON_NULL))
		return answer;
	if (!code)
		return wrong(c, t, "answered without a code");
	if (!read_code(code, &number))
		return wrong(c, t,
			arena_printf(c->arena, "answered with a code that is no integer: %s",
				third_party_quote(c->arena, code->raw)));
	return number == 0 ? answer : refused(c, t, answer, refusal, number);
}

const struct json *third_party_answer(struct call *c, const struct third_party *t,
	const struct fetch_response *response, enum status_code refusal, bool code_optional)
{
	struct status ignored;
	const struct json *answer;

	if (response->status != 200)
		return wrong_status(c, t, response);
	answer = json_read(c->arena, response->body, &ignored);
	if (!answer || answer->type != JSON_OBJECT)
		return wrong(c, t, "answered something else than a JSON object");
	return check_code(c, t, answer, refusal, code_optional);
}
