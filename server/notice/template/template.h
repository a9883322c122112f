/*
 * Template: text with places for parameters, as TemplateVariant in notice.proto describes it.
 *
 * Pure: compiled once, rendered by any thread. What is made lives in the arena.
 */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_H

#include "base/arena.h"
#include "base/json.h"
#include "base/status.h"

/* How values are written into the text around them; that text itself is never changed. In none of
 * them can a value hold a NUL: U+FFFD stands for it. */
enum template_escape {
	TEMPLATE_PLAIN,  /* as they are */
	TEMPLATE_HEADER, /* one line: control characters and line separators become blanks */
	/* & < > " ': a value cannot leave the text or the quoted attribute where it stands, and
	 * where that is an address (href="{{url}}") it is one of the web, of mail, of a telephone,
	 * or relative; any other becomes "#". */
	TEMPLATE_HTML,
	/* What Markdown would take for markup, for a link or for a mention gets a backslash. As the
	 * destination of a link ([text]({{url}})) a value is percent-encoded instead. */
	TEMPLATE_MARKDOWN,
};

enum {
	TEMPLATE_DEPTH = 8,
	TEMPLATE_NAME_MAX = 128,   /* bytes of a name, the dots in it counted */
	TEMPLATE_NAMES_MAX = 1000, /* that a template has */
	TEMPLATE_RENDERED_MAX = 1 << 20,
	TEMPLATE_STEPS_MAX = 1 << 22, /* members looked at, bytes of values written */
};

struct template;

/* NULL with the status INVALID_ARGUMENT, its field that one: "variants[0].body: line 3: ...".
 * The template points into the text. */
const struct template *template_compile(
	struct arena *a, struct text text, const char *field, struct status *status);

/* Of a single name, or of one of those in a path: 1 to TEMPLATE_NAME_MAX letters, digits, "_" and
 * "-". */
bool template_is_name(struct text name);

/* Names that it must be given: those outside of all sections, each once; and all that it has. Of a
 * path its first name. */
const struct text *template_required(const struct template *t, size_t *count);
bool template_has(const struct template *t, struct text name);

/* What a name stands for: the parameters (NULL: none), and beneath them the built-in names. */
struct template_builtin {
	struct text name, value;
	bool link; /* a link of the server's own, which stays one in Markdown */
};
struct template_values {
	const struct json *params;
	const struct template_builtin *builtins;
	size_t builtin_count;
};

/* Parameters that are missing are empty. Objects and lists are written as their JSON text. False
 * with the status RESOURCE_EXHAUSTED if it becomes larger than TEMPLATE_RENDERED_MAX, or takes more
 * than TEMPLATE_STEPS_MAX; what is in out then is of no use. */
bool template_render(const struct template *t, const struct template_values *values,
	enum template_escape escape, struct buffer *out, struct status *status);

#endif
