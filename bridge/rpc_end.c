/* Rpc end: gRPC's rules for a status that did not come, or not as it should. */
#include "bridge/rpc_end.h"

#include "base/base64.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What is no escape stays as it is. */
static const char *decode_message(struct arena *a, struct text t)
{
	char *out = arena_alloc(a, t.size + 1);
	size_t size = 0;
	for (size_t i = 0; i < t.size; i++) {
		int high = t.data[i] == '%' && i + 2 < t.size ? hex(t.data[i + 1]) : -1;
		int low = high >= 0 ? hex(t.data[i + 2]) : -1;
		if (low >= 0)
			i += 2;
		out[size++] = low >= 0 ? (char)(high << 4 | low) : t.data[i];
	}
	out[size] = '\0';
	size_t valid = text_utf8_error((struct text){out, size});
	return valid == size ? out : arena_string(a, (struct text){out, valid});
}

static void add_status(struct rpc_end *e, struct text value)
{
	uint64_t code;
	e->has_status = true;
	e->code = text_to_uint64(value, &code) && code <= STATUS_UNAUTHENTICATED
			  ? (enum status_code)code
			  : STATUS_UNKNOWN;
}

static void add_final(struct rpc_end *e, struct arena *a, struct text name, struct text value)
{
	if (text_equal(name, TEXT("grpc-status")))
		add_status(e, value);
	else if (text_equal(name, TEXT("grpc-message")))
		e->message = arena_text(a, value);
	else if (text_equal(name, TEXT("grpc-status-details-bin")) &&
		 !base64_read(a, value, &e->details))
		e->details = (struct text){"", 0};
}

static bool is_grpc(struct text type)
{
	static const struct text name = {"application/grpc", 16};
	struct text rest = text_starts(type, name) ? text_from(type, name.size) : TEXT("-");
	return !rest.size || *rest.data == '+' || *rest.data == ';';
}

void rpc_end_header(
	struct rpc_end *e, struct arena *a, struct text name, struct text value, bool final)
{
	uint64_t number;
	if (text_equal(name, TEXT(":status")))
		e->http = text_to_uint64(value, &number) && number < 1000 ? (int)number : 0;
	else if (text_equal(name, TEXT("content-type")))
		e->grpc = is_grpc(value);
	else if (final)
		add_final(e, a, name, value);
	else if (text_equal(name, TEXT("x-request-id")))
		e->begun = true;
}

static enum status_code code_of_http(int http)
{
	switch (http) {
	case 400:
		return STATUS_INTERNAL;
	case 401:
		return STATUS_UNAUTHENTICATED;
	case 403:
		return STATUS_PERMISSION_DENIED;
	case 404:
		return STATUS_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return STATUS_UNAVAILABLE;
	default:
		return STATUS_UNKNOWN;
	}
}

struct status rpc_end_status(const struct rpc_end *e, struct arena *a)
{
	struct status s = {.code = e->code, .message = ""};
	if (e->has_status) {
		if (e->code != STATUS_OK)
			s.message = decode_message(a, e->message);
		return s;
	}
	if (e->http != 200)
		status_set(&s, a, code_of_http(e->http), "the server answered with HTTP status %d",
			e->http);
	else
		status_set(&s, a, STATUS_UNKNOWN, "%s",
			e->grpc ? "the server's answer has no status"
				: "the server's answer is not gRPC");
	return s;
}

struct status rpc_end_broken(uint32_t error)
{
	enum { REFUSED_STREAM = 7, CANCEL = 8, ENHANCE_YOUR_CALM = 11, INADEQUATE_SECURITY = 12 };
	struct status s = {.code = STATUS_INTERNAL, .message = "the server broke the call off"};
	switch (error) {
	case REFUSED_STREAM:
		s.code = STATUS_UNAVAILABLE;
		s.message = "the server refused the call";
		break;
	case CANCEL:
		s.code = STATUS_CANCELLED;
		break;
	case ENHANCE_YOUR_CALM:
		s.code = STATUS_RESOURCE_EXHAUSTED;
		s.message = "the server has too much to do";
		break;
	case INADEQUATE_SECURITY:
		s.code = STATUS_PERMISSION_DENIED;
		break;
	}
	return s;
}
