#include "base/core_dump.h"

#include <sys/resource.h>

void core_dump_allow(bool wanted)
{
	/* Of 0 a program that cores are piped to is started all the same; of 1 it is not. */
	static const struct rlimit none = {1, 1};

	if (!wanted)
		setrlimit(RLIMIT_CORE, &none);
}
