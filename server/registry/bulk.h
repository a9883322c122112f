/* The bulk form of RegisterService: servers together with their services, all or nothing. */
#ifndef JUNCTION_SERVER_REGISTRY_BULK_H
#define JUNCTION_SERVER_REGISTRY_BULK_H

#include "server/call.h"

/* The step of a request with servers; everything is validated before anything is written. */
enum next bulk_register(struct call *c);

/* The last step of both forms. */
enum next service_registered(struct call *c);

#endif
