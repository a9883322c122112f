/*
 * Decoder: undoes a Content-Encoding of gzip (several members too) or deflate (with zlib's header,
 * or without, as some servers send it), piece by piece, in constant memory.
 *
 * Lives in an arena, and uses it; one thread at a time.
 */
#ifndef JUNCTION_SERVER_API_READER_DECODE_H
#define JUNCTION_SERVER_API_READER_DECODE_H

#include "base/arena.h"
#include "base/status.h"
#include "server/lane/fetch_stream.h"

#define DECODE_INPUT_SIZE FETCH_PIECE_SIZE /* of one piece at most */

struct decoder;

/* encoding: the header's value, any case. *d is NULL if there is nothing to undo (empty, identity).
 * False with the status set, UNKNOWN, if it is another encoding; who: who encoded, for sentences.
 */
bool decoder_new(struct arena *a, const char *who, struct text encoding, struct decoder **d,
	struct status *status);

/* The next piece; copied. The one before must have been read to its end. */
void decoder_put(struct decoder *d, struct text piece);
/* What follows, of at most 128 KiB; it lives until the next call. Empty only if the piece is read
 * to its end. False with the status set, DATA_LOSS, if it is broken: after all that came before. */
bool decoder_read(struct decoder *d, struct text *out, struct status *status);
/* The piece is read to its end. */
bool decoder_hungry(const struct decoder *d);
/* After the last piece: false with the status set, DATA_LOSS, if it was cut short. */
bool decoder_end(struct decoder *d, struct status *status);

#endif
