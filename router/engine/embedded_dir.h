/* The data directory: one file to hold it by, one for the data. */
#ifndef ROUTER_ENGINE_EMBEDDED_DIR_H
#define ROUTER_ENGINE_EMBEDDED_DIR_H

#include "common/buf.h"
#include "common/status.h"

#include <stdbool.h>

enum embedded_dir_mode {
    EMBEDDED_DIR_CREATE,   /* made when missing, the data file too */
    EMBEDDED_DIR_EXISTING, /* NOT_FOUND when there is no data file */
    EMBEDDED_DIR_NEW       /* EXISTS when there is a data file */
};

/* Takes the directory for this process; `ret_fd` holds it until closed. `ret_path` (initialised by
 * the caller) becomes the NUL-terminated path of the data file, `error` one line on failure. */
MUST_CHECK enum status embedded_dir_hold(const char *dir, enum embedded_dir_mode mode, int *ret_fd,
                                         struct buf *ret_path, struct buf *error);

/* Makes sure that the data file exists, with mode 0600, and that its name survives a power cut:
 * for who opens the directory without holding it. */
MUST_CHECK enum status embedded_dir_create_file(const char *dir, struct buf *ret_path,
                                                struct buf *error);

/* True for the names of the files that a data directory holds. */
bool embedded_dir_is_ours(const char *name);

#endif
