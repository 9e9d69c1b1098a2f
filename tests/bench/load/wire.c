#include "tests/bench/load/wire.h"

#include <string.h>
#include <strings.h>

enum { HEAD_BYTES_MAX = 16384, NO_CODE = 1005 };

/* The example of RFC 6455 section 1.3. */
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

void wire_request(struct bytes host, struct bytes target, struct bytes more, struct buf *out)
{
    buf_append_str(out, "GET ");
    buf_append(out, target);
    buf_append_str(out, " HTTP/1.1\r\nHost: ");
    buf_append(out, host);
    buf_append_str(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    buf_append_str(out, KEY);
    buf_append_str(out, "\r\n");
    buf_append(out, more);
    buf_append_str(out, "\r\n");
}

static bool line_is_accept(struct bytes line)
{
    static const char NAME[] = "sec-websocket-accept:";
    size_t at = sizeof(NAME) - 1;
    if (line.len < at || strncasecmp((const char *)line.data, NAME, at) != 0) {
        return false;
    }
    while (at < line.len && line.data[at] == ' ') {
        at++;
    }
    return bytes_equal(bytes_slice(line, at, line.len), bytes_of_str(ACCEPT));
}

static bool has_accept(struct bytes head)
{
    size_t start = 0;
    for (size_t i = 0; i + 1 < head.len; i++) {
        if (head.data[i] == '\r' && head.data[i + 1] == '\n') {
            if (line_is_accept(bytes_slice(head, start, i - start))) {
                return true;
            }
            start = i + 2;
        }
    }
    return false;
}

static unsigned status_of(struct bytes head)
{
    enum { STATUS_AT = 9 };
    unsigned status = 0;
    if (!bytes_starts_with(head, BYTES_LIT("HTTP/1.1 ")) || head.len < STATUS_AT + 3) {
        return 0;
    }
    for (size_t i = STATUS_AT; i < STATUS_AT + 3; i++) {
        status = status * 10 + (unsigned)(head.data[i] - '0');
    }
    return status;
}

enum wire_result wire_answer(struct bytes input, size_t *ret_len, unsigned *ret_status)
{
    const uint8_t *end = input.len == 0 ? NULL : memmem(input.data, input.len, "\r\n\r\n", 4);
    *ret_status = 0;
    if (end == NULL) {
        return input.len > HEAD_BYTES_MAX ? WIRE_BAD : WIRE_MORE;
    }
    struct bytes head = bytes_of(input.data, (size_t)(end - input.data) + 4);
    *ret_status = status_of(head);
    *ret_len = head.len;
    return *ret_status == 101 && has_accept(head) ? WIRE_DONE : WIRE_BAD;
}

static uint64_t read_be(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

enum wire_result wire_parse(struct bytes input, size_t max, struct wire_frame *ret_frame)
{
    if (input.len < 2) {
        return WIRE_MORE;
    }
    uint8_t short_len = input.data[1] & 0x7F;
    size_t more = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    if ((input.data[0] & 0x70) != 0 || (input.data[1] & 0x80) != 0) {
        return WIRE_BAD;
    }
    if (input.len < 2 + more) {
        return WIRE_MORE;
    }
    uint64_t len = more == 0 ? short_len : read_be(input.data + 2, more);
    if (len > max) {
        return WIRE_BAD;
    }
    if (input.len - 2 - more < len) {
        return WIRE_MORE;
    }
    *ret_frame = (struct wire_frame){
        .fin = (input.data[0] & 0x80) != 0,
        .opcode = input.data[0] & 0x0F,
        .payload = bytes_of(input.data + 2 + more, (size_t)len),
        .total = 2 + more + (size_t)len,
    };
    return WIRE_DONE;
}

static void append_be(struct buf *out, uint64_t value, unsigned bytes)
{
    while (bytes > 0) {
        bytes--;
        buf_append_byte(out, (uint8_t)(value >> (8 * bytes)));
    }
}

void wire_append(struct buf *out, enum wire_opcode opcode, struct bytes payload, uint32_t mask)
{
    buf_append_byte(out, (uint8_t)(0x80U | opcode));
    if (payload.len < 126) {
        buf_append_byte(out, (uint8_t)(0x80U | payload.len));
    } else if (payload.len <= UINT16_MAX) {
        buf_append_byte(out, 0x80 | 126);
        append_be(out, payload.len, 2);
    } else {
        buf_append_byte(out, 0x80 | 127);
        append_be(out, payload.len, 8);
    }
    append_be(out, mask, 4);
    uint8_t *at = buf_extend(out, payload.len);
    for (size_t i = 0; at != NULL && i < payload.len; i++) {
        at[i] = payload.data[i] ^ (uint8_t)(mask >> (8 * (3 - i % 4)));
    }
}

unsigned wire_close_code(struct bytes payload)
{
    return payload.len < 2 ? NO_CODE : (unsigned)read_be(payload.data, 2);
}
