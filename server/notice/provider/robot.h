/*
 * Robot: what the robots of chat groups have in common, DingTalk's and WeCom's. A message goes to
 * the whole group and mentions its recipients by their addresses; as many of them share one as have
 * room in it. Both answer with a JSON object whose errcode says what came of it, whatever the HTTP
 * status says.
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_ROBOT_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_ROBOT_H

#include "server/notice/provider/provider.h"
#include "server/notice/provider/setting.h"

enum { ROBOT_QUOTA = 20, ROBOT_MOST = 100, ROBOT_TIMEOUT_MS = 15000 };

/* What the addresses of recipients are. */
enum robot_at { ROBOT_MOBILE, ROBOT_USER_ID, ROBOT_NONE };

struct robot {
	struct text url;
	bool markdown, at_all;
	enum robot_at at;
	struct text token;  /* what the URL's query says */
	struct text secret; /* what it is signed with; empty: it is not signed */
};

/* A kind of robot. */
struct robot_kind {
	/* The body that mentions the first so many recipients, those of bad addresses left out;
	 * *size: the bytes that the limit is about. */
	struct text (*write)(struct arena *a, const struct robot *r, const struct message *message,
		size_t count, size_t *size);
	size_t (*limit)(const struct robot *r);
	/* What an errcode other than 0 means; the outcome is FAILED. */
	void (*read_code)(int64_t code, struct notice_outcome *outcome);
};

/* "at": "mobile", "user_id" or "none"; by default the first one, which is no ROBOT_NONE. */
enum robot_at robot_setting_at(struct settings *s, enum robot_at first);

/* Whether the robot can mention it: any if it mentions nobody. */
bool robot_mentions(const struct robot *r, struct text address);
/* Appends the JSON list of those of the first so many recipients that it can mention. */
void robot_write_list(
	struct buffer *b, const struct robot *r, const struct message *message, size_t count);

/* POST of JSON; NULL with *outcome: too long, or nobody can be mentioned. query: from "?" on. */
struct fetch_request *robot_compose(struct arena *a, const struct robot_kind *kind,
	const struct channel *channel, const struct message *message, struct text query,
	struct notice_outcome *outcome);
/* As provider.judge. A recipient whose address is none has failed, one for whom there was no room
 * waits for the next message. */
void robot_judge(struct arena *a, const struct robot_kind *kind, const struct channel *channel,
	const struct message *message, const struct fetch_response *response,
	const struct status *error, bool reached, struct notice_outcome *outcomes);

bool robot_is_markdown(const struct channel *channel);
int robot_most(const struct channel *channel);

/* A value of a query: percent-encoded but for RFC 3986's unreserved characters. */
struct text robot_query_value(struct arena *a, struct text value);

#endif
