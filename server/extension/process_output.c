#include "server/extension/process_output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/extension/process_watch.h"

#define ROUND_MAX (64 * 1024)
/* A pipe that the process has not made larger than an unprivileged one may be is read empty. */
#define REST_MAX (1024 * 1024)

struct output {
	struct watch *watch;
	int fd; /* the watch's; -1: its end was read */
	const char *stream;
	struct output_limit *limit;
	size_t size; /* of the line so far; beyond OUTPUT_LINE_MAX it is not kept */
	char line[OUTPUT_LINE_MAX];
};

static void say_dropped(struct output_limit *limit)
{
	if (limit->dropped)
		log_event(LOG_WARN, "extension output dropped", LOG_TEXT("name", limit->name),
			LOG_NUMBER("lines", limit->dropped));
	limit->dropped = 0;
}

void output_limit_end(struct output_limit *limit)
{
	loop_timer_stop(&limit->timer);
	say_dropped(limit);
}

static void on_second(void *arg)
{
	output_limit_end(arg);
}

static bool limit_take(struct output_limit *limit)
{
	int64_t now = clock_now();

	if (now - limit->since >= CLOCK_SECOND) {
		output_limit_end(limit);
		limit->since = now;
		limit->lines = 0;
	}
	if (limit->lines < OUTPUT_LINES) {
		limit->lines++;
		return true;
	}
	if (!limit->dropped++) {
		int64_t rest = limit->since + CLOCK_SECOND - now;
		limit->timer =
			loop_after(limit->loop, (uint64_t)(rest / CLOCK_MS + 1), on_second, limit);
	}
	return false;
}

/* A line that was cut ends with a whole character, if it is UTF-8. */
static struct text cut_text(const struct output *o)
{
	struct text line = {o->line, OUTPUT_LINE_MAX};

	for (size_t back = 1; back <= 3; back++) {
		unsigned char c = (unsigned char)o->line[OUTPUT_LINE_MAX - back];
		if ((c & 0xc0) == 0xc0 && !text_utf8_length(line, OUTPUT_LINE_MAX - back))
			return text_until(line, OUTPUT_LINE_MAX - back);
		if ((c & 0xc0) != 0x80)
			break;
	}
	return line;
}

static void end_line(struct output *o)
{
	struct text line = {o->line, o->size};

	if (o->size > OUTPUT_LINE_MAX)
		line = cut_text(o);
	else if (o->size && o->line[o->size - 1] == '\r')
		line.size--;
	o->size = 0;
	if (line.size && limit_take(o->limit))
		log_event(LOG_INFO, "extension output", LOG_TEXT("name", o->limit->name),
			LOG_TEXT("stream", o->stream), LOG_SLICE("line", line));
}

static void add_piece(struct output *o, struct text piece)
{
	size_t kept = o->size < OUTPUT_LINE_MAX ? o->size : OUTPUT_LINE_MAX;
	struct text fits = text_until(piece, OUTPUT_LINE_MAX - kept);

	if (fits.size)
		memcpy(o->line + kept, fits.data, fits.size);
	o->size = piece.size > fits.size ? OUTPUT_LINE_MAX + 1 : o->size + fits.size;
}

static void add_bytes(struct output *o, struct text bytes)
{
	size_t at = 0;

	while (at < bytes.size) {
		size_t end = text_find(bytes, '\n', at);
		add_piece(o, text_until(text_from(bytes, at), end - at));
		if (end < bytes.size)
			end_line(o);
		at = end + 1;
	}
}

/* False: nothing is there now, or ever any more. */
static bool read_round(struct output *o)
{
	char bytes[ROUND_MAX];
	ssize_t size = read(o->fd, bytes, sizeof(bytes));

	if (size > 0)
		add_bytes(o, (struct text){bytes, (size_t)size});
	else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
		watch_close(&o->watch);
		o->fd = -1;
	}
	return size > 0;
}

static void on_readable(void *arg)
{
	read_round(arg);
}

struct output *output_open(int fd, const char *stream, struct output_limit *limit)
{
	struct output *o = check_malloc(sizeof(*o));

	o->fd = fd;
	o->stream = stream;
	o->limit = limit;
	o->size = 0;
	o->watch = watch_open(limit->loop, fd, on_readable, o);
	return o;
}

void output_close(struct output **output)
{
	struct output *o = *output;

	if (!o)
		return;
	for (size_t i = 0; i < REST_MAX / ROUND_MAX && o->fd >= 0 && read_round(o); i++)
		;
	end_line(o);
	watch_close(&o->watch);
	free(o);
	*output = NULL;
}
