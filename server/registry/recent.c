/*
 * A ring of items in the order of the log. An item is one piece of memory and counted by
 * references: a reader holds what it is about to send, so that the ring may drop it meanwhile.
 * Everything up to `end` is known here, and what follows `floor` is kept.
 *
 * A change is packed once, however many watch: in the form of a field that protobuf-c has not
 * known, it is copied into each response as it is.
 */
#include "server/registry/recent.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "proto/runtime/guard.h"
#include "server/registry/message.h"

enum { CHANGES_TAG = 4 }; /* of WatchResponse.changes */

struct recent_item {
	atomic_int references;
	struct cursor at;
	struct text space, service_key;
	size_t size;     /* of the bytes */
	uint8_t bytes[]; /* the field: its length, then the change; behind it the texts */
};

struct recent {
	pthread_rwlock_t lock;
	struct bell bell;
	struct recent_item **items; /* a ring of room places */
	size_t room, first, count;
	size_t bytes, most_bytes;
	struct cursor floor, end;
};

/* --- cursors -------------------------------------------------------------------------------- */

int cursor_compare(struct cursor a, struct cursor b)
{
	if (a.revision != b.revision)
		return a.revision < b.revision ? -1 : 1;
	return (a.part > b.part) - (a.part < b.part);
}

static bool read_number(struct text text, int64_t *number)
{
	return text.size && text.data[0] >= '0' && text.data[0] <= '9' &&
	       text_to_int64(text, number);
}

bool cursor_read(struct text text, struct cursor *cursor)
{
	size_t dot = text_find(text, '.', 0);
	int64_t part = RECENT_WHOLE;

	if (!read_number(text_until(text, dot), &cursor->revision))
		return false;
	if (dot < text.size &&
		(!read_number(text_from(text, dot + 1), &part) || part > RECENT_WHOLE))
		return false;
	cursor->part = (int)part;
	return true;
}

char *cursor_write(struct arena *a, struct cursor cursor)
{
	return cursor.part == RECENT_WHOLE
		       ? arena_printf(a, "%lld", (long long)cursor.revision)
		       : arena_printf(a, "%lld.%d", (long long)cursor.revision, cursor.part);
}

/* --- life ----------------------------------------------------------------------------------- */

struct recent *recent_new(size_t count, size_t bytes)
{
	struct recent *r = check_calloc(1, sizeof *r);
	pthread_rwlockattr_t attributes;

	r->items = check_calloc(count, sizeof(struct recent_item *));
	r->room = count;
	r->most_bytes = bytes;
	/* glibc's default lets a stream of readers keep the writer out for ever. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	CHECK(pthread_rwlock_init(&r->lock, &attributes) == 0);
	pthread_rwlockattr_destroy(&attributes);
	return r;
}

static void item_release(struct recent_item *item)
{
	if (atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel) == 1)
		free(item);
}

static size_t item_bytes(const struct recent_item *item)
{
	return sizeof *item + item->size + item->space.size + item->service_key.size;
}

static void drop_first(struct recent *r)
{
	struct recent_item *item = r->items[r->first];

	r->floor = item->at;
	r->bytes -= item_bytes(item);
	r->first = (r->first + 1) % r->room;
	r->count--;
	item_release(item);
}

void recent_free(struct recent **recent)
{
	struct recent *r = *recent;

	if (!r)
		return;
	while (r->count)
		drop_first(r);
	pthread_rwlock_destroy(&r->lock);
	free(r->items);
	free(r);
	*recent = NULL;
}

struct bell *recent_bell(struct recent *recent)
{
	return &recent->bell;
}

/* --- adding --------------------------------------------------------------------------------- */

/* Seven bits a byte, the lowest first. */
static size_t write_length(uint8_t *out, size_t length)
{
	size_t size = 0;

	for (; length >= 0x80; length >>= 7)
		out[size++] = (uint8_t)(length | 0x80);
	out[size++] = (uint8_t)length;
	return size;
}

static struct text put_text(uint8_t *place, struct text t)
{
	memcpy(place, t.data, t.size);
	return (struct text){(const char *)place, t.size};
}

static struct recent_item *make_item(struct arena *passing, const struct index_change *change)
{
	struct text packed = guard_pack(passing, &message_change(passing, change)->base);
	uint8_t length[10];
	size_t head = write_length(length, packed.size), size = head + packed.size;
	struct recent_item *item =
		check_malloc(sizeof *item + size + change->space.size + change->service_key.size);

