#include "server/auth/hook/party.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { ID_MAX = 64 };

static struct own_party *own;
static size_t own_count;

/* The rule that it breaks, or NULL. */
static const char *broken_rule(struct text id, bool any_allowed)
{
	if (id.size == 0)
		return "is required";
	if (id.size > ID_MAX)
		return "must have at most 64 bytes";
	if (text_has_control(id) || text_find(id, '/', 0) < id.size)
		return "must not hold \"/\" or control characters";
	if (text_equal(id, TEXT("0")))
		return "must not be \"0\", which stands for the first own party";
	if (!any_allowed && text_equal(id, TEXT("*")))
		return "must not be \"*\"";
	return NULL;
}

bool party_valid(
	struct status *status, struct arena *a, const char *field, struct text id, bool any_allowed)
{
	const char *rule = broken_rule(id, any_allowed);

	return !rule || status_field(status, a, field, "%s", rule);
}

const char *party_shown(struct arena *a, struct text id)
{
	size_t size = id.size < ID_MAX ? id.size : ID_MAX;

	while (size < id.size && size > 0 && (id.data[size] & 0xc0) == 0x80)
		size--;
	return arena_string(a, text_until(id, size));
}

/* --- own ones --------------------------------------------------------------------------------- */

static bool read_algorithm(struct text text, enum sign_algorithm *algorithm)
{
	*algorithm = text_equal(text, TEXT("ed25519")) ? SIGN_ED25519 : SIGN_RSA_SHA256;
	return *algorithm == SIGN_ED25519 || text_equal(text, TEXT("")) ||
	       text_equal(text, TEXT("rsa"));
}

/* NULL, or what is wrong. */
static const char *add_own(struct text given)
{
	size_t colon = text_find(given, ':', 0);
	struct own_party *party = &own[own_count];
	struct text algorithm = text_from(given, colon + (colon < given.size));

	party->id = text_until(given, colon);
	if (colon < given.size && algorithm.size == 0)
		return "names no algorithm behind \":\"";
	if (!read_algorithm(algorithm, &party->algorithm))
		return "must be ID, ID:rsa or ID:ed25519";
	if (text_utf8_error(given) < given.size)
		return "must be UTF-8";
	if (party_own(party->id))
		return "is given twice";
	own_count++;
	return broken_rule(party->id, false);
}

bool party_start(const struct option_list *list)
{
	own = check_malloc((list->count + 1) * sizeof(*own));
	own_count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const char *wrong = add_own(text_of(list->items[i]));

		if (wrong) {
			fprintf(stderr, "junctiond: --own-party: \"%s\" %s\n", list->items[i],
				wrong);
			return false;
		}
	}
	if (own_count == 0)
		fputs("junctiond: --own-party must name at least one party\n", stderr);
	return own_count > 0;
}

void party_stop(void)
{
	free(own);
	own = NULL;
	own_count = 0;
}

size_t party_own_count(void)
{
	return own_count;
}

const struct own_party *party_own_at(size_t index)
{
	return &own[index];
}

const struct own_party *party_own(struct text id)
{
	for (size_t i = 0; i < own_count; i++)
		if (text_equal(own[i].id, id))
			return &own[i];
	return NULL;
}

struct text party_meant(struct text id)
{
	return id.size == 0 || text_equal(id, TEXT("0")) ? own[0].id : id;
}
