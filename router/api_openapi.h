/* The OpenAPI 3.1 document of the HTTP API, written from its tables. Pure. */
#ifndef ROUTER_API_OPENAPI_H
#define ROUTER_API_OPENAPI_H

#include "common/buf.h"
#include "common/bytes.h"

void api_openapi_write(struct bytes version, struct buf *out);

#endif
