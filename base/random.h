/* Random bytes that nobody can guess, from the kernel: a pool of our own would be copied by fork().
 * Any thread. */
#ifndef JUNCTION_BASE_RANDOM_H
#define JUNCTION_BASE_RANDOM_H

#include <stddef.h>

enum { RANDOM_BYTES_MAX = 256 };

/* size: at most RANDOM_BYTES_MAX. */
void random_bytes(void *bytes, size_t size);

#endif
