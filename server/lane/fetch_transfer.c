/*
 * Design: curl does HTTP, we say what it may do and put its results into words.
 *
 * curl resends a request by itself, whatever its method, when a kept-alive connection dies before
 * the first byte of an answer; there is no option against it in 7.88. The peer may have acted on
 * the request, so the pre-request callback, which curl calls before each sending, refuses once any
 * byte of the request has gone out. What is left is a race that no client can win (the peer closes
 * an idle connection while we send); connections idle for 2 s are not used again, so that it needs
 * a peer with a shorter keep-alive than any common server has. Nor can curl rewind a body that
 * follows.
 *
 * Without QUICK_EXIT, giving up a transfer that resolves a name joins the resolver's thread: the
 * lane would stand still until DNS answers.
 */
#include "server/lane/fetch_transfer.h"

#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/lane/fetch_stream.h"

enum {
	HEADER_LIMIT = 64 * 1024, /* bytes of an answer's header */
	IDLE_LIMIT_S = 1,         /* whole seconds, rounded down by curl: less than 2 s */
	READ_SIZE = 64 * 1024,    /* at once, of a stream: small enough to stay in a CPU's cache */
	UPLOAD_BUFFER_SIZE = 256 * 1024,
};

#define SET(t, option, value) CHECK(curl_easy_setopt((t)->easy, (option), (value)) == CURLE_OK)

/* --- URL ------------------------------------------------------------------------------------- */

