/*
 * The three parts are taken apart by our own readers: base64url in its one form, so that no second
 * text is the same token, and JSON with each name once. Nothing in the header is followed: of what
 * it says alg, kid, typ and crit count, a key or where to find one is not looked at.
 */
#include "base/base64.h"
#include "base/json.h"
#include "server/auth/token/jwt.h"

enum { KID_MAX = 255 };

static const char *const names[] = {
	[JWT_EDDSA] = "EdDSA",
	[JWT_ES256] = "ES256",
	[JWT_ES384] = "ES384",
	[JWT_RS256] = "RS256",
	[JWT_RS384] = "RS384",
	[JWT_RS512] = "RS512",
	[JWT_PS256] = "PS256",
};

enum jwt_algorithm jwt_algorithm_of(struct text name)
{
	for (int i = JWT_NONE + 1; i <= JWT_PS256; i++)
		if (text_equal(name, text_of(names[i])))
			return (enum jwt_algorithm)i;
	return JWT_NONE;
}

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
	return algorithm == JWT_NONE ? "none" : names[algorithm];
}

static const struct json *read_object(struct arena *a, struct text part)
{
	struct status ignored;
	struct text text;

	if (!base64_read_url(a, part, &text))
		return NULL;
	const struct json *object = json_read(a, text, &ignored);
	return object && object->type == JSON_OBJECT ? object : NULL;
}

/* False if it is there and no string. */
static bool read_string(const struct json *header, struct text name, struct text *value)
{
	const struct json *member = json_member(header, name);

	*value = member ? member->string : TEXT("");
	return !member || member->type == JSON_STRING;
}

/* RFC 7515, 4.1.9, and RFC 9068, 2.1: with or without "application/", any case. */
static bool is_type(struct text type)
{
	struct text prefix = TEXT("application/");

	if (type.size > prefix.size && text_equal_nocase(text_until(type, prefix.size), prefix))
		type = text_from(type, prefix.size);
	return text_equal_nocase(type, TEXT("JWT")) || text_equal_nocase(type, TEXT("at+jwt"));
}

static bool read_header(struct arena *a, struct text part, struct jwt *jwt)
{
	const struct json *header = read_object(a, part);
	struct text algorithm, type;

	if (!header || json_member(header, TEXT("crit")) ||
		!read_string(header, TEXT("alg"), &algorithm) ||
		!read_string(header, TEXT("typ"), &type) ||
		!read_string(header, TEXT("kid"), &jwt->kid))
		return false;
	jwt->algorithm = jwt_algorithm_of(algorithm);
	return jwt->algorithm != JWT_NONE && jwt->kid.size <= KID_MAX &&
	       (!json_member(header, TEXT("typ")) || is_type(type));
}

bool jwt_read(struct arena *a, struct text token, struct jwt *jwt)
{
	size_t first = text_find(token, '.', 0);
	size_t second = text_find(token, '.', first + 1);
	struct text signature;

	if (token.size > JWT_MAX || second + 1 >= token.size)
		return false;
	*jwt = (struct jwt){.token = token, .signed_part = text_until(token, second)};
	/* A third dot is no digit of base64. */
	if (!base64_read_url(a, text_from(token, second + 1), &signature) ||
		!read_header(a, text_until(token, first), jwt))
		return false;
	jwt->claims = read_object(a, text_from(jwt->signed_part, first + 1));
	return jwt->claims != NULL;
}
