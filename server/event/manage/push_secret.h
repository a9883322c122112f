/*
 * Push secret: what pushes are signed with, as Standard Webhooks writes it: "whsec_" and base64.
 * Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_PUSH_SECRET_H
#define JUNCTION_SERVER_EVENT_MANAGE_PUSH_SECRET_H

#include "server/call.h"

/* The bytes of what was given, or of a new one, as PostgreSQL reads them; data NULL with the status
 * INVALID_ARGUMENT naming the field "secret". *shown: how a new one is shown; "" of a given one. */
struct text push_secret_take(struct call *c, const char *given, char **shown);

#endif
