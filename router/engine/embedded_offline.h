/* What can be done with a data directory that no router uses: look for damage, write everything out
 * as text, make a directory from such text. The text is described in docs/OPERATIONS.md. */
#ifndef ROUTER_ENGINE_EMBEDDED_OFFLINE_H
#define ROUTER_ENGINE_EMBEDDED_OFFLINE_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All: NOT_FOUND = there is no data, LIMIT = a router runs on it, IO and DENIED as the system says;
 * `error` (initialised by the caller) gets one line then. */

/* Reads everything. `report` gets lines: what is wrong, then what there is. MALFORMED = something
 * is wrong. On other failures the line is in `report`. */
MUST_CHECK enum status engine_check(const char *dir, struct buf *report);

/* Takes the text in pieces; false ends the export with IO. */
struct engine_sink {
    bool (*write)(void *owner, struct bytes bytes);
    void *owner;
};

MUST_CHECK enum status engine_export(const char *dir, const struct engine_sink *sink,
                                     struct buf *error);

/* Gives the text in pieces: fills up to `len` bytes (never 0), sets how many; 0 = the end. False =
 * it cannot be read. */
struct engine_source {
    bool (*read)(void *owner, uint8_t *data, size_t len, size_t *ret_len);
    void *owner;
};

/* Into a directory without data: EXISTS when there is some. MALFORMED = the text is not what an
 * export writes, or ends early; `error` names the line. Nothing is left behind then. */
MUST_CHECK enum status engine_import(const char *dir, const struct engine_source *source,
                                     struct buf *error);

#endif
