/* Immutable bytes shared by reference count: one framed message for all its recipients. Not atomic:
 * a blob stays on the thread that made it. */
#ifndef COMMON_BLOB_H
#define COMMON_BLOB_H

#include "common/bytes.h"
#include "common/spares.h"

#include <stdint.h>

struct blob {
    uint32_t refs;
    uint32_t len;
    struct spares *spares; /* where it came from and goes to */
    uint8_t data[];
};

/* One reference, `len` uninitialised bytes to be filled before the blob is shared. Aborts on
 * exhaustion; `len` must be below 4 GiB. `spares` may be NULL, else it must outlive the blob. */
struct blob *blob_new(struct spares *spares, size_t len);

/* One more reference; returns `blob`. */
struct blob *blob_ref(struct blob *blob);

/* Gives one reference back and NULLs the pointer; the last one frees. Accepts NULL. */
void blob_unref(struct blob **blob);

static inline struct bytes blob_bytes(const struct blob *blob)
{
    return bytes_of(blob->data, blob->len);
}

#endif
