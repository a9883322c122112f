/*
 * Most rules stand as constraints in migrations/ too: what passes here and
 * is refused there would cost its whole batch a second try.
 */
#include "server/registry/validate.h"

#include <arpa/inet.h>

#include "base/json.h"

#define NAME_LIMIT             255
#define APPLICATION_NAME_LIMIT 32
#define HOST_LIMIT             253
#define URI_LIMIT              2048

#define REFUSE(v, field, ...)  status_field((v)->status, (v)->arena, path(v, field), __VA_ARGS__)

static const char *path(const struct validation *v, const char *field)
{
	return *v->prefix ? arena_printf(v->arena, "%s%s", v->prefix, field) : field;
}

static bool has_byte(struct text t, char c)
{
	return text_find(t, c, 0) < t.size;
}

static bool is_one_of(struct text t, const char *const *words)
{
	for (; *words; words++)
		if (text_equal_nocase(t, text_of(*words)))
			return true;
	return false;
}

bool valid_required(const struct validation *v, const char *field, struct text given)
{
	return given.size > 0 || REFUSE(v, field, "required");
}

bool valid_service_name(const struct validation *v, const char *field, struct text name)
{
	if (!valid_required(v, field, name))
		return false;
	if (name.size > NAME_LIMIT)
		return REFUSE(v, field, "must have at most %d bytes", NAME_LIMIT);
	if (text_has_control(name) || has_byte(name, '/'))
		return REFUSE(v, field, "must not hold \"/\" or control characters");
	return true;
}

bool valid_server_name(const struct validation *v, const char *field, struct text name)
{
	static const char *const reserved[] = {"get", "service", "registry", "auth", "api_reader",
		"event", "audit", "notice", NULL};

	if (!valid_service_name(v, field, name))
		return false;
	if (name.data[0] == '$')
		return REFUSE(v, field, "must not begin with \"$\"");
	if (is_one_of(name, reserved))
		return REFUSE(v, field, "\"%.*s\" is reserved", TEXT_ARGS(name));
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_made_of(struct text t, const char *others)
{
	for (size_t i = 0; i < t.size; i++)
		if (!is_letter(t.data[i]) && !is_digit(t.data[i]) &&
			(t.data[i] == '\0' || !strchr(others, t.data[i])))
			return false;
	return true;
}

bool valid_application_name(const struct validation *v, const char *field, struct text name)
{
	if (!valid_server_name(v, field, name))
		return false;
	if (name.size > APPLICATION_NAME_LIMIT)
		return REFUSE(v, field, "must have at most %d bytes", APPLICATION_NAME_LIMIT);
	if (!is_made_of(name, "-_") || is_digit(name.data[0]))
		return REFUSE(v, field,
			"must be letters, digits, \"-\" or \"_\", and not begin with a digit");
	return true;
}

/* Behind the last "-": digits only. */
static bool has_start_time(struct text name)
{
	size_t at = name.size;

	while (at > 0 && is_digit(name.data[at - 1]))
		at--;
	return at < name.size && at > 1 && name.data[at - 1] == '-';
}

bool valid_node_name(const struct validation *v, const char *field, struct text name)
{
	if (!valid_required(v, field, name))
		return false;
	if (name.size > NAME_LIMIT)
		return REFUSE(v, field, "must have at most %d bytes", NAME_LIMIT);
	if (!is_made_of(name, "-_.") || !has_start_time(name))
		return REFUSE(v, field,
			"must be hostname-starttime or proxy-hostname-starttime, of letters, "
			"digits, \"-\", \"_\" and \".\", starttime of digits");
	return true;
}

bool valid_range(
	const struct validation *v, const char *field, int64_t number, int64_t least, int64_t most)
{
	return (number >= least && number <= most) ||
	       REFUSE(v, field, "must be %lld to %lld", (long long)least, (long long)most);
}

static bool is_ipv6(struct text host)
{
	char terminated[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (host.size >= sizeof terminated)
		return false;
	memcpy(terminated, host.data, host.size);
	terminated[host.size] = '\0';
	return inet_pton(AF_INET6, terminated, &address) == 1;
}

static bool is_host_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '.' || c == '-' || c == '_';
}

bool valid_host(const struct validation *v, const char *field, struct text host)
{
	if (!valid_required(v, field, host))
		return false;
	if (host.size > HOST_LIMIT)
		return REFUSE(v, field, "must have at most %d bytes", HOST_LIMIT);
	if (has_byte(host, ':'))
		return is_ipv6(host) ||
		       REFUSE(v, field,
			       "must be a host name or an IP address, without scheme or port");
	for (size_t i = 0; i < host.size; i++)
		if (!is_host_byte(host.data[i]))
			return REFUSE(v, field,
				"must be a host name or an IP address: letters, digits, \".\", "
				"\"-\" "
				"and \"_\", or IPv6 without brackets");
	return true;
}

bool valid_port(const struct validation *v, const char *field, bool given, int32_t port)
{
	if (!given)
		return REFUSE(v, field, "required");
	return (port >= 1 && port <= 65535) || REFUSE(v, field, "must be 1 to 65535");
}

bool valid_protocol(
	const struct validation *v, const char *field, struct text given, struct text *protocol)
{
	if (given.size == 0)
		*protocol = TEXT("");
	else if (text_equal_nocase(given, TEXT("http")))
		*protocol = TEXT("http");
	else if (text_equal_nocase(given, TEXT("https")))
		*protocol = TEXT("https");
	else
		return REFUSE(v, field, "must be \"http\" or \"https\"");
	return true;
}

bool valid_method(
	const struct validation *v, const char *field, struct text given, struct text *method)
{
	static const char *const known[] = {
		"POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};

	if (given.size == 0)
		given = TEXT("POST");
	for (const char *const *word = known; *word; word++)
		if (text_equal_nocase(given, text_of(*word))) {
			*method = text_of(*word);
			return true;
		}
	return REFUSE(v, field, "must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

bool valid_uri(const struct validation *v, const char *field, struct text given, struct text *uri)
{
	if (!valid_required(v, field, given))
		return false;
	if (text_has_control(given) || has_byte(given, ' '))
		return REFUSE(v, field, "must not hold blanks or control characters");
	*uri = given.data[0] == '/' ? given
				    : text_of(arena_printf(v->arena, "/%.*s", TEXT_ARGS(given)));
	return uri->size <= URI_LIMIT ||
	       REFUSE(v, field, "must have at most %d bytes, the leading \"/\" counted", URI_LIMIT);
}

bool valid_object(
	const struct validation *v, const char *field, struct text given, struct text *object)
{
	struct status why;

	*object = TEXT("{}");
	if (given.size == 0)
		return true;
	const struct json *value = json_read(v->arena, given, &why);
	if (!value && why.code == STATUS_INVALID_ARGUMENT)
		return REFUSE(v, field, "%s", why.message);
	if (!value) {
		*v->status = why;
		return false;
	}
	if (value->type == JSON_NULL)
		return true;
	if (value->type != JSON_OBJECT)
		return REFUSE(v, field, "must be a JSON object");
	*object = value->raw;
	return true;
}
