/* Channels, messages and answers for tests of providers. The caller makes the arena. */
#ifndef JUNCTION_TESTS_PROVIDER_TRIAL_H
#define JUNCTION_TESTS_PROVIDER_TRIAL_H

#include <stdio.h>

#include "base/check.h"
#include "server/notice/provider/provider.h"

#define TRIAL_NOW INT64_C(1790000000123)

struct provider_trial {
	struct arena *arena;
	struct channel channel;
	struct content content;
	struct rendered rendered;
	struct addressee to[128];
	struct message message;
	struct notice_outcome outcomes[128];
	struct status status;
};

static inline const struct json *trial_json(struct arena *a, const char *text)
{
	struct status status;
	const struct json *json = text ? json_read(a, text_of(text), &status) : NULL;

	CHECK(json || !text);
	return json;
}

/* False: refused, see t->status. */
static inline bool trial_begin(struct provider_trial *t, struct arena *a,
	const struct provider *provider, const char *settings, const char *secrets)
{
	*t = (struct provider_trial){.arena = a, .status = {.message = ""}};
	t->channel = (struct channel){
		.id = 7,
		.space = TEXT("default"),
		.name = TEXT("robot"),
		.provider = provider,
		.settings = trial_json(a, settings),
		.secrets = trial_json(a, secrets),
		.timeout_ms = 1500,
	};
	t->content = (struct content){
		.notice_id = TEXT("01890a5d-ac96-774b-bcce-b302099a8057"),
		.space = TEXT("default"),
		.sender = TEXT("ops"),
		.trace_id = TEXT("0af7651916cd43dd8448eb211c80319c"),
	};
	t->message = (struct message){
		.content = &t->content, .rendered = &t->rendered, .to = t->to, .count = 1};
	return provider->make(
		a, t->channel.settings, t->channel.secrets, &t->channel.made, &t->status);
}

static inline void trial_say(struct provider_trial *t, struct text subject, struct text body)
{
	t->rendered.subject = subject;
	t->rendered.body = body;
}

static inline void trial_address(struct provider_trial *t, size_t count, const char *address)
{
	for (size_t i = 0; i < count; i++)
		t->to[i] = (struct addressee){
			.position = (int64_t)i + 1,
			.user = text_of(arena_printf(t->arena, "user %zu", i)),
			.address = text_of(arena_printf(t->arena, address, (int)i)),
			.attempt = 1,
		};
	t->message.count = count;
}

static inline struct fetch_request *trial_compose(struct provider_trial *t)
{
	return t->channel.provider->compose(
		t->arena, &t->channel, &t->message, TRIAL_NOW, &t->outcomes[0]);
}

/* The first outcome; the others are in t->outcomes. */
static inline struct notice_outcome *trial_judge(
	struct provider_trial *t, int status, struct text body, const char *retry_after)
{
	const struct fetch_header headers[] = {{TEXT("Retry-After"), text_of(retry_after)}};
	const struct fetch_response response = {
		.status = status,
		.headers = headers,
		.header_count = retry_after ? 1 : 0,
		.body = body,
	};

	t->channel.provider->judge(
		t->arena, &t->channel, &t->message, &response, NULL, true, t->outcomes);
	return &t->outcomes[0];
}

#endif
