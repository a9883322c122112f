/*
 * Admin: a small HTTP listener for whoever runs the program, beside what the program serves:
 *   GET /metrics    Prometheus' text format
 *   GET /log-level  "info"
 *   PUT /log-level  body "debug", "info", "warn" or "error"
 *   GET /healthz    "ok": the process answers
 *
 * No browser page reaches it: Host must name loopback, or be a bare address if it listens beyond
 * that, and a request with an Origin is refused. One thread of its own answers, few connections at
 * a time. One thread opens, serves and closes.
 */
#ifndef JUNCTION_BASE_ADMIN_ADMIN_H
#define JUNCTION_BASE_ADMIN_ADMIN_H

#include <stdbool.h>

struct admin;

/* "127.0.0.1:50052", port 0 takes a free one. Binds; connections wait until admin_serve(). NULL if
 * it cannot (logged). */
struct admin *admin_open(const char *address);
/* The address that it got. */
const char *admin_address(const struct admin *a);
/* From now on the metrics that are registered are asked for their values. False if it cannot
 * (logged). */
bool admin_serve(struct admin *a);
/* NULL allowed; clears the pointer. Nobody is asked for values any more. */
void admin_close(struct admin **admin);

#endif
