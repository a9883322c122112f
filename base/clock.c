/* Clocks and UUIDs. A version-7 UUID carries the milliseconds and, in its first random bits, the
 * fraction of the millisecond (RFC 9562, 6.2, method 3), so that those of one process sort as they
 * were made. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "base/random.h"

static struct timespec read_clock(clockid_t id)
{
	struct timespec now;

	CHECK(clock_gettime(id, &now) == 0);
	return now;
}

int64_t clock_now(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

int64_t clock_unix_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);
	return now.tv_sec * 1000 + now.tv_nsec / CLOCK_MS;
}

/* Rounds down, before 1970 too. */
static time_t whole_seconds(int64_t unix_ms)
{
	return unix_ms / 1000 - (unix_ms % 1000 < 0);
}

void clock_iso_into(char out[32], int64_t unix_ms)
{
	time_t seconds = whole_seconds(unix_ms);
	struct tm tm;

	CHECK(gmtime_r(&seconds, &tm));
	/* strftime gives the year 33 two digits. */
	size_t size = (size_t)snprintf(out, 32, "%04lld", tm.tm_year + 1900LL);
	size += strftime(out + size, 32 - size, "-%m-%dT%H:%M:%S", &tm);
	snprintf(out + size, 32 - size, ".%03uZ", (unsigned)(unix_ms - seconds * 1000) % 1000);
}

char *clock_iso(struct arena *a, int64_t unix_ms)
{
	char *out = arena_alloc(a, 32);

	clock_iso_into(out, unix_ms);
	return out;
}

char *clock_local(struct arena *a, int64_t unix_ms)
{
	time_t seconds = whole_seconds(unix_ms);
	struct tm tm;

	CHECK(localtime_r(&seconds, &tm));
	char *out = arena_alloc(a, 32);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

static void write_uuid(char out[37], unsigned char b[16], int version)
{
	b[6] = (unsigned char)((b[6] & 0x0f) | version << 4);
	b[8] = (b[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = "0123456789abcdef"[b[i] >> 4];
		*out++ = "0123456789abcdef"[b[i] & 0x0f];
	}
	*out = '\0';
}

void uuid_random(char out[37])
{
	unsigned char b[16];

	random_bytes(b, sizeof(b));
	write_uuid(out, b, 4);
}

void uuid_ordered(char out[37])
{
	struct timespec now = read_clock(CLOCK_REALTIME);
	uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / CLOCK_MS);
	uint64_t fraction = (uint64_t)(now.tv_nsec % CLOCK_MS) * 4096 / CLOCK_MS;
	unsigned char b[16];

	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(fraction >> 8);
	b[7] = (unsigned char)fraction;
	random_bytes(b + 8, 8);
	write_uuid(out, b, 7);
}
