/* Parts of attachments, as they are read from PostgreSQL. Any thread. */
#ifndef JUNCTION_SERVER_NOTICE_ATTACHMENT_PARTS_H
#define JUNCTION_SERVER_NOTICE_ATTACHMENT_PARTS_H

#include "base/arena.h"
#include "server/db/statement.h"

/* $1: the attachment, $2: the number, from 1. */
extern const struct statement part_statement;
/* What the rows hold, in the arena. False: the part is not there. */
bool part_read(struct arena *a, const struct rows *rows, struct text *bytes);

#endif
