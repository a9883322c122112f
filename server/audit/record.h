/*
 * Record: what is written into the log. Any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_RECORD_H
#define JUNCTION_SERVER_AUDIT_RECORD_H

#include "junction/v1/audit.pb-c.h"
#include "server/writes.h"

enum { RECORD_COLUMNS = 19 };

/* How a record of the log is appended; its rows give what follows. Without a key: the log has one
 * order, and repeated idempotency keys are told by audit.append. */
extern const struct append_log record_log;

/* A record as it is appended. Lives in the arena that it was read into, and points into what it was
 * read from. */
struct record {
	struct text columns[RECORD_COLUMNS];
};

/* Checks what a caller wrote, and adds what the server knows of the caller. False with the status
 * INVALID_ARGUMENT, its field a name of WriteRequest's. */
bool record_read(struct arena *a, const struct caller *caller, const Audit__WriteRequest *in,
	struct record *record, struct status *status);

/* What an append gave: row as in append(). False with the status ALREADY_EXISTS (the idempotency
 * key has written something else) or INTERNAL. The result's texts live in the arena. */
bool record_result(struct arena *a, const struct rows *rows, int row, Audit__WriteResult *result,
	struct status *status);

/* Many of them in one call: an outcome's number is the receipt, milliseconds since 1970. */
extern const struct writes_kind record_writes;

/* Namespaces that only the server writes. */
#define RECORD_AUDIT  TEXT("junction.audit")
#define RECORD_AUTH   TEXT("junction.auth")
#define RECORD_NOTICE TEXT("junction.notice")

/* What the server itself tells. */
struct own_record {
	struct text space; /* namespace: one of these */
	int opt_type, result_type;
	const char *severity; /* the word */
	struct text content;
	struct text target, ext; /* may be empty; ext: a JSON object */
};

/* A record of it, with what the server knows of the caller. Lives in the arena, and points into
 * both. */
void record_make(struct arena *a, const struct caller *caller, const struct own_record *own,
	struct record *record);

/* Records that the log is read, in namespace junction.audit; then() runs as that of an append, and
 * has record_result() say whether it was written. what: "find" or "export"; request: what was
 * asked, JSON; count: records given so far. */
enum next record_reading(struct call *c, const char *what, struct text request, int64_t count,
	enum next (*then)(struct call *c, const struct rows *rows, int row));

/* How long idempotency keys count from now on. Once, before the first call. */
void record_start(int64_t idempotency_hours);

#endif