static bool url_part(CURLU *url, CURLUPart part, char **value)
{
	return curl_url_get(url, part, value, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

bool transfer_read_url(struct transfer *t, struct status *error)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	const char *clear, *secured;
	bool good;

	CHECK(url);
	t->mail = t->job->request->mail != NULL;
	clear = t->mail ? "smtp" : "http";
	secured = t->mail ? "smtps" : "https";
	good = curl_url_set(url, CURLUPART_URL, t->job->request->url, 0) == CURLUE_OK &&
	       url_part(url, CURLUPART_SCHEME, &scheme) && url_part(url, CURLUPART_HOST, &host) &&
	       url_part(url, CURLUPART_PORT, &port) &&
	       (strcasecmp(scheme, clear) == 0 || strcasecmp(scheme, secured) == 0);
	if (good) {
		t->https = strcasecmp(scheme, secured) == 0;
		t->target = arena_printf(t->job->arena, "%s:%s", host, port);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	if (good)
		return true;
	return status_set(error, t->job->arena, STATUS_INVALID_ARGUMENT,
		"the URL is not an absolute %s or %s URL", clear, secured);
}

/* --- curl's callbacks ------------------------------------------------------------------------ */

curl_socket_t transfer_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;
	struct egress_policy policy = *t->egress;
	char reason[128];
	const char *why;

	policy.loopback = policy.loopback || t->job->request->own_host;
	why = egress_refusal(&policy, &address->addr, reason);
	t->resolved = true;
	if (why) {
		t->refusal = arena_printf(t->job->arena, "%s", why);
		return CURL_SOCKET_BAD;
	}
	t->opened = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int before_sending(
	void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct transfer *t = arg;
	long sent = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	t->connected = true;
	t->resend = sent > 0;
	return t->resend ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* "HTTP/1.1 404 Not Found" */
static void take_status_line(struct transfer *t, struct text line)
{
	size_t code = text_find(line, ' ', 0);
	size_t reason = text_find(line, ' ', code + 1);

	t->answered = true;
	t->header_list.size = 0; /* what came before was an interim answer (1xx) */
	t->response.reason = reason < line.size
				     ? arena_text(t->job->arena, text_from(line, reason + 1))
				     : TEXT("");
}

static void take_header(struct transfer *t, struct text line)
{
	size_t colon = text_find(line, ':', 0);
	struct fetch_header header;

	if (colon == line.size)
		return;
	header.name = arena_text(t->job->arena, text_trim(text_until(line, colon)));
	header.value = arena_text(t->job->arena, text_trim(text_from(line, colon + 1)));
	buffer_add(&t->header_list, &header, sizeof(header));
}

static void fill_response(struct transfer *t)
{
	struct fetch_response *r = &t->response;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	r->headers = (const struct fetch_header *)t->header_list.data;
	r->header_count = t->header_list.size / sizeof(struct fetch_header);
}

/* An empty line: of an interim answer (1xx), or of the one that counts. */
static void end_header(struct transfer *t)
{
	fill_response(t);
	t->headers_done = t->response.status >= 200;
	if (t->headers_done && t->job->stream)
		fetch_stream_begin(t->job->stream);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	struct text line = text_trim((struct text){bytes, size * count});

	t->header_bytes += size * count;
	if (t->header_bytes > HEADER_LIMIT) {
		t->excess = "header is beyond 65536 bytes";
		return 0;
	}
	if (t->headers_done) /* a trailer */
		return size * count;
	if (text_starts(line, TEXT("HTTP/")))
		take_status_line(t, line);
	else if (line.size > 0)
		take_header(t, line);
	else
		end_header(t);
	return size * count;
}

static void reserve_body(struct transfer *t)
{
	curl_off_t length = -1;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0 && (uint64_t)length <= t->job->request->response_limit)
		buffer_reserve(&t->body, (size_t)length + 1);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t limit = t->job->request->response_limit;

	if (t->job->stream)
		return fetch_stream_take(t->job->stream, (struct text){bytes, size * count})
			       ? size * count
			       : CURL_WRITEFUNC_PAUSE;
	if (!t->body.data)
		reserve_body(t);
	if (size * count > limit - t->body.size) {
		t->excess = arena_printf(t->job->arena, "body is beyond %zu bytes", limit);
		return 0;
	}
	buffer_add(&t->body, bytes, size * count);
	return size * count;
}

static size_t on_send(char *to, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;

	return fetch_stream_give(t->job->stream, to, size * count);
}

static int on_rewind(void *arg, curl_off_t offset, int origin)
{
	struct transfer *t = arg;

	t->resend = true;
	return CURL_SEEKFUNC_FAIL;
}

static int on_progress(
	void *arg, curl_off_t to_come, curl_off_t came, curl_off_t to_send, curl_off_t sent)
{
	struct transfer *t = arg;

	fetch_stream_sent(t->job->stream, (uint64_t)sent);
	return 0;
}

/* --- options --------------------------------------------------------------------------------- */

static void add_header(struct transfer *t, const char *line)
{
	t->headers = curl_slist_append(t->headers, line);
	CHECK(t->headers);
}

static void set_headers(struct transfer *t)
{
	const struct fetch_request *request = t->job->request;
	bool typed = false;

	for (size_t i = 0; i < request->header_count; i++) {
		const struct fetch_header *h = &request->headers[i];

		/* curl's way of saying "with an empty value" is a semicolon. */
		add_header(t, h->value.size > 0
				      ? arena_printf(t->job->arena, "%.*s: %.*s",
						TEXT_ARGS(h->name), TEXT_ARGS(h->value))
				      : arena_printf(t->job->arena, "%.*s;", TEXT_ARGS(h->name)));
		typed = typed || text_equal_nocase(h->name, TEXT("content-type"));
	}
	if (!typed) /* else curl says that it is a form */
		add_header(t, "Content-Type:");
	add_header(t, "Expect:");
	SET(t, CURLOPT_HTTPHEADER, t->headers);
}

static bool has_empty_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

/* For curl it is a POST, whatever its method says. */
static void set_body_that_follows(struct transfer *t)
{
	SET(t, CURLOPT_POST, 1L);
	SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->job->request->body_size);
	SET(t, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_SIZE);
	SET(t, CURLOPT_READFUNCTION, on_send);
	SET(t, CURLOPT_READDATA, t);
	SET(t, CURLOPT_SEEKFUNCTION, on_rewind);
	SET(t, CURLOPT_SEEKDATA, t);
	SET(t, CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(t, CURLOPT_XFERINFODATA, t);
	SET(t, CURLOPT_NOPROGRESS, 0L);
}

static void set_method(struct transfer *t)
{
	const struct fetch_request *request = t->job->request;

	if (strcmp(request->method, "HEAD") == 0) {
		SET(t, CURLOPT_NOBODY, 1L);
		return;
	}
	if (request->body_follows && request->body_size > 0) {
		set_body_that_follows(t);
	} else if (request->body.data || request->body_follows || has_empty_body(request->method)) {
		SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
		SET(t, CURLOPT_POSTFIELDS, request->body.data ? request->body.data : "");
	}
	SET(t, CURLOPT_CUSTOMREQUEST, request->method);
}

long transfer_milliseconds(int64_t ns)
{
	int64_t ms = (ns + CLOCK_MS - 1) / CLOCK_MS;

	return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static void set_limits(struct transfer *t)
{
	const struct fetch_request *request = t->job->request;

	SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(t, CURLOPT_FOLLOWLOCATION, 0L);
	SET(t, CURLOPT_PROXY, "");
	SET(t, CURLOPT_NOPROXY, "*");
	SET(t, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(t, CURLOPT_NOSIGNAL, 1L);
	SET(t, CURLOPT_QUICK_EXIT, 1L);
	SET(t, CURLOPT_MAXAGE_CONN, (long)IDLE_LIMIT_S);
	SET(t, CURLOPT_FRESH_CONNECT, (long)(request->fresh || request->connect_only));
	SET(t, CURLOPT_FORBID_REUSE, (long)request->fresh);
	SET(t, CURLOPT_CONNECT_ONLY, (long)request->connect_only);
	SET(t, CURLOPT_CONNECTTIMEOUT_MS,
		transfer_milliseconds(request->connect_timeout_ms * CLOCK_MS));
	/* That of a stream changes on the way: the lane's sweep looks at it. */
	SET(t, CURLOPT_TIMEOUT_MS,
		t->job->stream ? 0L : transfer_milliseconds(t->expires - clock_now()));
}

/* curl decodes, and the limit is on what comes out; of a stream the bytes are handed on as they
 * come. */
static void set_encoding(struct transfer *t)
{
	bool streams = t->job->stream != NULL;
	const char *encodings = t->job->request->accept_encoding;

	SET(t, CURLOPT_ACCEPT_ENCODING,
		!streams    ? "gzip, deflate"
		: encodings ? encodings
			    : "identity");
	SET(t, CURLOPT_HTTP_CONTENT_DECODING, streams ? 0L : 1L);
	if (streams)
		SET(t, CURLOPT_BUFFERSIZE, (long)READ_SIZE);
}

void transfer_prepare(struct transfer *t, CURL *easy)
{
	t->easy = easy;
	t->header_list.arena = t->job->arena;
	t->body.arena = t->job->arena;
	SET(t, CURLOPT_PRIVATE, t);
	SET(t, CURLOPT_ERRORBUFFER, t->error);
	SET(t, CURLOPT_URL, t->job->request->url);
	SET(t, CURLOPT_PATH_AS_IS, 1L);
	SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(t, CURLOPT_USERAGENT, "junction/" JUNCTION_VERSION);
	set_encoding(t);
	SET(t, CURLOPT_OPENSOCKETFUNCTION, transfer_open_socket);
	SET(t, CURLOPT_OPENSOCKETDATA, t);
	SET(t, CURLOPT_PREREQFUNCTION, before_sending);
	SET(t, CURLOPT_PREREQDATA, t);
	SET(t, CURLOPT_HEADERFUNCTION, on_header);
	SET(t, CURLOPT_HEADERDATA, t);
	SET(t, CURLOPT_WRITEFUNCTION, on_body);
	SET(t, CURLOPT_WRITEDATA, t);
	set_limits(t);
	set_method(t);
	set_headers(t);
}

CURL *transfer_release(struct transfer *t)
{
	CURL *easy = t->easy;

	t->easy = NULL;
	curl_easy_reset(easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	return easy;
}

/* --- the end ---------------------------------------------------------------------------------- */

static const struct fetch_response *response_of(struct transfer *t)
{
	fill_response(t);
	*buffer_reserve(&t->body, 1) = '\0';
	t->response.body = buffer_text(&t->body);
	return &t->response;
}

const struct fetch_response *transfer_result(
	struct transfer *t, CURLcode result, struct status *error)
{
	/* curl takes an answer that ends within its header for one without a body. */
	if (result == CURLE_OK && !t->headers_done && !t->job->request->connect_only)
		result = CURLE_PARTIAL_FILE;
	if (result == CURLE_OK)
		return response_of(t);
	transfer_failed(t, result, error);
	return NULL;
}
