/* A node's bytes, read whole and in pieces, say the same; what passes can be passed on. The first
 * byte says what was asked and how long the pieces are. */
#include <stdio.h>

#include "base/arena.h"
#include "base/check.h"
#include "bridge/gateway/upstream_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct answer answer;
	struct buffer log;
	uint64_t body;
	bool over;
};

static bool is_token(struct text name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] <= ' ' || strchr("\"(),/:;<=>?@[\\]{}\x7f", name.data[i]))
			return false;
	return name.size > 0;
}

static void check_headers(struct reading *r, const struct upstream_header *headers, size_t count)
{
	CHECK(count <= UPSTREAM_HEADERS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct text value = headers[i].value;
		CHECK(is_token(headers[i].name));
		for (size_t k = 0; k < value.size; k++)
			CHECK((unsigned char)value.data[k] >= ' ' || value.data[k] == '\t');
		buffer_printf(&r->log, "%.*s:%.*s\n", TEXT_ARGS(headers[i].name), TEXT_ARGS(value));
	}
}

static void check_head(struct reading *r)
{
	const struct upstream_head *head = &r->answer.head;
	CHECK((head->status >= 200 && head->status <= 599) ||
		(head->status == 101 && r->answer.upgrade));
	CHECK(head->length >= -1 && (!r->answer.is_head || head->length == 0));
	check_headers(r, head->headers, head->header_count);
	r->over = head->status == 101;
}

static void note(struct reading *r, enum answer_event event, struct text piece)
{
	const struct answer *a = &r->answer;
	if (event == ANSWER_HEAD)
		check_head(r);
	if (event == ANSWER_BODY) {
		CHECK(piece.size);
		r->body += piece.size;
		buffer_add_text(&r->log, piece);
	} else if (event != ANSWER_MORE) {
		buffer_printf(&r->log, "event %d\n", event);
	}
	if (event == ANSWER_END) {
		CHECK(a->head.length < 0 || (uint64_t)a->head.length == r->body);
		check_headers(r, a->trailers.headers, a->trailers.header_count);
	}
	r->over |= event == ANSWER_END || event == ANSWER_BROKEN;
}

static void feed(struct reading *r, struct text left)
{
	struct text piece = {0};
	enum answer_event event = ANSWER_GO_ON;
	while (!r->over && event != ANSWER_MORE) {
		event = answer_pull(&r->answer, &left, &piece);
		note(r, event, piece);
	}
}

static void read_in_pieces(struct reading *r, struct text all, size_t size, unsigned asked)
{
	*r = (struct reading){.log.arena = arena_new(0)};
	r->answer.is_head = asked & 1;
	r->answer.upgrade = asked & 2;
	for (size_t at = 0; at < all.size && !r->over; at += size)
		feed(r, text_until(text_from(all, at), size));
	if (!r->over)
		buffer_printf(&r->log, "closed %d\n", answer_close(&r->answer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole, cut;
	if (size < 2)
		return 0;
	struct text all = {(const char *)data + 1, size - 1};
	read_in_pieces(&whole, all, all.size, *data);
	read_in_pieces(&cut, all, 1 + (*data >> 2), *data);
	CHECK(text_equal(buffer_text(&whole.log), buffer_text(&cut.log)));
	CHECK(whole.answer.keep == cut.answer.keep && whole.answer.begun == cut.answer.begun);
	answer_clear(&whole.answer);
	answer_clear(&cut.answer);
	arena_free(&whole.log.arena);
	arena_free(&cut.log.arena);
	return 0;
}
