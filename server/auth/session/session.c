#include "server/auth/session/session.h"

#include "server/auth/auth.h"
#include "server/auth/secret.h"
#include "server/auth/token/token.h"
#include "server/db/bytea.h"

enum { ID_SIZE = 36, RANDOM_BYTES = 32, RANDOM_SIZE = 43 };

#define PREFIX TEXT("jr-")

/* --- refresh tokens --------------------------------------------------------------------------- */

static struct text hash_of(struct arena *a, struct text token)
{
	unsigned char hash[SECRET_HASH];

	secret_sha256(token, hash);
	return bytea_text(a, hash, sizeof(hash));
}

struct session session_next(struct arena *a, struct text id)
{
	struct text random = secret_make(a, RANDOM_BYTES);
	struct session s = {.id = id};

	s.refresh_token = text_of(
		arena_printf(a, "%s%.*s-%.*s", PREFIX.data, TEXT_ARGS(id), TEXT_ARGS(random)));
	s.refresh_hash = hash_of(a, s.refresh_token);
	return s;
}

struct session session_new(struct arena *a)
{
	char *id = arena_alloc(a, ID_SIZE + 1);

	uuid_ordered(id);
	return session_next(a, (struct text){id, ID_SIZE});
}

bool session_is_id(struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? t.data[i] != '-' : !strchr("0123456789abcdef", t.data[i]))
			return false;
	}
	return t.size == ID_SIZE;
}

bool session_read(struct arena *a, const char *token, struct session *s)
{
	struct text t = text_of(token), id = text_until(text_from(t, PREFIX.size), ID_SIZE);

	if (t.size != PREFIX.size + ID_SIZE + 1 + RANDOM_SIZE || !text_starts(t, PREFIX) ||
		!session_is_id(id))
		return false;
	*s = (struct session){arena_text(a, id), t, hash_of(a, t)};
	return true;
}

/* --- tokens ----------------------------------------------------------------------------------- */

bool session_tokens(struct call *c, enum subject_kind kind, struct text name,
	const struct session *s, int64_t seconds, struct session_tokens *tokens)
{
	int64_t most = auth_settings()->token_seconds;
	struct text access_token;

	seconds = seconds < most ? seconds : most;
	if (!token_issue(c->arena, kind, name, s->id, seconds, &access_token, &c->status))
		return false;
	*tokens = (struct session_tokens){
		.access_token = arena_string(c->arena, access_token),
		.token_type = (char *)"Bearer",
		.refresh_token = (char *)s->refresh_token.data,
		.expires_in = (uint32_t)seconds,
	};
	return true;
}
