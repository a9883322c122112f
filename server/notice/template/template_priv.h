/* What compiling a template makes, for rendering it. */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_PRIV_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_TEMPLATE_PRIV_H

#include "server/notice/template/template.h"

enum node_kind {
	NODE_TEXT,
	NODE_VALUE,
	NODE_SECTION,
	NODE_INVERTED, /* a section that is there if its name is not */
};

struct node {
	enum node_kind kind;
	struct text text;   /* what is written as it is; else a name, a path of names, or "." */
	struct node *first; /* what is in a section */
	struct node *next;
};

struct template
{
	const struct node *first;
	const struct text *names, *required;
	size_t name_count, required_count;
};

#endif
