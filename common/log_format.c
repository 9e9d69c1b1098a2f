#include "common/log_format.h"

#include <stdio.h>
#include <time.h>

static const struct {
    const char *name;
    enum log_level level;
    bool limited;
} events[] = {
#define LOG_EVENT(id, name, level, limited, help) {name, LOG_##level, limited},
#include "common/log_events.def"
#undef LOG_EVENT
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Bytes of the valid UTF-8 sequence at the start of `text` (RFC 3629, section 4); 0 when it is not
 * valid or is a control character of the C1 block, which terminals obey. */
static size_t sequence_len(struct bytes text)
{
    uint8_t lead = text.data[0];
    size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.len < len) {
        return 0;
    }
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : lead == 0xC2 ? 0xA0 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (text.data[1] < low || text.data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((text.data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

static void append_escape(struct buf *out, bool json, uint8_t byte)
{
    buf_append_byte(out, '\\');
    switch (byte) {
    case '\n':
        buf_append_byte(out, 'n');
        break;
    case '\r':
        buf_append_byte(out, 'r');
        break;
    case '\t':
        buf_append_byte(out, 't');
        break;
    case '"':
    case '\\':
        buf_append_byte(out, byte);
        break;
    default:
        if (json && byte >= 0x80) {
            buf_append_str(out, "ufffd"); /* JSON text cannot hold a lone byte */
        } else {
            buf_append_str(out, json ? "u" : "x");
            buf_append_hex(out, byte, json ? 4 : 2);
        }
    }
}

static void append_escaped(struct buf *out, bool json, struct bytes text)
{
    while (text.len != 0) {
        uint8_t byte = text.data[0];
        size_t len = byte < 0x80 ? 1 : sequence_len(text);
        if (len == 0 || byte < 0x20 || byte == 0x7F || byte == '"' || byte == '\\') {
            append_escape(out, json, byte);
            len = 1;
        } else {
            buf_append(out, bytes_of(text.data, len));
        }
        text = bytes_slice(text, len, text.len);
    }
}

/* The value as far as it is printed: LOG_VALUE_LEN_MAX bytes at most, no sequence cut in two. */
static struct bytes shortened(struct bytes text)
{
    if (text.len <= LOG_VALUE_LEN_MAX) {
        return text;
    }
    size_t len = LOG_VALUE_LEN_MAX;
    while (len > LOG_VALUE_LEN_MAX - 3 && (text.data[len] & 0xC0) == 0x80) {
        len--;
    }
    return bytes_of(text.data, len);
}

/* In text lines only what a shell-like reader could take apart wrongly is quoted. */
static bool needs_quotes(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte <= ' ' || byte >= 0x7F || byte == '"' || byte == '\\' || byte == '=') {
            return true;
        }
    }
    return text.len == 0 || text.len > LOG_VALUE_LEN_MAX;
}

static void append_text(struct buf *out, bool json, struct bytes text)
{
    if (!json && !needs_quotes(text)) {
        buf_append(out, text);
        return;
    }
    struct bytes part = shortened(text);
    buf_append_byte(out, '"');
    append_escaped(out, json, part);
    if (part.len != text.len) {
        buf_append_str(out, "...(");
        buf_append_u64(out, text.len - part.len);
        buf_append_str(out, " more bytes)");
    }
    buf_append_byte(out, '"');
}

static void append_value(struct buf *out, bool json, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_FIELD_INT:
        if (field->number < 0) {
            buf_append_byte(out, '-');
            buf_append_u64(out, 0 - (uint64_t)field->number);
            break;
        }
        buf_append_u64(out, (uint64_t)field->number);
        break;
    case LOG_FIELD_UINT:
        buf_append_u64(out, (uint64_t)field->number);
        break;
    case LOG_FIELD_BYTES:
        append_text(out, json, field->text);
        break;
    }
}

static void append_time(struct buf *out, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc = {0};
    char text[32];
    (void)gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_append(out, bytes_of(text, len));
    int fraction_len = snprintf(text, sizeof(text), ".%03uZ", (unsigned)(wall_ms % 1000));
    buf_append(out, bytes_of(text, (size_t)fraction_len));
}

static void format_text(struct buf *out, uint64_t wall_ms, enum log_event_id id,
                        const struct log_field *fields, size_t count)
{
    append_time(out, wall_ms);
    buf_append_byte(out, ' ');
    buf_append_str(out, level_names[events[id].level]);
    buf_append_byte(out, ' ');
    buf_append_str(out, events[id].name);
    for (size_t i = 1; i < count; i++) {
        buf_append_byte(out, ' ');
        buf_append_str(out, fields[i].key);
        buf_append_byte(out, '=');
        append_value(out, false, &fields[i]);
    }
    buf_append_byte(out, '\n');
}

static void format_json(struct buf *out, uint64_t wall_ms, enum log_event_id id,
                        const struct log_field *fields, size_t count)
{
    buf_append_str(out, "{\"ts\":\"");
    append_time(out, wall_ms);
    buf_append_str(out, "\",\"level\":\"");
    buf_append_str(out, level_names[events[id].level]);
    buf_append_str(out, "\",\"event\":\"");
    buf_append_str(out, events[id].name);
    buf_append_byte(out, '"');
    for (size_t i = 1; i < count; i++) {
        buf_append_str(out, ",\"");
        append_escaped(out, true, bytes_of_str(fields[i].key));
        buf_append_str(out, "\":");
        append_value(out, true, &fields[i]);
    }
    buf_append_str(out, "}\n");
}

void log_format(struct buf *out, bool json, uint64_t wall_ms, enum log_event_id id,
                const struct log_field *fields, size_t count)
{
    if (json) {
        format_json(out, wall_ms, id, fields, count);
    } else {
        format_text(out, wall_ms, id, fields, count);
    }
}

enum log_level log_event_level(enum log_event_id id)
{
    return events[id].level;
}

bool log_event_limited(enum log_event_id id)
{
    return events[id].limited;
}

const char *log_event_name(enum log_event_id id)
{
    return events[id].name;
}

bool log_limit_admit(struct log_limit *limit, uint64_t now_ms)
{
    if (now_ms >= limit->window_end_ms) {
        limit->window_end_ms = now_ms + LOG_LIMIT_WINDOW_MS;
        limit->printed = 0;
    }
    if (limit->printed == LOG_LIMIT_LINES) {
        limit->suppressed++;
        return false;
    }
    limit->printed++;
    return true;
}

uint64_t log_limit_take_suppressed(struct log_limit *limit, uint64_t now_ms)
{
    if (now_ms < limit->window_end_ms) {
        return 0;
    }
    uint64_t suppressed = limit->suppressed;
    limit->suppressed = 0;
    return suppressed;
}
