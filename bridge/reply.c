/*
 * Reply: a table of profiles, each with the text that opens a success, what it does for a refusal,
 * and whether its HTTP status is always 200. Documented profiles write 64-bit integers as numbers.
 */
#include "bridge/reply.h"

#include "base/check.h"
#include "base/clock.h"
#include "bridge/form.h"
#include "google/api/httpbody.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"

struct refusal {
	const struct status *status;
	int http;
	struct text details;
};

struct profile {
	bool always_200;
	bool int64_as_number;
	const char *opening; /* first members of a success */
	void (*refuse)(struct buffer *out, const struct refusal *refusal);
	bool says_when; /* the time follows the opening */
};

static const struct {
	int http, fate;
} CODES[] = {
	[STATUS_OK] = {200, 0},
	[STATUS_CANCELLED] = {499, 100},
	[STATUS_UNKNOWN] = {500, 500},
	[STATUS_INVALID_ARGUMENT] = {400, 101},
	[STATUS_DEADLINE_EXCEEDED] = {504, 100},
	[STATUS_NOT_FOUND] = {404, 100},
	[STATUS_ALREADY_EXISTS] = {409, 100},
	[STATUS_PERMISSION_DENIED] = {403, 108},
	[STATUS_RESOURCE_EXHAUSTED] = {429, 100},
	[STATUS_FAILED_PRECONDITION] = {400, 100},
	[STATUS_ABORTED] = {409, 100},
	[STATUS_OUT_OF_RANGE] = {400, 100},
	[STATUS_UNIMPLEMENTED] = {501, 100},
	[STATUS_INTERNAL] = {500, 500},
	[STATUS_UNAVAILABLE] = {503, 100},
	[STATUS_DATA_LOSS] = {500, 500},
	[STATUS_UNAUTHENTICATED] = {401, 109},
};

static const char *const CHALLENGES[] = {
	"Bearer realm=\"junction\"", "Basic realm=\"junction\"", NULL};

#define CODE_COUNT (sizeof(CODES) / sizeof(CODES[0]))

/* A server may send any number. */
static enum status_code known_code(enum status_code code)
{
	return (size_t)code < CODE_COUNT ? code : STATUS_UNKNOWN;
}

int reply_http_status(enum status_code code)
{
	return CODES[known_code(code)].http;
}

/* --- details -------------------------------------------------------------------------------- */

/* NULL if there are none. */
static const Google__Rpc__Status *read_details(struct arena *a, struct text details)
{
	struct status ignored;
	if (!details.size)
		return NULL;
	return (const Google__Rpc__Status *)guard_unpack(
		a, &google__rpc__status__descriptor, details, &ignored);
}

/* The first detail of that type, or NULL. */
static const ProtobufCMessage *find_detail(
	struct arena *a, struct text details, const ProtobufCMessageDescriptor *type)
{
	const Google__Rpc__Status *status = read_details(a, details);
	const char *url = arena_printf(a, "type.googleapis.com/%s", type->name);
	struct status ignored;
	for (size_t i = 0; status && i < status->n_details; i++) {
		const Google__Protobuf__Any *any = status->details[i];
		if (strcmp(any->type_url, url) == 0)
			return guard_unpack(a, type,
				(struct text){(const char *)any->value.data, any->value.len},
				&ignored);
	}
	return NULL;
}

/* Of a third party's refusal its number; 0: this is none. */
static int64_t remote_code(struct arena *a, struct text details)
{
	const Google__Rpc__ErrorInfo *info = (const Google__Rpc__ErrorInfo *)find_detail(
		a, details, &google__rpc__error_info__descriptor);
	int64_t code = 0;
	if (!info || strcmp(info->domain, "junction") != 0)
		return 0;
	for (size_t i = 0; i < info->n_metadata; i++)
		if (!strcmp(info->metadata[i]->key, "code") &&
			!text_to_int64(text_of(info->metadata[i]->value), &code))
			return 0;
	return code;
}

