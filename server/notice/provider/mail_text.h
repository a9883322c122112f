/*
 * Mail text: what stands in a mail's headers (RFC 5322, 2047). Pure functions, any thread; what
 * they make lives in the arena and is visible ASCII and blanks, whatever they are given: nothing
 * breaks out of its line. Lines are folded later, at blanks.
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_MAIL_TEXT_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_MAIL_TEXT_H

#include "base/arena.h"

/* One address alone, "local@domain": ASCII without quotes and comments; a domain of other letters
 * is written as xn--... */
bool mail_text_is_address(struct text address);
/* A text as the value of the header of that name: as it is, or as encoded words. */
struct text mail_text_encode(struct arena *a, struct text header, struct text said);
/* "Name <address>" */
struct text mail_text_mailbox(
	struct arena *a, struct text header, struct text name, struct text address);
/* "Sun, 22 Nov 2026 17:05:00 +0000" */
struct text mail_text_date(struct arena *a, int64_t unix_ms);

#endif
