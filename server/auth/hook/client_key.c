/* FATE Flow (hook/flow/client_authentication.py) joins with line feeds: the three headers, the path
 * without the "?"s at its end, the body, and the form as Python's urlencode(sorted(form.items()),
 * quote_via=quote, safe="-._~") writes it. */
#include "server/auth/hook/client_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/log.h"
#include "server/hmac.h"

enum { APP_KEY_MAX = 255 };

static struct text app;
static struct watched_file file = {.option = "--client-secret-file"};

/* --- the secret ------------------------------------------------------------------------------- */

struct text client_key_secret(void)
{
	struct text t = text_of(file.text);

	if (t.size > 0 && t.data[t.size - 1] == '\n')
		t.size--;
	if (t.size > 0 && t.data[t.size - 1] == '\r')
		t.size--;
	return t;
}

static bool refuse(const char *sentence)
{
	fprintf(stderr, "junctiond: %s\n", sentence);
	files_forget(&file, 1);
	return false;
}

bool client_key_start(const char *app_key, const char *secret_file)
{
	char reason[FILES_REASON_SIZE];

	app = text_of(app_key);
	file.path = secret_file;
	if (app.size == 0)
		return true;
	if (app.size > APP_KEY_MAX)
		return refuse("--client-app-key must have at most 255 bytes");
	if (!files_read(&file, 1, reason))
		return refuse(reason);
	if (client_key_secret().size == 0)
		return refuse("--client-secret-file: the file holds no secret");
	if (file.seen.st_mode & S_IROTH)
		log_event(LOG_WARN, "everybody may read the file of the client's secret",
			LOG_TEXT("file", file.path));
	return true;
}

void client_key_stop(void)
{
	files_forget(&file, 1);
	app = TEXT("");
}

struct text client_key_app(void)
{
	return app;
}

/* --- the signature ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return text_compare(
		(*(const struct json *const *)a)->name, (*(const struct json *const *)b)->name);
}

static void add_quoted(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		unsigned char c = (unsigned char)t.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c && strchr("-._~", c)))
			buffer_add_char(b, (char)c);
		else
			buffer_printf(b, "%%%02X", c);
	}
}

static void add_form(struct buffer *b, const struct json *form)
{
	const struct json **members = arena_array(b->arena, form->count, sizeof(struct json *));
	size_t count = 0;

	for (const struct json *m = form->first; m; m = m->next)
		members[count++] = m;
	qsort(members, count, sizeof(struct json *), by_name);
	for (size_t i = 0; i < count; i++) {
		const struct json *m = members[i];

		if (i > 0)
			buffer_add_char(b, '&');
		add_quoted(b, m->name);
		buffer_add_char(b, '=');
		add_quoted(b, m->type == JSON_STRING ? m->string : m->raw);
	}
}

static void add_line(struct buffer *b, struct text line)
{
	buffer_add_text(b, line);
	buffer_add_char(b, '\n');
}

static struct text signed_text(struct arena *a, const struct client_request *r)
{
	struct buffer b = {.arena = a};
	struct text path = r->path;

	while (path.size > 0 && path.data[path.size - 1] == '?')
		path.size--;
	add_line(&b, r->timestamp);
	add_line(&b, r->nonce);
	add_line(&b, r->app_key);
	add_line(&b, path);
	add_line(&b, r->body);
	if (r->form)
		add_form(&b, r->form);
	return buffer_text(&b);
}

struct text client_key_hmac(struct arena *a, struct text key, const struct client_request *request)
{
	return hmac_base64(a, HMAC_SHA1, key, signed_text(a, request));
}

bool client_key_equal(struct text a, struct text b)
{
	return a.size == b.size &&
	       hmac_equal((const unsigned char *)a.data, (const unsigned char *)b.data, a.size);
}
