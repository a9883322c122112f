/* Entries that came over the wire may repeat a key, and the last one counts. Mostly the keys rise,
 * which one look tells; else pointers to the entries are sorted, which no choice of keys makes
 * quadratic. */
#include <stdlib.h>

#include "proto/runtime/field.h"
#include "proto/runtime/to_json.h"

static int compare_number(const void *a, const void *b, size_t width)
{
	uint64_t x = 0, y = 0;

	memcpy(&x, a, width);
	memcpy(&y, b, width);
	return (x > y) - (x < y);
}

/* Any order will do. */
static int compare_keys(
	const ProtobufCFieldDescriptor *key, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	const void *x = field_slot(a, key), *y = field_slot(b, key);

	if (key->type == PROTOBUF_C_TYPE_STRING)
		return strcmp(*(const char *const *)x, *(const char *const *)y);
	return compare_number(x, y, field_width(key->type));
}

struct ranked {
	const ProtobufCFieldDescriptor *key;
	ProtobufCMessage *entry;
	size_t rank; /* where it stands */
};

static int by_key(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int order = compare_keys(x->key, x->entry, y->entry);

	return order ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static bool keys_rise(
	const ProtobufCFieldDescriptor *key, ProtobufCMessage *const *entries, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (compare_keys(key, entries[i - 1], entries[i]) >= 0)
			return false;
	}
	return true;
}

size_t map_unique(struct arena *a, const ProtobufCFieldDescriptor *key,
	ProtobufCMessage *const **entries, size_t count)
{
	ProtobufCMessage **unique;
	struct ranked *ranked;
	size_t left = 0;

	if (keys_rise(key, *entries, count))
		return count;
	unique = arena_array(a, count, sizeof(ProtobufCMessage *));
	ranked = arena_array(a, count, sizeof(*ranked));
	for (size_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){key, (*entries)[i], i};
	qsort(ranked, count, sizeof(*ranked), by_key);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count || compare_keys(key, ranked[i].entry, ranked[i + 1].entry) != 0)
			unique[ranked[i].rank] = ranked[i].entry;
	}
	for (size_t i = 0; i < count; i++) {
		if (unique[i])
			unique[left++] = unique[i];
	}
	*entries = unique;
	return left;
}
