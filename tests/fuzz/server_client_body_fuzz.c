/* A body that is said to be a form: JSON, or an object with each name once, or refused. */
#include "base/check.h"
#include "server/auth/hook/client_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct text bytes = {(const char *)data, size};
	struct client_body body;
	struct status status;

	if (client_body_read(a, bytes, TEXT("application/x-www-form-urlencoded"), &body)) {
		CHECK(!!body.json + !!body.form + body.blank == 1);
		CHECK(!body.form || body.form->type == JSON_OBJECT);
		CHECK(!body.form || body.form->count <= CLIENT_FORM_MAX);
	} else {
		CHECK(!body.blank && !json_read(a, bytes, &status));
	}
	arena_free(&a);
	return 0;
}
