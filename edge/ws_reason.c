#include "edge/ws_reason.h"

#include <assert.h>
#include <stddef.h>

struct reason_row {
    uint16_t code;
    bool is_error;
    const char *label;
    const char *help;
};

static const struct reason_row rows[WS_REASON_COUNT] = {
#define WS_REASON(id, code, is_error, label, help)                                                 \
    [WS_REASON_##id] = {(code), (is_error) != 0, (label), (help)},
#include "edge/ws_reason.def"
#undef WS_REASON
};

static const struct reason_row *row_of(enum ws_reason reason)
{
    assert((size_t)reason < WS_REASON_COUNT); /* only our own code makes reasons */
    return &rows[reason];
}

uint16_t ws_reason_code(enum ws_reason reason)
{
    return row_of(reason)->code;
}

const char *ws_reason_label(enum ws_reason reason)
{
    return row_of(reason)->label;
}

const char *ws_reason_help(enum ws_reason reason)
{
    return row_of(reason)->help;
}

bool ws_reason_is_error(enum ws_reason reason)
{
    return row_of(reason)->is_error;
}

enum ws_reason ws_reason_of_code(uint16_t code)
{
    for (size_t i = 0; code != 0 && i < WS_REASON_COUNT; i++) {
        if (rows[i].code == code) {
            return (enum ws_reason)i;
        }
    }
    return WS_REASON_POLICY;
}
