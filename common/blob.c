#include "common/blob.h"

#include <assert.h>

struct blob *blob_new(struct spares *spares, size_t len)
{
    assert(len <= UINT32_MAX && "blob lengths are 32 bits");
    struct blob *blob = spares_take(spares, sizeof(*blob) + len);
    blob->spares = spares;
    blob->refs = 1;
    blob->len = (uint32_t)len;
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    assert(blob->refs != 0 && blob->refs != UINT32_MAX);
    blob->refs++;
    return blob;
}

void blob_unref(struct blob **blob)
{
    if (*blob == NULL) {
        return;
    }
    assert((*blob)->refs != 0 && "unref of a freed blob");
    if (--(*blob)->refs == 0) {
        spares_give((*blob)->spares, *blob, sizeof(**blob) + (*blob)->len);
    }
    *blob = NULL;
}
