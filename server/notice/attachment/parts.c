#include "server/notice/attachment/parts.h"

#include "base/base64.h"

const struct statement part_statement = {
	.name = "notice_attachment_part",
	.sql = "SELECT translate(encode(bytes, 'base64'), E'\\n', '') FROM notice.attachment_part "
	       "WHERE attachment_id = $1::uuid AND number = $2::integer",
	.parameters = 2,
};

bool part_read(struct arena *a, const struct rows *rows, struct text *bytes)
{
	return rows_count(rows) > 0 && base64_read(a, rows_text(rows, 0, 0), bytes);
}
