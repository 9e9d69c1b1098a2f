/* A log line about hostile bytes, as text and as JSON: one line of valid UTF-8 without control
 * characters, of bounded length; the JSON form is one object. Input: two values, cut at the first
 * byte times two. */
#include "common/log_format.h"
#include "edge/ws_utf8.h"
#include "router/json_scan.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

enum { LINE_REST_MAX = 512, ESCAPED_MAX = 6 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_line(struct bytes line)
{
    require(line.len > 1 && line.data[line.len - 1] == '\n');
    require(line.len <= 2 * LOG_VALUE_LEN_MAX * ESCAPED_MAX + LINE_REST_MAX);
    require(ws_utf8_valid(line));
    for (size_t i = 0; i < line.len - 1; i++) {
        require(line.data[i] >= ' ' && line.data[i] != 0x7F);
        require(line.data[i] != 0xC2 || line.data[i + 1] >= 0xA0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes whole = bytes_of(data, size);
    size_t cut = size == 0 ? 0 : data[0] * 2U;
    const struct log_field fields[] = {{NULL, LOG_FIELD_INT, 0, BYTES_EMPTY},
                                       LOG_B("first", bytes_slice(whole, 1, cut)),
                                       LOG_I("size", -(int64_t)size),
                                       LOG_B("second", bytes_slice(whole, 1 + cut, size))};
    struct json_value value;
    struct buf line;
    buf_init(&line, 0);
    log_format(&line, false, size * UINT64_C(7919), LOG_START, fields, 4);
    check_line(buf_bytes(&line));
    buf_clear(&line);
    log_format(&line, true, size * UINT64_C(7919), LOG_START, fields, 4);
    check_line(buf_bytes(&line));
    require(json_scan(bytes_of(line.data, line.len - 1), &value));
    require(value.kind == JSON_KIND_OBJECT);
    buf_fini(&line);
    return 0;
}
