/* What a header Content-Disposition (RFC 6266) calls a file. Any thread. */
#ifndef JUNCTION_SERVER_NOTICE_ATTACHMENT_DISPOSITION_H
#define JUNCTION_SERVER_NOTICE_ATTACHMENT_DISPOSITION_H

#include "base/arena.h"

/* filename* before filename, and of a path its end; else the id, slashes as "_". A name that an
 * attachment may have, in the arena. */
struct text disposition_file_name(struct arena *a, struct text header, struct text id);

#endif
