/* Widths are counted in terminal cells, a Chinese character takes two. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "client/cli/cli.h"

enum { GAP = 2, NARROWEST = 8 };

/* The character at the beginning of the text: its bytes, and in *cells its width; -1: control. What
 * is no character counts as a control character of one byte. */
static size_t next_character(const char *text, int *cells)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t size = mbrtowc(&wide, text, strlen(text), &state);

	if (size == 0 || size > strlen(text)) {
		*cells = -1;
		return 1;
	}
	*cells = wcwidth(wide);
	return size;
}

char *plain(struct arena *a, const char *text)
{
	struct buffer out = {.arena = a};
	int cells;

	for (size_t size; *text; text += size) {
		size = next_character(text, &cells);
		if (cells < 0)
			buffer_add_char(&out, '?');
		else
			buffer_add(&out, text, size);
	}
	return arena_string(a, buffer_text(&out));
}

static size_t width_of(const char *text)
{
	size_t width = 0;
	int cells;

	for (; *text; text += next_character(text, &cells)) {
		next_character(text, &cells);
		width += cells < 0 ? 1 : (size_t)cells;
	}
	return width;
}

/* The text in so many cells, the last of them a mark if it was cut; cells are left over where a
 * wide character did not fit. */
static size_t print_cut(const char *text, size_t most)
{
	size_t width = 0;
	int cells;

	if (width_of(text) <= most) {
		fputs(text, stdout);
		return width_of(text);
	}
	for (size_t size; *text; text += size) {
		size = next_character(text, &cells);
		if (width + (size_t)cells + 1 > most)
			break;
		fwrite(text, 1, size, stdout);
		width += (size_t)cells;
	}
	fputs("\u2026", stdout);
	return width + 1;
}

/* Cells of the terminal; 0: standard output is none. */
static size_t terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
										     : 0;
}

static void narrow(size_t *widths, size_t columns, size_t most)
{
	size_t total = GAP * (columns - 1);

	for (size_t i = 0; i < columns; i++)
		total += widths[i];
	for (; total > most; total--) {
		size_t widest = 0;
		for (size_t i = 1; i < columns; i++)
			if (widths[i] >= widths[widest])
				widest = i;
		if (widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
	}
}

void table_print(struct arena *a, const char *const *cells, size_t rows, size_t columns)
{
	size_t *widths = arena_array(a, columns, sizeof(*widths)), most = terminal_width();
	const char **clean = arena_array(a, rows * columns, sizeof(*clean));

	for (size_t i = 0; i < rows * columns; i++) {
		clean[i] = plain(a, cells[i]);
		size_t width = width_of(clean[i]);
		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	if (most)
		narrow(widths, columns, most);
	for (size_t i = 0; i < rows * columns; i++) {
		size_t column = i % columns, width = print_cut(clean[i], widths[column]);
		if (column == columns - 1)
			putchar('\n');
		else
			printf("%*s", (int)(widths[column] - width) + GAP, "");
	}
}