	atomic_init(&item->references, 1);
	item->at = (struct cursor){change->revision, change->part};
	item->size = size;
	memcpy(item->bytes, length, head);
	put_text(item->bytes + head, packed);
	item->space = put_text(item->bytes + size, change->space);
	item->service_key = put_text(item->bytes + size + change->space.size, change->service_key);
	return item;
}

static void put_item(struct recent *r, struct recent_item *item)
{
	if (r->count == r->room)
		drop_first(r);
	r->items[(r->first + r->count++) % r->room] = item;
	r->bytes += item_bytes(item);
	while (r->bytes > r->most_bytes)
		drop_first(r);
}

void recent_add(struct recent *r, const struct index_change *changes, size_t count,
	int64_t revision, bool gap)
{
	struct arena *passing = arena_new(0);
	struct recent_item **items = arena_array(passing, gap ? 0 : count, sizeof *items);

	for (size_t i = 0; !gap && i < count; i++)
		items[i] = make_item(passing, &changes[i]);
	pthread_rwlock_wrlock(&r->lock);
	while (gap && r->count)
		drop_first(r);
	for (size_t i = 0; !gap && i < count; i++)
		put_item(r, items[i]);
	r->end = (struct cursor){revision, RECENT_WHOLE};
	if (gap)
		r->floor = r->end;
	pthread_rwlock_unlock(&r->lock);
	arena_free(&passing);
}

/* --- reading -------------------------------------------------------------------------------- */

static struct recent_item *item_at(const struct recent *r, size_t i)
{
	return r->items[(r->first + i) % r->room];
}

/* Index of the first item behind the cursor. */
static size_t place_behind(const struct recent *r, struct cursor cursor)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cursor_compare(item_at(r, middle)->at, cursor) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool recent_wanted(const struct recent_wish *wish, struct text space, struct text service_key)
{
	return text_equal(space, wish->space) &&
	       (wish->service_key.size == 0 || text_equal(service_key, wish->service_key));
}

static void take(struct recent_item *item, struct recent_batch *batch)
{
	atomic_fetch_add_explicit(&item->references, 1, memory_order_relaxed);
	batch->items[batch->count] = item;
	batch->changes[batch->count++] = (ProtobufCMessageUnknownField){
		.tag = CHANGES_TAG,
		.wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
		.len = item->size,
		.data = item->bytes,
	};
}

static void collect(const struct recent *r, const struct recent_wish *wish, struct cursor *cursor,
	struct recent_batch *batch)
{
	size_t i = place_behind(r, *cursor), bytes = 0;

	for (; i < r->count && batch->count < RECENT_MOST && bytes < wish->most_bytes; i++) {
		struct recent_item *item = item_at(r, i);

		*cursor = item->at;
		if (!recent_wanted(wish, item->space, item->service_key))
			continue;
		take(item, batch);
		bytes += item->size;
	}
	if (i == r->count)
		*cursor = r->end;
}

enum recent_result recent_read(struct recent *r, const struct recent_wish *wish,
	struct cursor *cursor, struct recent_batch *batch)
{
	enum recent_result result = RECENT_NOTHING;

	batch->count = 0;
	pthread_rwlock_rdlock(&r->lock);
	if (cursor_compare(*cursor, r->floor) < 0)
		result = RECENT_TOO_OLD;
	else if (cursor_compare(*cursor, r->end) > 0)
		result = RECENT_AHEAD;
	else
		collect(r, wish, cursor, batch);
	pthread_rwlock_unlock(&r->lock);
	return batch->count ? RECENT_FOUND : result;
}

struct cursor recent_floor(struct recent *r)
{
	pthread_rwlock_rdlock(&r->lock);
	struct cursor floor = r->floor;
	pthread_rwlock_unlock(&r->lock);
	return floor;
}

void recent_release(struct recent_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		item_release(batch->items[i]);
	batch->count = 0;
}
