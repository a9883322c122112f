/*
 * Ids as callers give them. False with c->status set: INVALID_ARGUMENT, the field is required or is
 * no such id. Any thread.
 */
#ifndef JUNCTION_SERVER_NOTICE_IDS_H
#define JUNCTION_SERVER_NOTICE_IDS_H

#include "server/call.h"

bool ids_is_uuid(struct text t);
/* Of a notice or an attachment: a UUID, in hexadecimal digits of either case. */
bool ids_read_uuid(struct call *c, const char *field, const char *given, struct text *id);
/* Of a delivery: its position in decimal digits. */
bool ids_read_position(struct call *c, const char *field, const char *given, struct text *id);

#endif
