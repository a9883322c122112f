/* Tables: widths are counted in terminal cells, a Chinese character takes two. */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "base/check.h"
#include "client/cli/cli.h"

static size_t cell_width(const char *cell)
{
	size_t width = 0;
	mbstate_t state = {0};
	size_t left = strlen(cell);
	while (left) {
		wchar_t wide;
		size_t size = mbrtowc(&wide, cell, left, &state);
		if (size == 0 || size > left) /* not in this locale's encoding */
			return width + left;
		int cells = wcwidth(wide);
		width += cells > 0 ? (size_t)cells : 0;
		cell += size;
		left -= size;
	}
	return width;
}

void table_print(const char *const *cells, size_t rows, size_t columns)
{
	size_t *widths = check_calloc(columns, sizeof(*widths));
	for (size_t i = 0; i < rows * columns; i++) {
		size_t width = cell_width(cells[i]);
		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		bool last = i % columns == columns - 1;
		int padding = last ? 0 : (int)(widths[i % columns] - cell_width(cells[i])) + 2;
		printf("%s%*s%s", cells[i], padding, "", last ? "\n" : "");
	}
	free(widths);
}
