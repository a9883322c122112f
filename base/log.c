/* A line is put together on the stack and written by one write(2), so that lines of several threads
 * and processes do not mix; a line is at most PIPE_BUF bytes, up to which a pipe keeps that
 * promise. A longer one ends in "...". Nothing here allocates or locks: the way out of a failed
 * check and of exhausted memory leads through here. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const levels[] = {"debug", "info", "warn", "error"};
static atomic_int least = LOG_INFO;

/* Kept free for the end of a line that is cut: ..." and the line feed. */
#define LINE_END 5

struct line {
	char data[PIPE_BUF];
	size_t size;
	bool quoted; /* inside quotes */
	bool cut;    /* something did not fit: nothing more is added */
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

enum log_level log_level_now(void)
{
	return (enum log_level)atomic_load_explicit(&least, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
	return levels[level];
}

bool log_level_named(const char *name, enum log_level *level)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (strcmp(name, levels[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_access_named(const char *name, enum log_access *access)
{
	static const char *const names[] = {"all", "errors", "none"};
	for (int i = LOG_ACCESS_ALL; i <= LOG_ACCESS_NONE; i++)
		if (strcmp(name, names[i]) == 0) {
			*access = (enum log_access)i;
			return true;
		}
	return false;
}

struct text log_number(char buffer[24], int64_t number)
{
	int size = snprintf(buffer, 24, "%lld", (long long)number);
	return (struct text){buffer, (size_t)size};
}

static void add_end(struct line *l, struct text t)
{
	memcpy(l->data + l->size, t.data, t.size);
	l->size += t.size;
}

static void add(struct line *l, struct text t)
{
	l->cut = l->cut || t.size > sizeof(l->data) - LINE_END - l->size;
	if (!l->cut && t.size)
		add_end(l, t);
}

static bool is_plain(char c)
{
	return (unsigned char)c > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7f;
}

static bool needs_quotes(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (!is_plain(t.data[i]))
			return true;
	return t.size == 0 || text_utf8_error(t) != t.size;
}

static void add_escape(struct line *l, char c)
{
	const char *named = c ? strchr("\"\"\\\\\nn\rr\tt", c) : NULL;
	char escape[8];
	int size = named ? snprintf(escape, sizeof(escape), "\\%c", named[1])
			 : snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);

	add(l, (struct text){escape, (size_t)size});
}

static void add_quoted(struct line *l, struct text t)
{
	add(l, TEXT("\""));
	l->quoted = !l->cut;
	for (size_t i = 0, length; i < t.size && !l->cut; i += length ? length : 1) {
		length = text_utf8_length(t, i);
		if (!length)
			add(l, TEXT("\xef\xbf\xbd"));
		else if (is_plain(t.data[i]) || t.data[i] == ' ' || t.data[i] == '=')
			add(l, (struct text){t.data + i, length});
		else
			add_escape(l, t.data[i]);
	}
	add(l, TEXT("\""));
	l->quoted = l->quoted && l->cut;
}

static void add_field(struct line *l, const char *key, struct text value)
{
	if (l->cut)
		return;
	if (l->size)
		add(l, TEXT(" "));
	add(l, text_of(key));
	add(l, TEXT("="));
	if (needs_quotes(value) || value.size > sizeof(l->data) - LINE_END - l->size)
		add_quoted(l, value);
	else
		add(l, value);
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&least, memory_order_relaxed);
}

void log_write(
	enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	if (!log_wants(level))
		return;
	int error = errno;
	char time[32];
	struct line l;

	l.size = 0;
	l.quoted = l.cut = false;
	clock_iso_into(time, clock_unix_ms());
	add_field(&l, "time", text_of(time));
	add_field(&l, "level", text_of(levels[level]));
	add_field(&l, "event", text_of(event));
	for (size_t i = 1; i < count; i++)
		add_field(&l, fields[i].key, fields[i].value);
	if (l.cut)
		add_end(&l, l.quoted ? TEXT("...\"") : TEXT("..."));
	add_end(&l, TEXT("\n"));
	while (write(STDERR_FILENO, l.data, l.size) < 0 && errno == EINTR)
		;
	errno = error;
}
