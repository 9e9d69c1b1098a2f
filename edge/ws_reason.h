/* The one table of close reasons (ws_reason.def). */
#ifndef EDGE_WS_REASON_H
#define EDGE_WS_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum ws_reason {
#define WS_REASON(id, code, is_error, label, help) WS_REASON_##id,
#include "edge/ws_reason.def"
#undef WS_REASON
    WS_REASON_COUNT
};

/* Close code to send; 0 when none is sent. */
uint16_t ws_reason_code(enum ws_reason reason);

/* Value of the label `reason` of ws_disconnections_total. */
const char *ws_reason_label(enum ws_reason reason);

/* One phrase for the close frame and the log. */
const char *ws_reason_help(enum ws_reason reason);

bool ws_reason_is_error(enum ws_reason reason);

/* The reason for a close code that the router sent; POLICY when it has no row. */
enum ws_reason ws_reason_of_code(uint16_t code);

#endif
