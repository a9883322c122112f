/*
 * Escape: how a value is written where it stands, so that it stays a value. Pure. Values are
 * well-formed UTF-8.
 */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_ESCAPE_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_ESCAPE_H

#include "server/notice/template/template.h"

/* Where in the text around it a value stands. */
enum place {
	PLACE_TEXT,
	PLACE_ADDRESS,      /* an address begins: in HTML an attribute's, in Markdown a link's */
	PLACE_ADDRESS_REST, /* within one */
};

/* The place after a piece of the template's own text, which is not empty. */
enum place escape_place(enum template_escape escape, enum place before, struct text text);

/* Appends a value; gives the place after it. link: see template_builtin. */
enum place escape_value(struct buffer *out, enum template_escape escape, enum place place,
	bool link, struct text value);

#endif
