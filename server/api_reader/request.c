#include "server/api_reader/request.h"

#include <openssl/evp.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"

enum { MD5_SIZE = 16 };

/* The MD5 of an id that anybody may know: it says nothing about who sends it (facts of the real
 * client), but third parties were told to expect it. */
static bool add_sign(struct buffer *b, struct text id, struct status *status)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t size = 0;

	if (!EVP_Q_digest(NULL, "MD5", NULL, id.data, id.size, digest, &size))
		return status_set(status, b->arena, STATUS_INTERNAL,
			"the cryptographic library of this machine refuses MD5, which FATE's "
			"\"sign\" is made with");
	CHECK(size == MD5_SIZE);
	buffer_add_char(b, '"');
	for (size_t i = 0; i < size; i++)
		buffer_printf(b, "%02x", digest[i]);
	buffer_add_char(b, '"');
	return true;
}

/* --- the object ------------------------------------------------------------------------------- */

static const struct json *read_object(struct arena *a, struct text given, struct status *status)
{
	struct status reason;
	const struct json *object;

	if (given.size == 0) {
		status_field(status, a, "requestBody", "is required");
		return NULL;
	}
	object = json_read(a, given, &reason);
	if (!object)
		status_field(status, a, "requestBody", "must be a JSON object: %s", reason.message);
	else if (object->type != JSON_OBJECT)
		status_field(status, a, "requestBody", "must be a JSON object");
	return object && object->type == JSON_OBJECT ? object : NULL;
}

/* A text, or a number as it is written. */
static bool read_id(struct arena *a, const struct json *id, const char *path, struct text *text,
	struct status *status)
{
	*text = id->type == JSON_STRING ? id->string : id->raw;
	if (id->type != JSON_STRING && id->type != JSON_NUMBER)
		return status_field(status, a, path, "must be a string");
	if (text->size == 0 || text->size > JOB_ID_MAX || memchr(text->data, '\0', text->size))
		return status_field(
			status, a, path, "must have 1 to %d bytes, none of them NUL", JOB_ID_MAX);
	return true;
}

/* All of the object up to its closing brace; members are then added by begin_member(). */
static void open_object(struct buffer *b, const struct json *object)
{
	struct text inside = text_until(object->raw, object->raw.size - 1);

	buffer_add_text(b, text_until(inside, 1));
	buffer_add_text(b, text_trim(text_from(inside, 1)));
}

static void begin_member(struct buffer *b, struct text name)
{
	if (b->data[b->size - 1] != '{')
		buffer_add_text(b, TEXT(", "));
	json_write_string(b, name);
	buffer_add_text(b, TEXT(": "));
}

bool request_upload_body(
	struct arena *a, struct text given, struct text *body, struct status *status)
{
	const struct json *object = read_object(a, given, status);
	const struct json *job = json_member(object, TEXT("job_id"));
	struct buffer b = {.arena = a};
	struct text id;
	char fresh[37];

	if (!object || (job && !read_id(a, job, "requestBody.job_id", &id, status)))
		return false;
	open_object(&b, object);
	if (!job) {
		uuid_random(fresh);
		id = text_of(fresh);
		begin_member(&b, TEXT("job_id"));
		json_write_string(&b, id);
	}
	if (!json_member(object, TEXT("sign"))) {
		begin_member(&b, TEXT("sign"));
		if (!add_sign(&b, id, status))
			return false;
	}
	buffer_add_char(&b, '}');
	*body = buffer_text(&b);
	return true;
}

/* --- download and query ----------------------------------------------------------------------- */

struct text request_query_body(struct arena *a, struct text job_id)
{
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '{');
	begin_member(&b, TEXT("jobId"));
	json_write_string(&b, job_id);
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}

bool request_check_job(struct arena *a, struct text job_id, struct status *status)
{
	if (job_id.size == 0)
		return status_field(status, a, "jobId", "is required");
	return job_id.size <= JOB_ID_MAX ||
	       status_field(status, a, "jobId", "must have at most %d bytes", JOB_ID_MAX);
}

bool request_download_body(struct arena *a, struct text given, struct text job_id,
	struct text *body, struct text *job, struct status *status)
{
	const struct json *object, *id;
	struct buffer b = {.arena = a};

	if (given.size == 0) {
		if (job_id.size == 0)
			return status_field(status, a, "requestBody", "is required, with jobId");
		if (!request_check_job(a, job_id, status))
			return false;
		given = request_query_body(a, job_id);
	} else if (job_id.size > 0) {
		return status_field(status, a, "jobId", "must not be given beside requestBody");
	}
	object = read_object(a, given, status);
	id = json_member(object, TEXT("jobId"));
	if (!object)
		return false;
	if (!id)
		return status_field(status, a, "requestBody.jobId", "is required");
	if (!read_id(a, id, "requestBody.jobId", job, status))
		return false;
	open_object(&b, object);
	if (!json_member(object, TEXT("sign"))) {
		begin_member(&b, TEXT("sign"));
		if (!add_sign(&b, *job, status))
			return false;
	}
	buffer_add_char(&b, '}');
	*body = buffer_text(&b);
	return true;
}

/* --- the URL ---------------------------------------------------------------------------------- */

static bool stays(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-' || c == '~';
}

static void quote_plus(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		if (stays(t.data[i]))
			buffer_add_char(b, t.data[i]);
		else if (t.data[i] == ' ')
			buffer_add_char(b, '+');
		else
			buffer_printf(b, "%%%02X", (unsigned char)t.data[i]);
	}
}

char *request_url(struct arena *a, const char *url, struct text body)
{
	struct text whole = text_of(url);
	struct text target = text_until(whole, text_find(whole, '#', 0));
	size_t query = text_find(target, '?', 0);
	struct buffer b = {.arena = a};

	buffer_add_text(&b, target);
	if (query == target.size)
		buffer_add_char(&b, '?');
	else if (query + 1 < target.size)
		buffer_add_char(&b, '&');
	buffer_add_text(&b, TEXT("requestBody="));
	quote_plus(&b, body);
	return arena_string(a, buffer_text(&b));
}
