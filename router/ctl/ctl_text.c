#include "router/ctl/ctl_text.h"

#include "common/utf8.h"

#include <stdio.h>
#include <time.h>

static bool is_control(const uint8_t *at, size_t len)
{
    return (len == 1 && (at[0] < 0x20 || at[0] == 0x7f)) ||
           (len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void ctl_text_clean(struct bytes text, struct buf *out)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = utf8_len(text.data + at, text.len - at);
        if (len == 0 || is_control(text.data + at, len)) {
            buf_append_str(out, "\xef\xbf\xbd");
            at += len == 0 ? 1 : len;
        } else {
            buf_append(out, bytes_slice(text, at, len));
            at += len;
        }
    }
}

size_t ctl_text_width(struct bytes text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        width += (text.data[i] & 0xc0) != 0x80;
    }
    return width;
}

static void append_two(struct buf *out, uint64_t value)
{
    if (value < 10) {
        buf_append_byte(out, '0');
    }
    buf_append_u64(out, value);
}

static void append_pair(struct buf *out, uint64_t large, char large_unit, uint64_t small,
                        char small_unit)
{
    buf_append_u64(out, large);
    buf_append_byte(out, (uint8_t)large_unit);
    append_two(out, small);
    buf_append_byte(out, (uint8_t)small_unit);
}

void ctl_text_age(uint64_t ms, struct buf *out)
{
    uint64_t seconds = ms / 1000;
    if (ms < 1000) {
        buf_append_u64(out, ms);
        buf_append_str(out, "ms");
    } else if (seconds < 60) {
        buf_append_u64(out, seconds);
        buf_append_byte(out, 's');
    } else if (seconds < 3600) {
        append_pair(out, seconds / 60, 'm', seconds % 60, 's');
    } else if (seconds < 86400) {
        append_pair(out, seconds / 3600, 'h', seconds / 60 % 60, 'm');
    } else {
        append_pair(out, seconds / 86400, 'd', seconds / 3600 % 24, 'h');
    }
}

void ctl_text_time(uint64_t at_ms, uint64_t now_ms, struct buf *out)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(at_ms / 1000);
    if (at_ms == 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        buf_append_byte(out, '-');
        return;
    }
    buf_append_str(out, text);
    if (now_ms >= at_ms) {
        buf_append_str(out, " (");
        ctl_text_age(now_ms - at_ms, out);
        buf_append_byte(out, ')');
    }
}

static void append_digits(struct buf *out, uint64_t value, uint64_t unit)
{
    for (; unit != 0; unit /= 10) {
        buf_append_byte(out, (uint8_t)('0' + value / unit % 10));
    }
}

/* `part` of a second, from the digit worth `unit` on. */
static void append_clock(uint64_t at_ms, uint64_t part, uint64_t unit, struct buf *out)
{
    size_t before = out->len;
    ctl_text_time(at_ms, 0, out);
    if (out->len - before > 1) { /* else it is "-" */
        out->len--;              /* the Z */
        buf_append_byte(out, '.');
        append_digits(out, part, unit);
        buf_append_byte(out, 'Z');
    }
}

void ctl_text_clock(uint64_t at_ms, struct buf *out)
{
    append_clock(at_ms, at_ms, 100, out);
}

void ctl_text_clock_us(uint64_t at_us, struct buf *out)
{
    append_clock(at_us / 1000, at_us, 100000, out);
}

void ctl_text_between(uint64_t from_us, uint64_t to_us, struct buf *out)
{
    uint64_t us = to_us >= from_us ? to_us - from_us : from_us - to_us;
    buf_append_byte(out, to_us >= from_us ? '+' : '-');
    buf_append_u64(out, us / 1000);
    buf_append_byte(out, '.');
    append_digits(out, us, 100);
    buf_append_str(out, "ms");
}

void ctl_text_size(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        buf_append_u64(out, bytes);
        buf_append_byte(out, 'B');
        return;
    }
    size_t unit = 0;
    uint64_t whole = bytes / 1024;
    uint64_t part = bytes % 1024;
    while (whole >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        part = whole % 1024;
        whole /= 1024;
        unit++;
    }
    buf_append_u64(out, whole);
    buf_append_byte(out, '.');
    buf_append_u64(out, part * 10 / 1024);
    buf_append_str(out, units[unit]);
}
