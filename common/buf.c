#include "common/buf.h"

#include "common/mem.h"

#include <assert.h>
#include <string.h>

enum { CAPACITY_MIN = 64 };

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    mem_free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
}

uint8_t *buf_extend(struct buf *buf, size_t len)
{
    size_t max = buf->max == 0 ? SIZE_MAX / 4 : buf->max;
    if (buf->overflowed || len > max - buf->len) {
        buf->overflowed = true;
        return NULL;
    }
    size_t need = buf->len + len;
    if (need > buf->capacity || buf->data == NULL) {
        size_t capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity * 2;
        capacity = capacity < need ? need : capacity;
        capacity = capacity > max ? max : capacity;
        buf->data = mem_resize(buf->data, capacity, 1);
        buf->capacity = capacity;
    }
    uint8_t *room = buf->data + buf->len;
    buf->len = need;
    return room;
}

void buf_append(struct buf *buf, struct bytes bytes)
{
    uint8_t *room = buf_extend(buf, bytes.len);
    if (room != NULL && bytes.len != 0) {
        memcpy(room, bytes.data, bytes.len);
    }
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    uint8_t *room = buf_extend(buf, 1);
    if (room != NULL) {
        *room = byte;
    }
}

void buf_append_str(struct buf *buf, const char *str)
{
    buf_append(buf, bytes_of_str(str));
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_append(buf, bytes_of(digits + at, sizeof(digits) - at));
}

void buf_append_hex(struct buf *buf, uint64_t value, unsigned digits_min)
{
    uint8_t digits[16];
    size_t at = sizeof(digits);
    assert(digits_min <= sizeof(digits));
    do {
        digits[--at] = (uint8_t) "0123456789abcdef"[value % 16];
        value /= 16;
    } while (value != 0 || sizeof(digits) - at < digits_min);
    buf_append(buf, bytes_of(digits + at, sizeof(digits) - at));
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len && "cannot consume what is not there");
    buf->len -= len;
    if (buf->len != 0 && len != 0) {
        memmove(buf->data, buf->data + len, buf->len);
    }
}

uint8_t *buf_take(struct buf *buf, size_t *ret_len)
{
    uint8_t *data = buf->data == NULL ? mem_new(1, 1) : buf->data;
    *ret_len = buf->len;
    buf_init(buf, buf->max);
    return data;
}
