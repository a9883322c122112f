/* Blocks from malloc, each twice the last up to BLOCK_MOST, freed together. The first lies in the
 * arena itself, so that a small call costs one malloc. What is larger than a quarter of the next
 * block gets a block of its own, and the current one goes on being filled. The count that the cap
 * is held against is rounded up to the alignment, as the memory is: a million objects of one byte
 * cost sixteen million. Under AddressSanitizer every object is a block of its own. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCK_EACH 1
#endif
#endif
#ifndef BLOCK_EACH
#define BLOCK_EACH 0
#endif

#define BLOCK_FIRST 4096
#define BLOCK_MOST  (1024 * 1024)
#define ALIGNMENT   alignof(max_align_t)

struct block {
	alignas(max_align_t) struct block *next;
	size_t size; /* bytes behind it */
};

struct arena {
	size_t cap, used;
	bool overdrawn;
	struct block *blocks;
	char *free; /* the next object, in the current block */
	size_t left;
	size_t grow; /* size of the next block */
	alignas(max_align_t) char first[];
};

/* Bytes of the block that lies in the arena. */
static const size_t first_size = BLOCK_EACH ? 0 : BLOCK_FIRST;

static void make_empty(struct arena *a, size_t cap)
{
	*a = (struct arena){.cap = cap, .left = first_size, .grow = 2 * BLOCK_FIRST};
	a->free = a->first;
}

struct arena *arena_new(size_t cap)
{
	struct arena *a = check_malloc(sizeof(*a) + first_size);

	make_empty(a, cap);
	return a;
}

static void free_blocks(struct arena *a)
{
	for (struct block *block = a->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
}

void arena_free(struct arena **arena)
{
	if (!*arena)
		return;
	free_blocks(*arena);
	free(*arena);
	*arena = NULL;
}

void arena_clear(struct arena *a)
{
	free_blocks(a);
	make_empty(a, a->cap);
}

void arena_wipe(struct arena *a)
{
	for (struct block *block = a->blocks; block; block = block->next)
		explicit_bzero(block + 1, block->size);
	explicit_bzero(a->first, first_size);
}

static char *add_block(struct arena *a, size_t size)
{
	struct block *block = check_malloc(sizeof(*block) + size);

	block->next = a->blocks;
	block->size = size;
	a->blocks = block;
	return (char *)(block + 1);
}

/* rounded is size, or 1 for none, rounded up to the alignment. */
static void *take(struct arena *a, size_t size, size_t rounded)
{
	a->used += rounded;
	if (BLOCK_EACH)
		return add_block(a, size);
	if (rounded > a->left) {
		if (rounded > a->grow / 4)
			return add_block(a, rounded);
		a->free = add_block(a, a->grow);
		a->left = a->grow;
		if (a->grow < BLOCK_MOST)
			a->grow *= 2;
	}
	void *memory = a->free;
	a->free += rounded;
	a->left -= rounded;
	return memory;
}

static size_t round_up(size_t size)
{
	return ((size ? size : 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool beyond_cap(const struct arena *a, size_t size)
{
	return a->cap && (a->used >= a->cap || size > a->cap - a->used);
}

void *arena_alloc(struct arena *a, size_t size)
{
	CHECK(size <= PTRDIFF_MAX);
	if (beyond_cap(a, size))
		a->overdrawn = true;
	return take(a, size, round_up(size));
}

void *arena_try(struct arena *a, size_t size)
{
	if (size > PTRDIFF_MAX || beyond_cap(a, size))
		return NULL;
	return take(a, size, round_up(size));
}

void *arena_zero(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	CHECK(!__builtin_mul_overflow(count, size, &bytes));
	return arena_zero(a, bytes);
}

size_t arena_cap(const struct arena *a)
{
	return a->cap;
}

bool arena_overdrawn(const struct arena *a)
{
	return a->overdrawn;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

char *arena_string(struct arena *a, struct text t)
{
	char *copy = arena_alloc(a, t.size + 1);

	if (t.size)
		memcpy(copy, t.data, t.size);
	copy[t.size] = '\0';
	return copy;
}

struct text arena_text(struct arena *a, struct text t)
{
	return (struct text){arena_string(a, t), t.size};
}

/* A copy in which the ASCII letters from first to last have the other case. */
static struct text other_case(struct arena *a, struct text t, char first, char last)
{
	char *copy = arena_string(a, t);

	for (char *at = copy; at < copy + t.size; at++)
		if (*at >= first && *at <= last)
			*at = (char)(*at ^ 0x20);
	return (struct text){copy, t.size};
}

struct text arena_lower(struct arena *a, struct text t)
{
	return other_case(a, t, 'A', 'Z');
}

struct text arena_upper(struct arena *a, struct text t)
{
	return other_case(a, t, 'a', 'z');
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	CHECK(size >= 0);
	char *string = arena_alloc(a, (size_t)size + 1);
	vsnprintf(string, (size_t)size + 1, format, args);
	return string;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *string = arena_vprintf(a, format, args);
	va_end(args);
	return string;
}

char *buffer_reserve(struct buffer *b, size_t size)
{
	if (!b->data || size > b->room - b->size) {
		CHECK(size <= PTRDIFF_MAX - b->size);
		size_t room = b->room ? b->room * 2 : 128;
		if (room < b->size + size)
			room = b->size + size;
		char *data = arena_alloc(b->arena, room);
		if (b->size)
			memcpy(data, b->data, b->size);
		b->data = data;
		b->room = room;
	}
	return b->data + b->size;
}

void buffer_add(struct buffer *b, const void *bytes, size_t size)
{
	if (!size)
		return;
	memcpy(buffer_reserve(b, size), bytes, size);
	b->size += size;
}

void buffer_add_text(struct buffer *b, struct text t)
{
	buffer_add(b, t.data, t.size);
}

void buffer_add_char(struct buffer *b, char c)
{
	*buffer_reserve(b, 1) = c;
	b->size++;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	CHECK(size >= 0);
	char *end = buffer_reserve(b, (size_t)size + 1);
	va_start(args, format);
	vsnprintf(end, (size_t)size + 1, format, args);
	va_end(args);
	b->size += (size_t)size;
}

struct text buffer_text(const struct buffer *b)
{
	return (struct text){b->data, b->size};
}
