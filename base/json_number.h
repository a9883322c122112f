/* Number tokens of JSON; between the sources of base/json.h only. Pure functions. */
#ifndef JUNCTION_BASE_JSON_NUMBER_H
#define JUNCTION_BASE_JSON_NUMBER_H

#include "base/text.h"

/* Bytes of the number that text starts with (RFC 8259, 6), or 0 if it starts with none. */
size_t json_number_size(struct text text);

#endif
