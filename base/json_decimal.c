/*
 * Printed with more and more digits until they read back. A decimal of up to 15 digits survives the
 * way through a double, so the search begins there; subnormal numbers hold fewer, and theirs begins
 * with one. Of as many digits the printed ones are the nearest, but the nearest need not read back:
 * below a power of two doubles lie twice as dense as above, and there the next decimal above may
 * read back where the nearest, below, does not (2^-44 is 5.684341886080802e-14).
 */
#include "base/json_decimal.h"

#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool reads_back(const struct json_decimal *d, double number)
{
	char text[40];

	snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d->digits, d->power);
	return strtod(text, NULL) == number;
}

static struct json_decimal nearest(double number, int count)
{
	char text[40];
	struct json_decimal d = {.digits = 0};
	const char *at = text;

	snprintf(text, sizeof(text), "%.*e", count - 1, number);
	for (; *at != 'e'; at++)
		if (*at != '.')
			d.digits = d.digits * 10 + (uint64_t)(*at - '0');
	d.power = atoi(at + 1) - (count - 1);
	return d;
}

void json_decimal_shortest(double number, struct json_decimal *d)
{
	for (int count = number < DBL_MIN ? 1 : 15; count <= 17; count++) {
		*d = nearest(number, count);
		if (reads_back(d, number))
			break;
		d->digits++;
		if (reads_back(d, number))
			break;
	}
	while (d->digits % 10 == 0) {
		d->digits /= 10;
		d->power++;
	}
}
