/*
 * JSON text to message and back to JSON text, as the bridge does it: read into a tree, bound by
 * descriptor, written; one arena per message. Defaults are written. json_rate_cpp.cc is the same
 * with C++ protobuf.
 *
 * usage: bench_json FILE           prints the JSON that comes back
 *        bench_json FILE SECONDS   prints {"mb_per_s":..., "messages":...}: megabytes of JSON in,
 *                                  per second of CPU time
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "proto/runtime/transcode.h"

enum { MOST = 1 << 24, BATCH = 32 };

static const struct transcode_options options = {.refuse_unknown = true};

static struct text read_file(struct arena *a, const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(1);
	}
	char *bytes = arena_alloc(a, MOST);
	size_t size = fread(bytes, 1, MOST, file);
	CHECK(size > 0 && size < MOST);
	fclose(file);
	return (struct text){bytes, size};
}

static struct text go_round(struct arena *a, const struct api_message *type, struct text json)
{
	struct status status = {0};
	struct buffer out = {.arena = a};
	ProtobufCMessage *message = message_new(a, type);
	const struct json *value = json_read(a, json, &status);
	if (!value || !message_from_json(a, type, value, &options, message, &status) ||
		!message_to_json(&out, type, message, &options, &status)) {
		fprintf(stderr, "bench_json: %s\n", status.message);
		exit(1);
	}
	return buffer_text(&out);
}

static double cpu_seconds(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const struct api_message *type, struct text json, double seconds)
{
	size_t messages = 0;
	double begin = cpu_seconds(), used = 0;
	for (; used < seconds; used = cpu_seconds() - begin) {
		for (int i = 0; i < BATCH; i++) {
			struct arena *a = arena_new(0);
			CHECK(go_round(a, type, json).size > 0);
			arena_free(&a);
		}
		messages += BATCH;
	}
	printf("{\"mb_per_s\":%.2f,\"messages\":%zu}\n",
		(double)messages * (double)json.size / used / 1e6, messages);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2 || argc == 3);
	struct arena *a = arena_new(0);
	const struct api_message *type = api_message_named("junction.v1.Everything");
	CHECK(type);
	struct text json = read_file(a, argv[1]);
	if (argc == 3) {
		measure(type, json, atof(argv[2]));
	} else {
		struct text back = go_round(a, type, json);
		CHECK(fwrite(back.data, 1, back.size, stdout) == back.size);
	}
	arena_free(&a);
	return 0;
}
