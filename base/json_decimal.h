/* The decimal digits of a double; between the sources of base/json.h only. Pure functions. */
#ifndef JUNCTION_BASE_JSON_DECIMAL_H
#define JUNCTION_BASE_JSON_DECIMAL_H

#include <stdint.h>

/* digits * 10^power; the last digit is not 0. */
struct json_decimal {
	uint64_t digits;
	int power;
};

/* Of the fewest digits that read back as the number, and of these the nearest to it; number is
 * finite and above 0. */
void json_decimal_shortest(double number, struct json_decimal *d);

#endif
