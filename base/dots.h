/* Dots: whether a path leads elsewhere than it says. Any thread. */
#ifndef JUNCTION_BASE_DOTS_H
#define JUNCTION_BASE_DOTS_H

#include <stdbool.h>

#include "base/text.h"

/* Of a decoded path: whether anybody may see a segment "." or ".." in it. Some take "\" for a
 * separator, too, and some do not see what stands behind a ";". */
bool dots_in(struct text path);

#endif
