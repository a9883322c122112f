/* How contents are kept. */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_CONTENT_PRIV_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_CONTENT_PRIV_H

#include <stdatomic.h>

#include "server/notice/template/content.h"

struct kept {
	struct content content;   /* first */
	struct variants variants; /* count 0: it has no template */
	struct arena *arena;      /* it lives there */
	atomic_int references;

	/* The cache's, which holds a reference while it is there. */
	struct kept *newer, *older;
};

enum { CONTENTS_MAX = 1000, CONTENTS_BYTES = 64 << 20 };

/* The last ones used. Any thread. */
const struct content *content_cache_find(int64_t position); /* shared; NULL: not there */
void content_cache_put(const struct content *c);
/* How many it has; for tests. */
size_t content_cache_count(void);

#endif
