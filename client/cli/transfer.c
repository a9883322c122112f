/* upload and download: contents of any size in constant memory. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "api.gen.h"
#include "client/cli/cli.h"
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/api_reader.pb-c.h"
#include "junction/v1/audit.pb-c.h"

enum { PIECE = 256 * 1024 };

/* --- upload ----------------------------------------------------------------------------------- */

static FILE *open_input(const char *path, int64_t *size)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	struct stat about;

	*size = -1;
	if (!file)
		cli_usage("%s: %s", path, strerror(errno));
	else if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode))
		*size = about.st_size;
	return file;
}

static bool put_first(struct junction_sink *sink, const ProtobufCMessage *request, int64_t size)
{
	ApiReader__UploadRequest *first = (ApiReader__UploadRequest *)request;

	if (size >= 0) {
		first->_size_case = API_READER__UPLOAD_REQUEST___SIZE_SIZE;
		first->size = size;
	}
	return junction_sink_put(sink, request);
}

/* False if the file cannot be read; what the server does not take shows at the end. */
static bool put_content(struct junction_sink *sink, FILE *file, struct progress *progress)
{
	static uint8_t piece[PIECE];
	size_t got;

	while ((got = fread(piece, 1, sizeof(piece), file))) {
		ApiReader__UploadRequest next = API_READER__UPLOAD_REQUEST__INIT;
		next.content = (ProtobufCBinaryData){got, piece};
		if (!junction_sink_put(sink, &next.base))
			return true;
		progress_add(progress, got);
	}
	return !ferror(file);
}

static int upload(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	const char *path, FILE *file, int64_t size)
{
	struct junction_sink *sink =
		junction_sink_open(cli->client, method->path, method->output->descriptor);
	struct junction_error error;
	struct progress progress;
	struct junction_reply *reply;

	progress_begin(&progress, path, size);
	if (put_first(sink, request, size) && !put_content(sink, file, &progress)) {
		junction_sink_close(&sink);
		return cli_usage("%s: %s", path, strerror(errno));
	}
	progress_end(&progress);
	reply = junction_sink_end(&sink, &error);
	if (!reply)
		return cli_failed(&error);
	const ApiReader__UploadResponse *response = (const void *)junction_reply_message(reply);
	if (cli->json)
		cli_print_json(method->output, &response->base);
	else
		puts(plain(cli->arena, response->data ? response->data->job_id : ""));
	junction_reply_free(&reply);
	return EXIT_DONE;
}

int cli_upload(struct cli *cli, const struct command *command, char **arguments)
{
	static const char *const fields[] = {"server_name", NULL};
	const struct api_method *method = &api_methods[command->method];
	ProtobufCMessage *request = cli_request(cli, command, method, fields, arguments);
	int64_t size;

	if (!request || (!cli_is_given(cli, GIVEN_REQUEST) &&
				!cli_set(cli, method->input, "request_body", "{}", request)))
		return EXIT_USAGE;
	FILE *file = open_input(arguments[1], &size);
	if (!file)
		return EXIT_USAGE;
	int code = upload(cli, method, request, arguments[1], file, size);
	fclose(file);
	return code;
}

/* --- download --------------------------------------------------------------------------------- */

/* What an export says of itself. */
static void take_progress(struct progress *progress, const Google__Api__HttpBody *body)
{
	for (size_t i = 0; i < body->n_extensions; i++) {
		const Google__Protobuf__Any *any = body->extensions[i];
		if (strcmp(any->type_url, "type.googleapis.com/junction.v1.ExportProgress") != 0)
			continue;
		Audit__ExportProgress *export =
			audit__export_progress__unpack(NULL, any->value.len, any->value.data);
		if (!export)
			continue;
		progress->part = export->part;
		progress->records = export->records;
		audit__export_progress__free_unpacked(export, NULL);
	}
}

static int write_pieces(struct junction_stream *stream, FILE *file, const char *name)
{
	struct junction_reply *reply;
	struct junction_error error;
	struct progress progress;
	enum junction_next next;
	bool good = true;

	progress_begin(&progress, name, -1);
	while (good && (next = junction_stream_next(stream, -1, &reply, &error)) ==
			       JUNCTION_NEXT_MESSAGE) {
		const Google__Api__HttpBody *body = (const void *)junction_reply_message(reply);
		good = !body->data.len || fwrite(body->data.data, body->data.len, 1, file) == 1;
		take_progress(&progress, body);
		progress_add(&progress, body->data.len);
		junction_reply_free(&reply);
	}
	progress_end(&progress);
	if (!good || fflush(file) != 0) {
		fprintf(stderr, "junction: %s: %s\n", name, strerror(errno));
		return EXIT_REFUSED;
	}
	return next == JUNCTION_NEXT_END ? EXIT_DONE : cli_failed(&error);
}

int cli_save(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request)
{
	const char *path = cli->given[GIVEN_OUTPUT].text;
	FILE *file = path ? fopen(path, "wb") : stdout;

	if (!file)
		return cli_usage("%s: %s", path, strerror(errno));
	struct junction_stream *stream = junction_stream_open(
		cli->client, method->path, request, method->output->descriptor);
	int code = write_pieces(stream, file, path ? path : "standard output");
	junction_stream_close(&stream);
	if (path && fclose(file) != 0 && code == EXIT_DONE) {
		fprintf(stderr, "junction: %s: %s\n", path, strerror(errno));
		code = EXIT_REFUSED;
	}
	return code;
}

int cli_download(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	ProtobufCMessage *request = cli_request(cli, command, method, command->fields, arguments);

	return request ? cli_save(cli, method, request) : EXIT_USAGE;
}
