/* Owned, growable bytes with a maximum given at init. Growth past the maximum sets `overflowed`,
 * drops the write and is seen by buf_ok(): writers need not check each append. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* NULL while capacity is 0 */
    size_t len;
    size_t capacity;
    size_t max;
    bool overflowed;
};

/* Empty, no allocation. `max` 0 means no limit (only for sizes that no peer chooses). */
void buf_init(struct buf *buf, size_t max);

/* Frees the bytes; the buf may be used again as after init. */
void buf_fini(struct buf *buf);

/* Length 0 and overflow forgotten, capacity kept. */
void buf_clear(struct buf *buf);

/* True while no append was dropped. */
static inline bool buf_ok(const struct buf *buf)
{
    return !buf->overflowed;
}

/* Valid until the next change of `buf`. */
static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->len);
}

/* Room for `len` more bytes, uninitialised and already counted in buf->len; NULL on overflow. */
uint8_t *buf_extend(struct buf *buf, size_t len);

void buf_append(struct buf *buf, struct bytes bytes);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_append_str(struct buf *buf, const char *str);

/* Decimal digits of `value`. */
void buf_append_u64(struct buf *buf, uint64_t value);

/* Lower-case hexadecimal digits, at least `digits_min` (0 to 16) of them. */
void buf_append_hex(struct buf *buf, uint64_t value, unsigned digits_min);

/* Removes the first `len` bytes (len <= buf->len). */
void buf_consume(struct buf *buf, size_t len);

/* Hands the bytes to the caller, who frees them with mem_free; the buf is empty afterwards. */
uint8_t *buf_take(struct buf *buf, size_t *ret_len);

#endif