/* Seconds, a part of one counted as a whole. */
static const char *retry_after(struct arena *a, struct text details)
{
	const Google__Rpc__RetryInfo *info = (const Google__Rpc__RetryInfo *)find_detail(
		a, details, &google__rpc__retry_info__descriptor);
	if (!info || !info->retry_delay || info->retry_delay->seconds < 0)
		return "1";
	return arena_printf(a, "%llu",
		(unsigned long long)info->retry_delay->seconds + (info->retry_delay->nanos > 0));
}

/* --- refusals, profile by profile ----------------------------------------------------------- */

static void refuse_fate(struct buffer *out, const struct refusal *r)
{
	buffer_printf(out, "{\"retcode\":%d,\"retmsg\":", CODES[known_code(r->status->code)].fate);
	json_write_string(out, text_of(r->status->message));
	buffer_add_char(out, '}');
}

/* One sentence under two names ends many a refusal. */
static void end_with_message(
	struct buffer *out, const struct refusal *r, struct text name, struct text other_name)
{
	struct text message = text_of(r->status->message);
	json_write_name(out, name);
	json_write_string(out, message);
	json_write_name(out, other_name);
	json_write_string(out, message);
	buffer_add_char(out, '}');
}

static void refuse_mw(struct buffer *out, const struct refusal *r)
{
	buffer_printf(out, "{\"code\":\"%d\"", r->http);
	end_with_message(out, r, TEXT("message"), TEXT("mssage"));
}

static void refuse_mw_number(struct buffer *out, const struct refusal *r)
{
	buffer_printf(out, "{\"code\":%d", r->http);
	end_with_message(out, r, TEXT("message"), TEXT("mssage"));
}

static void write_time(struct buffer *out)
{
	buffer_printf(out, ",\"timestamp\":%lld", (long long)clock_unix_ms());
}

static void refuse_log(struct buffer *out, const struct refusal *r)
{
	buffer_add_text(out, TEXT("{\"message\":"));
	json_write_string(out, text_of(r->status->message));
	buffer_printf(out, ",\"status\":%d", r->http);
	write_time(out);
	buffer_add_text(out, TEXT(",\"results\":[]}"));
}

/* What a third party refused with says more than our own number does. */
static void write_code(struct buffer *out, const struct refusal *r, int own)
{
	int64_t remote = remote_code(out->arena, r->details);
	buffer_printf(out, "{\"code\":%lld", remote ? (long long)remote : (long long)own);
}

static void refuse_hook(struct buffer *out, const struct refusal *r)
{
	write_code(out, r, CODES[known_code(r->status->code)].fate);
	end_with_message(out, r, TEXT("msg"), TEXT("message"));
}

static void refuse_reader(struct buffer *out, const struct refusal *r)
{
	write_code(out, r, r->http);
	json_write_name(out, TEXT("message"));
	json_write_string(out, text_of(r->status->message));
	buffer_add_char(out, '}');
}

/* The function is left empty: who was refused is told nothing of it. */
static void refuse_extension(struct buffer *out, const struct refusal *r)
{
	buffer_printf(out,
		"{\"functionName\":\"\",\"functionVersion\":\"\",\"handler\":\"\","
		"\"errorInfo\":{\"errorType\":\"%s\",\"errorMessage\":",
		status_name(r->status->code));
	json_write_string(out, text_of(r->status->message));
	buffer_add_text(out, TEXT("}}"));
}

/* A detail whose bytes are not of its type is left out. */
static void write_details(struct buffer *out, struct text details)
{
	static const struct transcode_options options = {.int64_as_number = false};
	struct status ignored;
	const Google__Rpc__Status *status = read_details(out->arena, details);
	const struct api_message *any = api_message_named("google.protobuf.Any");
	for (size_t i = 0; status && i < status->n_details; i++) {
		size_t before = out->size;
		json_write_comma(out);
		if (!message_to_json(out, any, &status->details[i]->base, &options, &ignored))
			out->size = before;
	}
}

void reply_status(struct buffer *out, const struct status *status, struct text details)
{
	buffer_printf(out, "{\"code\":%d,\"message\":", (int)status->code);
	json_write_string(out, text_of(status->message));
	json_write_name(out, TEXT("details"));
	buffer_add_char(out, '[');
	write_details(out, details);
	buffer_add_text(out, TEXT("]}"));
}

