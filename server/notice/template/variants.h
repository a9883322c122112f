/*
 * Variants: what a template says on its channels and in its languages.
 *
 * Pure; what is made lives in the arena and points into what it was made of. Any thread.
 */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_VARIANTS_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_VARIANTS_H

#include "server/notice/template/template.h"

enum {
	VARIANTS_MAX = 100,
	VARIANTS_BYTES = 1 << 20, /* of all together */
	SUBJECT_MAX = 1000,       /* bytes, as given and as rendered */
};

struct variant {
	struct text channel, language;                               /* empty: any */
	struct text subject, body, html, provider_template;          /* as given */
	const struct template *made_subject, *made_body, *made_html; /* html: NULL without one */
};

struct variants {
	struct variant *list;
	size_t count; /* at least 1 */
};

/* As notice.template.variants has them, written and read; false with the reason: it cannot be. */
void variants_write(struct buffer *json, const struct variants *v);
bool variants_read(
	struct arena *a, struct text json, struct variants *variants, struct status *status);

/* The texts become templates, which all that follows needs. False with the status INVALID_ARGUMENT,
 * "variants[0].body: ...". */
bool variants_compile(struct arena *a, struct variants *v, struct status *status);

/* The one that fits best. Its channel counts first: its own, any, another's; then its language:
 * the longest part of the wanted one ("zh-CN", "zh"), none, one that begins with the wanted one,
 * another. Of equal ones the first. */
const struct variant *variants_pick(
	const struct variants *v, struct text channel, struct text language);

/* Whether a text of any of them has that name. */
bool variants_have(const struct variants *v, struct text name);
/* Parameters that must be given: those that the author says, then those outside of sections that
 * are none of the built-in names; each once. */
const struct text *variants_needed(struct arena *a, const struct variants *v,
	const struct text *required, size_t required_count, size_t *count);

/* What a notice says. In the arena, but points into what it was made of, too. */
struct rendered {
	struct text subject, body; /* of a notice without template: title and message */
	struct text html;          /* empty: there is none */
	struct text provider_template;
	/* JSON object of the parameters, for providers that have templates of their own. */
	struct text params;
};

/* The built-in names. */
struct variant_facts {
	struct text sender, title, message, user, notice_id;
	int64_t time_ms;
	struct text receipt; /* a link, or empty */
};

/* params: an object, or NULL. False with the reason: it becomes too large. */
bool variant_render(const struct variant *v, struct arena *a, const struct json *params,
	const struct variant_facts *facts, bool markdown, struct rendered *rendered,
	struct status *status);

#endif
