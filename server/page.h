/*
 * Page: how much of a list is asked for, and behind what. A token holds the key of the last item
 * before it, so that what is added or removed meanwhile makes a list neither skip nor repeat
 * another. Any thread.
 */
#ifndef JUNCTION_SERVER_PAGE_H
#define JUNCTION_SERVER_PAGE_H

#include "server/call.h"

enum {
	PAGE_KEY_PARTS = 5,
	PAGE_BYTES =
		1 << 20, /* about as many of a message; what comes behind is for the next page */
};

struct page {
	int64_t most;                      /* items */
	struct text after[PAGE_KEY_PARTS]; /* "" for all: from the beginning */
};

/* By a request. */
struct page_asked {
	int32_t size, usual, most;
	const char *token;
};

/* size 0: the usual. False with the status INVALID_ARGUMENT naming pageSize or pageToken: it must
 * be one of a key of so many parts. */
bool page_read(struct arena *a, int32_t size, int32_t usual, int32_t most, const char *token,
	size_t parts, struct page *page, struct status *status);
/* next_page_token. No part holds a line feed. */
char *page_token(struct arena *a, const struct text *key, size_t parts);

/* Of a list that PostgreSQL gives: the parameter for one row more than the page may have, and how
 * many of the rows are the page's, fewer if a message would have no room for them. */
struct text page_limit(struct arena *a, const struct page *page);
int page_rows(const struct page *page, const struct rows *rows, int columns);

/* Ends a step: asks for a page of what the caller's namespace has, by one name: $1 the namespace,
 * behind the name $2, at most $3 rows. then() finds the page in c->state. */
enum next page_by_name(struct call *c, const struct statement *list, const struct page_asked *asked,
	enum next (*then)(struct call *c, const struct rows *rows));

#endif
