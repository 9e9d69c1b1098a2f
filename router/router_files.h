/* Small files that options name: keys and secrets. */
#ifndef ROUTER_ROUTER_FILES_H
#define ROUTER_ROUTER_FILES_H

#include "common/buf.h"
#include "common/status.h"

#include <stddef.h>
#include <sys/types.h>

/* Appends at most `max` + 1 bytes of the file: one more than allowed shows that it is too long.
 * `ret_mode` (may be NULL) tells who else may use the file. IO: errno says why. */
enum status router_file_read(const char *path, size_t max, struct buf *content,
                             mode_t *ret_mode) MUST_CHECK;

/* Wipes and frees what was read. */
void router_file_forget(struct buf *content);

#endif
