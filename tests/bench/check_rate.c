/*
 * Check in process: a directory as a server has it, and questions put to it one after the other.
 *
 * usage: bench_check FOLDER SECONDS   FOLDER: states and questions.csv (access_rows.py)
 * prints one line of JSON: {"load_ms":, "exchange_us":, "mb":, "grants":, "asked":, "allowed":,
 * "p50_ns":, "p99_ns":}; exchange_us: a new directory in which one user has changed; allowed: of
 * the questions, each asked once
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/auth/directory/decide.h"
#include "server/auth/token/jwt.h"

enum { EXCHANGES = 200, MOST = 1 << 22 };

static char *read_file(const char *folder, const char *name, size_t *size)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(1);
	}
	CHECK(fseek(file, 0, SEEK_END) == 0);
	*size = (size_t)ftell(file);
	rewind(file);
	char *bytes = check_malloc(*size + 1);
	CHECK(fread(bytes, 1, *size, file) == *size);
	bytes[*size] = '\0';
	fclose(file);
	return bytes;
}

/* What stands before the separator; the rest begins behind it. */
static struct text cut(struct text *rest, char separator)
{
	size_t at = text_find(*rest, separator, 0);
	struct text before = text_until(*rest, at);
	*rest = at < rest->size ? text_from(*rest, at + 1) : TEXT("");
	return before;
}

static size_t count_lines(struct text t)
{
	size_t count = 0;
	for (size_t i = 0; i < t.size; i++)
		count += t.data[i] == '\n';
	return count;
}

static struct directory_change *read_states(struct text t, size_t *count)
{
	struct directory_change *changes = check_calloc(count_lines(t), sizeof(*changes));
	for (*count = 0; t.size > 0; (*count)++) {
		struct text line = cut(&t, '\n');
		changes[*count].kind = cut(&line, '\t');
		changes[*count].name = cut(&line, '\t');
		changes[*count].state = line;
	}
	return changes;
}

static struct question *read_questions(struct text t, size_t *count)
{
	struct question *questions = check_calloc(count_lines(t), sizeof(*questions));
	for (*count = 0; t.size > 0; (*count)++) {
		struct text line = cut(&t, '\n');
		struct question *q = &questions[*count];
		q->kind = SUBJECT_USER;
		q->name = cut(&line, ',');
		q->service = cut(&line, ',');
		q->action = cut(&line, ',');
		q->method = line;
	}
	return questions;
}

/* Of a directory in which one user after the other has changed. */
static double exchange(const struct directory **d, const struct directory_change *last)
{
	int64_t began = clock_now();
	for (int64_t i = 0; i < EXCHANGES; i++) {
		const struct directory *next = directory_make(*d, last - i, 1, i + 2);
		directory_release(d);
		*d = next;
	}
	return (double)(clock_now() - began) / EXCHANGES / 1e3;
}

static size_t count_grants(const struct directory *d)
{
	size_t grants = 0;
	struct directory_cursor cursor = {0};
	const struct subject *s;
	while ((s = directory_next_subject(d, SUBJECT_USER, &cursor)))
		grants += s->role_count;
	return grants;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static size_t ask_all(
	const struct directory *d, const struct question *questions, size_t count, int64_t now_ms)
{
	size_t allowed = 0;
	for (size_t i = 0; i < count; i++)
		allowed += decide(d, &questions[i], now_ms);
	return allowed;
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	size_t size, count, question_count, asked = 0;
	char *states = read_file(argv[1], "states", &size);
	struct directory_change *changes = read_states((struct text){states, size}, &count);
	char *lines = read_file(argv[1], "questions.csv", &size);
	struct question *questions = read_questions((struct text){lines, size}, &question_count);

	jwt_start();
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	int64_t began = clock_now();
	const struct directory *d = directory_make(NULL, changes, count, 1);
	double load_ms = (double)(clock_now() - began) / 1e6;
	size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	double exchange_us = exchange(&d, &changes[count - 1]);

	int64_t now_ms = clock_unix_ms(), *times = check_calloc(MOST, sizeof(*times));
	size_t allowed = ask_all(d, questions, question_count, now_ms);
	int64_t until = clock_now() + atoi(argv[2]) * CLOCK_SECOND, now = clock_now();
	for (; asked < MOST && now < until; asked++) {
		bool answer = decide(d, &questions[asked % question_count], now_ms);
		__asm__ volatile("" ::"r"(answer));
		int64_t then = clock_now();
		times[asked] = then - now;
		now = then;
	}
	qsort(times, asked, sizeof(*times), compare);
	printf("{\"load_ms\":%.1f,\"exchange_us\":%.1f,\"mb\":%.1f,\"grants\":%zu,\"asked\":%zu,"
	       "\"allowed\":%zu,\"p50_ns\":%lld,\"p99_ns\":%lld}\n",
		load_ms, exchange_us, (double)bytes / 1e6, count_grants(d), asked, allowed,
		(long long)times[asked / 2], (long long)times[asked * 99 / 100]);
	directory_release(&d);
	jwt_stop();
	return 0;
}
