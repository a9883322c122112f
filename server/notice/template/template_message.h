/* Templates as callers give and see them. Any thread; in the call's arena. */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_MESSAGE_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_MESSAGE_H

#include "junction/v1/notice.pb-c.h"
#include "server/call.h"
#include "server/notice/template/variants.h"

/* Of notice.template as t. */
#define TEMPLATE_COLUMNS                                                                           \
	"t.id, t.version, t.channel, to_json(t.required), t.variants, "                            \
	"event.milliseconds(t.created_at), t.deleted"

enum { TEMPLATE_COLUMN_COUNT = 7 };

Notice__Template *template_message(struct call *c, const struct rows *rows, int row);

/* The version that is asked for, 0: the last one, as the parameter of a statement. False with
 * c->status set. */
bool template_version_read(struct call *c, int32_t version, struct text *parameter);

/* False with c->status set: it is no id of a template. */
bool template_id_holds(struct call *c, const char *id);

/* The variants of a request, compiled. False with c->status set. */
bool template_variants_take(struct call *c, Notice__TemplateVariant *const *given, size_t count,
	struct variants *variants);

#endif