static void refuse_native(struct buffer *out, const struct refusal *r)
{
	reply_status(out, r->status, r->details);
}

/* As moleculer-web names them. */
static const struct {
	int http;
	const char *name, *type;
} GATEWAY[] = {
	{400, "BadRequestError", "BAD_REQUEST"}, {401, "UnAuthorizedError", "INVALID_TOKEN"},
	{403, "ForbiddenError", "FORBIDDEN"}, {404, "ServiceNotFoundError", "SERVICE_NOT_FOUND"},
	{413, "PayloadTooLarge", "PAYLOAD_TOO_LARGE"},
	{429, "RateLimitExceeded", "RATE_LIMIT_EXCEEDED"},
	{501, "NotImplementedError", "NOT_IMPLEMENTED"}, {502, "BadGatewayError", "BAD_GATEWAY"},
	{503, "ServiceUnavailableError", "SERVICE_UNAVAILABLE"},
	{504, "RequestTimeoutError", "REQUEST_TIMEOUT"},
	{508, "LoopDetectedError", "LOOP_DETECTED"},
	{0, "MoleculerError", "REQUEST_REFUSED"}, /* the last one */
};

static void refuse_gateway(struct buffer *out, const struct refusal *r)
{
	size_t i = 0;
	while (GATEWAY[i].http && GATEWAY[i].http != r->http)
		i++;
	buffer_printf(out, "{\"name\":\"%s\",\"message\":", GATEWAY[i].name);
	json_write_string(out, text_of(r->status->message));
	buffer_printf(out, ",\"code\":%d,\"type\":\"%s\"}", r->http, GATEWAY[i].type);
}

static const struct profile PROFILES[] = {
	[API_NATIVE] = {false, false, "", refuse_native},
	[API_FATE] = {true, true, "\"retcode\":0,\"retmsg\":\"success\"", refuse_fate},
	[API_MW] = {false, true, "\"code\":\"200\",\"message\":\"success\",\"mssage\":\"success\"",
		refuse_mw},
	[API_LIST] = {false, true, "", refuse_mw},
	[API_HOOK] = {true, true, "\"code\":0,\"msg\":\"success\",\"message\":\"success\"",
		refuse_hook},
	[API_READER] = {false, true, "\"code\":0,\"message\":\"success\"", refuse_reader},
	[API_EXTENSION] = {false, true, "", refuse_extension},
	[API_LOG] = {false, true, "\"message\":\"success\",\"status\":200", refuse_log, true},
	[API_MW_NUMBER] = {false, true,
		"\"code\":200,\"message\":\"success\",\"mssage\":\"success\"", refuse_mw_number},
	[API_GATEWAY] = {false, true, "", refuse_gateway},
};

static const struct profile *profile_of(enum api_profile profile)
{
	CHECK((size_t)profile < sizeof(PROFILES) / sizeof(PROFILES[0]));
	return &PROFILES[profile];
}

bool reply_int64_as_number(enum api_profile profile)
{
	return profile_of(profile)->int64_as_number;
}

/* --- what callers use ----------------------------------------------------------------------- */

static void open_success(struct buffer *out, const struct profile *p)
{
	buffer_add_char(out, '{');
	buffer_add_text(out, text_of(p->opening));
	if (p->says_when)
		write_time(out);
}

/* A message that says its own code (CallResponse) has no need of an envelope that says another. */
static bool says_code(const struct api_message *type)
{
	return protobuf_c_message_descriptor_get_field_by_name(type->descriptor, "code");
}

/* What cannot be written is a fault of the server. */
static bool write_message(struct buffer *out, const struct profile *p,
	const struct api_method *method, const struct api_route *route,
	const ProtobufCMessage *message, struct status *status)
{
	const struct transcode_options options = {.int64_as_number = p->int64_as_number};
	const struct api_message *type = method->output;

	if (route->response_body >= 0)
		return message_field_to_json(
			out, type, (unsigned)route->response_body, message, &options, status);
	if (type->kind != API_OBJECT)
		return message_to_json(out, type, message, &options, status);
	if (says_code(type))
		buffer_add_char(out, '{');
	else
		open_success(out, p);
	if (!message_members_to_json(out, type, message, &options, status))
		return false;
	buffer_add_char(out, '}');
	return true;
}

