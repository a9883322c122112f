/* WhoCan. On the work pool: the subjects are put in order and asked about one after the other,
 * until the page is full. */
#include <stdlib.h>

#include "base/check.h"
#include "server/auth/check/question.h"
#include "server/auth/identity/store.h"
#include "server/page.h"
#include "steps.gen.h"

enum { SUBJECTS = 1000, SUBJECTS_MOST = 10000, KEY_PARTS = 2 };

/* In the order of their words. */
static const enum subject_kind kinds[] = {SUBJECT_APPLICATION, SUBJECT_USER};

struct search {
	struct question question;
	struct page page; /* key: kind and name */
	Auth__WhoCanResponse out;
	bool known; /* else c->status says why there is no answer */
};

/* --- on the work pool ------------------------------------------------------------------------- */

/* Texts of subjects of one kind, in an order of their own. */
struct names {
	struct text *items;
	size_t count, room;
};

static int by_text(const void *a, const void *b)
{
	return text_compare(*(const struct text *)a, *(const struct text *)b);
}

/* Those that come behind after. */
static void collect(
	const struct directory *d, enum subject_kind kind, struct text after, struct names *names)
{
	struct directory_cursor cursor = {0};

	for (const struct subject *s; (s = directory_next_subject(d, kind, &cursor));) {
		if (text_compare(s->name, after) <= 0)
			continue;
		if (names->count == names->room) {
			names->room = names->room ? 2 * names->room : 1024;
			names->items =
				check_realloc(names->items, names->room * sizeof(*names->items));
		}
		names->items[names->count++] = s->name;
	}
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_text);
}

/* False if the page was full before. */
static bool add_subject(struct call *c, struct search *search)
{
	const struct question *q = &search->question;
	Auth__WhoCanResponse *out = &search->out;

	if ((int64_t)out->n_subjects == search->page.most) {
		out->next_page_token = page_token(c->arena, search->page.after, KEY_PARTS);
		return false;
	}
	search->page.after[0] = subject_kind_word(q->kind);
	search->page.after[1] = arena_text(c->arena, q->name);
	out->subjects[out->n_subjects++] =
		store_subject_message(c->arena, search->page.after[0], q->name);
	return true;
}

/* False if the page was full before. */
static bool add_kind(
	struct call *c, const struct directory *d, enum subject_kind kind, struct text after)
{
	struct search *search = c->state;
	int64_t now_ms = clock_unix_ms();
	struct names names = {0};
	bool room = true;

	search->question.kind = kind;
	collect(d, kind, after, &names);
	for (size_t i = 0; i < names.count && room && !call_over(c); i++) {
		search->question.name = names.items[i];
		if (decide(d, &search->question, now_ms))
			room = add_subject(c, search);
	}
	free(names.items);
	return room;
}

static void look(struct call *c)
{
	struct search *search = c->state;
	const struct directory *d = question_directory(c);
	struct text kind = search->page.after[0];
	bool room = search->known = d;

	for (size_t i = 0; room && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int order = text_compare(subject_kind_word(kinds[i]), kind);
		if (order >= 0)
			room = add_kind(
				c, d, kinds[i], order == 0 ? search->page.after[1] : TEXT(""));
	}
	directory_release(&d);
}

/* --- steps ------------------------------------------------------------------------------------ */

static enum next found(struct call *c)
{
	const struct search *search = c->state;

	return search->known ? REPLY(c, &search->out) : failed(c);
}

static enum next who_can(struct call *c)
{
	struct search *search = c->state;

	search->out.subjects =
		arena_array(c->arena, (size_t)search->page.most, sizeof(*search->out.subjects));
	return work(c, look, found);
}

enum next auth_who_can(struct call *c)
{
	const Auth__WhoCanRequest *in = call_request(c, Auth__WhoCanRequest);
	struct search *search = c->state = ARENA_NEW(c->arena, struct search);

	auth__who_can_response__init(&search->out);
	if (!question_what(c, "", in->service, in->action, in->method, &search->question) ||
		!page_read(c->arena, in->page_size, SUBJECTS, SUBJECTS_MOST, in->page_token,
			KEY_PARTS, &search->page, &c->status))
		return failed(c);
	return question_current(c, in->consistency, who_can);
}
