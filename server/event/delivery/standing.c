#include "server/event/delivery/engine_priv.h"

static const struct text words[] = {
	[DELIVERY_WAITING] = {"waiting", 7},
	[DELIVERY_LEASED] = {"leased", 6},
	[DELIVERY_DELIVERED] = {"delivered", 9},
	[DELIVERY_CONFIRMED] = {"confirmed", 9},
	[DELIVERY_FAILED] = {"failed", 6},
	[DELIVERY_DEAD] = {"dead", 4},
};

enum delivery_state delivery_state_read(struct text word)
{
	for (int i = DELIVERY_WAITING; i <= DELIVERY_DEAD; i++)
		if (text_equal(words[i], word))
			return i;
	return 0;
}

const char *delivery_state_word(enum delivery_state state)
{
	return words[state].data;
}

void standing_read(const struct rows *rows, int row, int column, struct delivery_standing *standing)
{
	standing->number = (int)rows_int64(rows, row, column);
	standing->state = delivery_state_read(rows_text(rows, row, column + 1));
	standing->attempt = (int)rows_int64(rows, row, column + 2);
	standing->due_ms =
		rows_null(rows, row, column + 3) ? INT64_MIN : rows_int64(rows, row, column + 3);
}
