#include "bridge/uri.h"

/* Without the scheme, if it is one that we are asked with. */
static bool skip_scheme(struct text target, struct text *rest)
{
	static const struct text schemes[] = {{"http://", 7}, {"https://", 8}};
	for (size_t i = 0; i < 2; i++) {
		*rest = text_from(target, schemes[i].size);
		if (text_equal_nocase(text_until(target, schemes[i].size), schemes[i]))
			return true;
	}
	return false;
}

static const char *check_bytes(struct text target)
{
	for (size_t i = 0; i < target.size; i++) {
		unsigned char c = (unsigned char)target.data[i];
		if (c <= ' ' || c == 0x7f)
			return "the request's target holds a blank or a control character";
		if (c == '#')
			return "the request's target holds a #, which ends what a server is sent";
	}
	return NULL;
}

const char *uri_split(struct text target, struct uri *uri)
{
	struct text rest;
	*uri = (struct uri){0};
	if (skip_scheme(target, &rest)) {
		size_t slash = text_find(rest, '/', 0), mark = text_find(rest, '?', 0);
		size_t end = slash < mark ? slash : mark;
		uri->authority = text_until(rest, end);
		target = text_from(rest, end);
		if (!uri->authority.size)
			return "the request's target has no host";
	}
	size_t end = text_find(target, '?', 0);
	uri->path = text_until(target, end);
	uri->query = text_from(target, end + 1);
	if (uri->authority.size && !uri->path.size)
		uri->path = TEXT("/");
	return check_bytes(target);
}
