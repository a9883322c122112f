/* Days are counted in the proleptic Gregorian calendar with years that begin in March, so that the
 * leap day is the last of its year; eras of 400 years are all of one length. */
#include "proto/runtime/time_text.h"

#include <time.h>

#define SECONDS_LEAST  INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_MOST   INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MOST  INT64_C(315576000000)
#define NANOS          1000000000
#define DAY            86400
#define ERA_DAYS       146097
#define DAYS_TO_1970   719468 /* from 0000-03-01 */
#define TIMESTAMP_RULE "must be a time like 1972-01-01T10:00:20.021Z"
#define DURATION_RULE  "must be a number of seconds like -1.5s"
#define MOMENT_RULE                                                                                \
	"must be milliseconds since 1970, or a time such as 2026-11-22T08:30:00Z, "                \
	"2026-11-22T08:30:00.5+08:00 or 2026-11-22 08:30:00"
#define CALENDAR_RULE "is no time of the calendar"

/* A time as it stands on a calendar and a clock. */
struct reading {
	int64_t year, month, day, hour, minute, second;
	int32_t nanos;
};

static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = year / 400, of_era = year % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
	days += DAYS_TO_1970;
	int64_t era = days / ERA_DAYS, of_era = days % ERA_DAYS;
	int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
	int64_t shifted = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
	*month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	*year = (int)(years + era * 400 + (*month <= 2));
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool is_digit(struct text t, size_t at)
{
	return at < t.size && t.data[at] >= '0' && t.data[at] <= '9';
}

/* Moves behind so many digits and, if it is not 0, the character that must follow. */
static bool take_digits(struct text *t, size_t count, char follows, int64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < count; i++) {
		if (!is_digit(*t, i))
			return false;
		*number = *number * 10 + (t->data[i] - '0');
	}
	if (follows && (t->size == count || t->data[count] != follows))
		return false;
	*t = text_from(*t, count + (follows != 0));
	return true;
}

/* Moves behind ".5", if that is what comes. */
static bool take_fraction(struct text *t, int32_t *nanos)
{
	int32_t digit = NANOS / 10;
	size_t size = 1;

	*nanos = 0;
	if (t->size == 0 || t->data[0] != '.')
		return true;
	for (; is_digit(*t, size); size++, digit /= 10) {
		if (digit == 0)
			return false;
		*nanos += (t->data[size] - '0') * digit;
	}
	*t = text_from(*t, size);
	return size > 1;
}

/* Moves behind that character, if it is what comes. */
static bool take_char(struct text *t, char c)
{
	bool is = t->size > 0 && *t->data == c;

	*t = text_from(*t, is);
	return is;
}

/* "Z", or "+01:30", in seconds; loose: "+0130" and "+01", too. */
static bool read_offset(struct text t, bool loose, int64_t *offset)
{
	int64_t hours, minutes = 0;
	bool negative = text_starts(t, TEXT("-"));

	*offset = 0;
	if (text_equal(t, TEXT("Z")))
		return true;
	if (!take_char(&t, negative ? '-' : '+') || !take_digits(&t, 2, 0, &hours))
		return false;
	bool whole = loose && t.size == 0;
	if (!whole && ((!take_char(&t, ':') && !loose) || !take_digits(&t, 2, 0, &minutes)))
		return false;
	*offset = (hours * 60 + minutes) * (negative ? -60 : 60);
	return t.size == 0 && hours <= 23 && minutes <= 59;
}

/* "2026-11-22" */
static bool take_date(struct text *t, struct reading *r)
{
	return take_digits(t, 4, '-', &r->year) && take_digits(t, 2, '-', &r->month) &&
	       take_digits(t, 2, 0, &r->day);
}

/* "08:30:00.5"; the seconds may be missing if optional. */
static bool take_clock(struct text *t, bool optional, struct reading *r)
{
	if (!take_digits(t, 2, ':', &r->hour) || !take_digits(t, 2, 0, &r->minute))
		return false;
	if (!text_starts(*t, TEXT(":")))
		return optional;
	*t = text_from(*t, 1);
	return take_digits(t, 2, 0, &r->second) && take_fraction(t, &r->nanos);
}

static bool is_of_calendar(const struct reading *r)
{
	return r->month >= 1 && r->month <= 12 && r->day >= 1 &&
	       r->day <= days_in_month(r->year, r->month) && r->hour <= 23 && r->minute <= 59 &&
	       r->second <= 59;
}

/* Since 1970, as if it were UTC. */
static int64_t seconds_of(const struct reading *r)
{
	return days_from_date(r->year, r->month, r->day) * DAY + r->hour * 3600 + r->minute * 60 +
	       r->second;
}

static int64_t seconds_of_local(const struct reading *r)
{
	struct tm tm = {.tm_year = (int)r->year - 1900,
		.tm_mon = (int)r->month - 1,
		.tm_mday = (int)r->day,
		.tm_hour = (int)r->hour,
		.tm_min = (int)r->minute,
		.tm_sec = (int)r->second,
		.tm_isdst = -1};

	return mktime(&tm);
}

