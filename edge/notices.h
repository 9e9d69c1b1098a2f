/* The two client messages that the edge itself must be able to say without a router. */
#ifndef EDGE_NOTICES_H
#define EDGE_NOTICES_H

#include "common/buf.h"

#include <stdint.h>

/* {"type":"server_shutdown",…} with this connection's own delay. */
void notice_server_shutdown(struct buf *out, uint64_t reconnect_delay_ms);

/* {"type":"error","code":"unavailable",…} */
void notice_unavailable(struct buf *out);

#endif
