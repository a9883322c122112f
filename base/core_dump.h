#ifndef JUNCTION_BASE_CORE_DUMP_H
#define JUNCTION_BASE_CORE_DUMP_H

#include <stdbool.h>

/* Unless they are wanted, this process and those that it starts leave no core when they crash: it
 * would hold passwords, tokens and keys. At start. */
void core_dump_allow(bool wanted);

/* The option of a program. */
#define OPTION_CORE_DUMPS(where)                                                                   \
	{                                                                                          \
		.name = "--core-dumps", .environment = "JUNCTION_CORE_DUMPS", .kind = OPTION_FLAG, \
		.value = where,                                                                    \
		.help = "Leave a core when the program crashes, as far as the system allows it. "  \
			"It holds passwords, tokens and keys that were in use."                    \
	}

#endif