const char *timestamp_from_text(struct text t, int64_t *seconds, int32_t *nanos)
{
	struct reading r = {0};
	int64_t offset;

	if (!take_date(&t, &r) || !take_char(&t, 'T') || !take_clock(&t, false, &r) ||
		!read_offset(t, false, &offset))
		return TIMESTAMP_RULE;
	if (!is_of_calendar(&r))
		return CALENDAR_RULE;
	*nanos = r.nanos;
	*seconds = seconds_of(&r) - offset;
	if (*seconds < SECONDS_LEAST || *seconds > SECONDS_MOST)
		return "must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
	return NULL;
}

static const char *moment_of_calendar(struct text t, int64_t *unix_ms)
{
	struct reading r = {0};
	int64_t offset = 0;

	if (!take_date(&t, &r))
		return MOMENT_RULE;
	bool has_clock = take_char(&t, 'T') || take_char(&t, ' ');
	if (has_clock && !take_clock(&t, true, &r))
		return MOMENT_RULE;
	bool local = t.size == 0;
	if (!local && (!has_clock || !read_offset(t, true, &offset)))
		return MOMENT_RULE;
	if (!is_of_calendar(&r))
		return CALENDAR_RULE;
	int64_t seconds = local ? seconds_of_local(&r) : seconds_of(&r) - offset;
	*unix_ms = seconds * 1000 + r.nanos / 1000000;
	return NULL;
}

const char *moment_from_text(struct text t, int64_t *unix_ms)
{
	const char *fault = text_to_int64(t, unix_ms) ? NULL : moment_of_calendar(t, unix_ms);

	if (!fault && (*unix_ms < SECONDS_LEAST * 1000 || *unix_ms >= (SECONDS_MOST + 1) * 1000))
		fault = "must be of the years 1 to 9999";
	return fault;
}

const char *duration_from_text(struct text t, int64_t *seconds, int32_t *nanos)
{
	bool negative = text_starts(t, TEXT("-"));
	size_t digits = 0;

	t = text_from(t, negative);
	*seconds = 0;
	for (; is_digit(t, digits); digits++) {
		if (*seconds <= DURATION_MOST)
			*seconds = *seconds * 10 + (t.data[digits] - '0');
	}
	t = text_from(t, digits);
	if (digits == 0 || !take_fraction(&t, nanos) || !text_equal(t, TEXT("s")))
		return DURATION_RULE;
	if (*seconds > DURATION_MOST)
		return "must be from -315576000000s to 315576000000s";
	if (negative) {
		*seconds = -*seconds;
		*nanos = -*nanos;
	}
	return NULL;
}

/* Writes so many digits before end. */
static void put_digits(char *end, int count, int number)
{
	while (count-- > 0) {
		*--end = (char)('0' + number % 10);
		number /= 10;
	}
}

static void add_fraction(struct buffer *out, int32_t nanos)
{
	char digits[10] = ".";
	int count = nanos % 1000 ? 9 : nanos % 1000000 ? 6 : nanos ? 3 : 0;

	if (count == 0)
		return;
	put_digits(digits + 10, 9, nanos);
	buffer_add(out, digits, (size_t)count + 1);
}

const char *timestamp_to_text(struct buffer *out, int64_t seconds, int32_t nanos)
{
	char text[] = "\"0000-00-00T00:00:00";
	int year, month, day, second;

	if (seconds < SECONDS_LEAST || seconds > SECONDS_MOST)
		return "must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
	if (nanos < 0 || nanos >= NANOS)
		return "nanos must be from 0 to 999999999";
	second = (int)((seconds - SECONDS_LEAST) % DAY);
	date_from_days((seconds - second) / DAY, &year, &month, &day);
	put_digits(text + 5, 4, year);
	put_digits(text + 8, 2, month);
	put_digits(text + 11, 2, day);
	put_digits(text + 14, 2, second / 3600);
	put_digits(text + 17, 2, second / 60 % 60);
	put_digits(text + 20, 2, second % 60);
	buffer_add(out, text, sizeof(text) - 1);
	add_fraction(out, nanos);
	buffer_add_text(out, TEXT("Z\""));
	return NULL;
}

const char *duration_to_text(struct buffer *out, int64_t seconds, int32_t nanos)
{
	bool negative = seconds < 0 || nanos < 0;

	if (seconds < -DURATION_MOST || seconds > DURATION_MOST)
		return "must be from -315576000000s to 315576000000s";
	if (nanos <= -NANOS || nanos >= NANOS)
		return "nanos must be from -999999999 to 999999999";
	if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return "seconds and nanos must have one sign";
	buffer_printf(
		out, "\"%s%lld", negative ? "-" : "", (long long)(negative ? -seconds : seconds));
	add_fraction(out, negative ? -nanos : nanos);
	buffer_add_text(out, TEXT("s\""));
	return NULL;
}