static void reply_bytes(
	struct reply *r, struct arena *a, const Google__Api__HttpBody *body, bool page)
{
	/* A third party's, maybe: no browser shall take them for a page of ours. */
	static const struct reply_header foreign[] = {{"Content-Security-Policy", "sandbox"}, {0}};
	static const struct reply_header own[] = {
		{"Content-Security-Policy", "default-src 'none'; form-action 'self'; "
					    "base-uri 'none'; frame-ancestors 'none'"},
		{"Cache-Control", "no-store"}, {0}};
	*r = (struct reply){.http = 200,
		.body = {(const char *)body->data.data, body->data.len},
		.content_type = form_bytes_type(a, body->content_type),
		.headers = page ? own : foreign};
}

void reply_message(struct reply *r, struct arena *a, const struct api_method *method,
	const struct api_route *route, const ProtobufCMessage *message)
{
	struct buffer out = {.arena = a};
	struct status status;
	if (form_is_bytes(method, route)) {
		reply_bytes(r, a, (const Google__Api__HttpBody *)message, method->page);
		return;
	}
	buffer_reserve(&out, 512);
	if (write_message(&out, profile_of(method->profile), method, route, message, &status))
		*r = (struct reply){.http = 200, .body = buffer_text(&out)};
	else
		reply_refusal(r, a, method->profile, &status, (struct text){0});
}

void reply_empty(struct reply *r, struct arena *a, enum api_profile profile)
{
	struct buffer out = {.arena = a};
	open_success(&out, profile_of(profile));
	buffer_add_char(&out, '}');
	*r = (struct reply){.http = 200, .body = buffer_text(&out)};
}

static void refuse(
	struct reply *r, struct arena *a, const struct profile *p, const struct refusal *refusal)
{
	struct buffer out = {.arena = a};
	p->refuse(&out, refusal);
	*r = (struct reply){.http = refusal->http, .body = buffer_text(&out)};
}

void reply_refusal(struct reply *r, struct arena *a, enum api_profile profile,
	const struct status *status, struct text details)
{
	const struct profile *p = profile_of(profile);
	int http = reply_http_status(status->code);
	refuse(r, a, p, &(struct refusal){status, http, details});
	r->challenges = status->code == STATUS_UNAUTHENTICATED ? CHALLENGES : NULL;
	r->retry_after = http == 429 || http == 503 ? retry_after(a, details) : NULL;
	if (p->always_200)
		r->http = 200;
}

static enum status_code code_of_front(int http)
{
	switch (http) {
	case 403:
		return STATUS_PERMISSION_DENIED;
	case 405:
	case 501:
		return STATUS_UNIMPLEMENTED;
	case 413:
	case 431:
		return STATUS_RESOURCE_EXHAUSTED;
	case 421:
		return STATUS_FAILED_PRECONDITION;
	default:
		return STATUS_INVALID_ARGUMENT;
	}
}

void reply_front(
	struct reply *r, struct arena *a, enum api_profile profile, int http, const char *reason)
{
	struct status status = {.code = code_of_front(http), .message = reason};
	refuse(r, a, profile_of(profile), &(struct refusal){&status, http, {0}});
}

void reply_gateway(struct reply *r, struct arena *a, int http, const char *reason)
{
	reply_front(r, a, API_GATEWAY, http, reason);
	r->challenges = http == 401 ? CHALLENGES : NULL;
	r->retry_after = http == 429 || http == 503 ? "1" : NULL;
}

void reply_options(struct reply *r, const char *allow)
{
	*r = (struct reply){.http = 204, .allow = allow};
}

void reply_wrong_verb(struct reply *r, struct arena *a, enum api_profile profile, const char *allow)
{
	reply_front(r, a, profile, 405, arena_printf(a, "this URI takes only %s", allow));
	r->allow = allow;
	if (profile_of(profile)->always_200)
		r->http = 200;
}
