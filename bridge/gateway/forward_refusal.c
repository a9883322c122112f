/* Forward, refusals. */
#include "bridge/gateway/forward_parts.h"

void forward_refuse(struct forward *f, int http, enum status_code code, const char *message)
{
	struct arena *a = f->request.arena;
	struct reply_header *limits = arena_array(a, LIMIT_HEADERS + 1, sizeof(*limits));
	access_called(f->request.access, code, message);
	reply_gateway(f->request.reply, a, http, message);
	if (f->route && forward_limit_headers(f, limits))
		f->request.reply->headers = limits;
	forward_reply(f);
}

void forward_refuse_status(struct forward *f, const struct status *status)
{
	forward_refuse(f, reply_http_status(status->code), status->code,
		arena_printf(f->request.arena, "%s", status->message));
}
