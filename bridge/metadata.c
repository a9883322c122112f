/*
 * Metadata: names are brought to one spelling and looked up in a table. gRPC has no values with
 * control characters or beyond ASCII: the whole call would fail, hence the check here, where the
 * caller can be told. A repeated header is refused: which one counts would depend on the reader.
 */
#include "bridge/metadata.h"

#include "base/check.h"

#define NAME_MAX_BYTES 64

static const char *const PLAIN[] = {"authorization", "idempotency-key", "x-namespace"};

/* FATE Flow's: both '_' and '-' are in use. */
static const char *const FATE[] = {"timestamp", "nonce", "app-key", "signature", "site-signature",
	"src-party-id", "dest-party-id", "src-role", "src-fate-ver"};

static bool is_listed(const char *const *names, size_t count, struct text name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(text_of(names[i]), name))
			return true;
	return false;
}

#define IS_LISTED(names, name) is_listed((names), sizeof(names) / sizeof(*(names)), (name))

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_key(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    c == '.'))
			return false;
	}
	return true;
}

static bool is_function_graph(struct text name)
{
	struct text tail = name.size > 4 ? text_from(name, name.size - 4) : name;
	return text_starts(name, TEXT("functiongraph-")) && is_key(name) &&
	       !text_equal(tail, TEXT("-bin"));
}

/* A hop count is passed on only if it is one; anything else in junction-* is a forgery. */
static bool is_hops(struct text name, struct text value)
{
	uint64_t hops;
	return text_equal(name, TEXT("junction-hops")) && text_to_uint64(value, &hops) &&
	       hops < 1000;
}

static bool is_ascii(struct text value)
{
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] < 0x20 || value.data[i] > 0x7e)
			return false;
	return true;
}

/* Bytes in which a name of the list can start, in either case: most headers end here. */
static bool may_be_listed(struct text name)
{
	return name.size > 4 && name.size <= NAME_MAX_BYTES &&
	       strchr("aixtnsdfj", lower(name.data[0]));
}

/* The name as the server gets it, in place; or empty if it is not on the list. */
static struct text listed_name(char *name, size_t size, struct text value)
{
	struct text t = {name, size};
	if (IS_LISTED(PLAIN, t) || is_function_graph(t) || is_hops(t, value))
		return t;
	for (size_t i = 0; i < size; i++)
		if (name[i] == '_')
			name[i] = '-';
	return IS_LISTED(FATE, t) ? t : TEXT("");
}

bool metadata_has(const struct metadata_list *list, struct text key)
{
	for (size_t i = 0; i < list->count; i++)
		if (text_equal(list->items[i].key, key))
			return true;
	return false;
}

const char *metadata_add_header(
	struct metadata_list *list, struct arena *a, struct text name, struct text value)
{
	if (!may_be_listed(name))
		return NULL;
	char small[NAME_MAX_BYTES];
	for (size_t i = 0; i < name.size; i++)
		small[i] = lower(name.data[i]);
	struct text key = listed_name(small, name.size, value);
	if (!key.size)
		return NULL;
	if (metadata_has(list, key))
		return "is repeated";
	if (!is_ascii(value))
		return "has a value that is not printable ASCII";
	if (list->count == METADATA_MAX - METADATA_OWN)
		return "is one too many";
	list->items[list->count++] = (struct metadata){arena_text(a, key), arena_text(a, value)};
	return NULL;
}

void metadata_add_own(struct metadata_list *list, struct text key, struct text value)
{
	CHECK(list->count < METADATA_MAX);
	list->items[list->count++] = (struct metadata){key, value};
}
