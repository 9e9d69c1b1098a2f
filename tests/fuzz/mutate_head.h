/* Changes an HTTP request head line by line: lines come again, go, change places, their case and
 * their spacing; lists grow; fields that mean something here are put in. */
#ifndef TESTS_FUZZ_MUTATE_HEAD_H
#define TESTS_FUZZ_MUTATE_HEAD_H

#include "tests/fuzz/mutate.h"

enum { MUTATE_LINES_MAX = 48, MUTATE_LINE_MAX = 2048 };

struct mutate_head {
    struct buf lines[MUTATE_LINES_MAX]; /* without their ends; the first is the request line */
    size_t count;
    bool ended; /* the empty line was there */
    struct rng *rng;
};

static inline void mutate_line_add(struct mutate_head *head, size_t at, struct bytes text)
{
    if (head->count == MUTATE_LINES_MAX) {
        return;
    }
    struct buf *line = &head->lines[at];
    memmove(line + 1, line, (head->count - at) * sizeof(*line));
    buf_init(line, MUTATE_LINE_MAX);
    buf_append(line, text);
    head->count++;
}

static inline void mutate_line_remove(struct mutate_head *head, size_t at)
{
    buf_fini(&head->lines[at]);
    head->count--;
    memmove(&head->lines[at], &head->lines[at + 1], (head->count - at) * sizeof(head->lines[0]));
}

/* Takes the lines off `*input` up to the empty one; what follows stays. */
static inline void mutate_head_read(struct mutate_head *head, struct bytes *input)
{
    while (input->len != 0 && head->count < MUTATE_LINES_MAX) {
        const uint8_t *end = memchr(input->data, '\n', input->len);
        size_t whole = end == NULL ? input->len : (size_t)(end - input->data) + 1;
        size_t len = end == NULL ? whole : whole - 1;
        len -= len != 0 && input->data[len - 1] == '\r' ? 1 : 0;
        head->ended = len == 0;
        if (!head->ended) {
            mutate_line_add(head, head->count, bytes_slice(*input, 0, len));
        }
        *input = bytes_slice(*input, whole, input->len);
        if (head->ended) {
            return;
        }
    }
}

static const char *const mutate_known_lines[] = {
    "Host: h.example:8080",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Version: 8",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: splitrail.v1.json, bearer.abc",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate",
    "Sec-WebSocket-Extensions: x; a=\"b\\\"c\"",
    "Authorization: Bearer abc.def.ghi",
    "Authorization: Basic YTpi",
    "Origin: https://a",
    "Origin: null",
    "User-Agent: \xFFprobe\t1",
    "X-Forwarded-For: 1.2.3.4, 10.0.0.1",
    "Forwarded: for=\"[2001:db8::1]:80\";proto=https, for=_x",
    "Content-Length: 0",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    " folded: line",
};

static const char *const mutate_request_lines[] = {
    "GET /ws HTTP/1.1",
    "GET /ws?token=a%20b&routing=x%2Fy HTTP/1.1",
    "GET ws://h/ws HTTP/1.1",
    "HEAD /health HTTP/1.1",
    "GET /health?x HTTP/1.1",
    "POST /ws HTTP/1.1",
    "GET /ws HTTP/1.0",
    "GET /ws HTTP/2.0",
    "GET http://[::1]:8/ws?token=%zz HTTP/1.1",
    "OPTIONS * HTTP/1.1",
};

static inline const char *mutate_pick(struct rng *rng, const char *const *texts, size_t count)
{
    return texts[rng_below(rng, (uint32_t)count)];
}

static inline void mutate_case(struct buf *line, struct rng *rng)
{
    for (size_t i = 0; i < line->len; i++) {
        uint8_t lower = line->data[i] | 0x20;
        if (lower >= 'a' && lower <= 'z' && rng_below(rng, 3) == 0) {
            line->data[i] ^= 0x20;
        }
    }
}

/* Puts a piece of text somewhere into the line. */
static inline void mutate_spell(struct buf *line, struct rng *rng)
{
    static const char *const pieces[] = {" ",   "\t",  ",",   ", ,", ";",   "=",    "\"",
                                         "\\",  ":",   "%00", "%C3", "\r",  "\x80", "\x7F",
                                         "; a", "%2f", "&",   "?",   "/..", "#",    "@"};
    size_t at = rng_below(rng, (uint32_t)line->len + 1);
    struct buf rest;
    buf_init(&rest, 0);
    buf_append(&rest, bytes_slice(buf_bytes(line), at, line->len));
    line->len = at;
    buf_append_str(line, mutate_pick(rng, pieces, sizeof(pieces) / sizeof(pieces[0])));
    buf_append(line, buf_bytes(&rest));
    buf_fini(&rest);
}

/* The value once more behind itself: "a: b" becomes "a: b, b". */
static inline void mutate_list(struct buf *line)
{
    const uint8_t *colon = line->len == 0 ? NULL : memchr(line->data, ':', line->len);
    if (colon == NULL) {
        return;
    }
    size_t start = (size_t)(colon - line->data) + 1;
    uint8_t *value = mem_copy(bytes_slice(buf_bytes(line), start, line->len));
    size_t len = line->len - start;
    buf_append_byte(line, ',');
    buf_append(line, bytes_of(value, len));
    mem_free(value);
}

static inline void mutate_swap_lines(struct mutate_head *head, size_t at)
{
    size_t other = rng_below(head->rng, (uint32_t)head->count);
    struct buf kept = head->lines[at];
    head->lines[at] = head->lines[other];
    head->lines[other] = kept;
}

static inline void mutate_one_line(struct mutate_head *head)
{
    struct rng *rng = head->rng;
    size_t at = rng_below(rng, (uint32_t)head->count);
    struct buf *line = &head->lines[at];
    switch (rng_below(rng, 11)) {
    case 0:
        mutate_bytes(line);
        break;
    case 1:
        mutate_line_add(head, at + 1, buf_bytes(line));
        break;
    case 2:
        mutate_line_remove(head, at);
        break;
    case 3:
        mutate_swap_lines(head, at);
        break;
    case 4:
        mutate_case(line, rng);
        break;
    case 5:
    case 6:
        mutate_spell(line, rng);
        break;
    case 7:
        mutate_list(line);
        break;
    case 8:
    case 9:
        mutate_line_add(
            head, at + 1,
            bytes_of_str(mutate_pick(rng, mutate_known_lines,
                                     sizeof(mutate_known_lines) / sizeof(mutate_known_lines[0]))));
        break;
    default:
        mutate_set(&head->lines[0], bytes_of_str(mutate_pick(rng, mutate_request_lines,
                                                             sizeof(mutate_request_lines) /
                                                                 sizeof(mutate_request_lines[0]))));
    }
}

/* Appends the head at the start of `*input`, changed one to four times, and moves behind it. */
static inline void mutate_head(struct rng *rng, struct bytes *input, struct buf *out)
{
    struct mutate_head *head = mem_new(1, sizeof(*head));
    head->rng = rng;
    mutate_head_read(head, input);
    for (uint32_t left = 1 + rng_below(rng, 4); left != 0; left--) {
        if (head->count == 0) {
            mutate_line_add(head, 0, BYTES_LIT("GET /ws HTTP/1.1"));
        } else {
            mutate_one_line(head);
        }
    }
    for (size_t i = 0; i < head->count; i++) {
        buf_append(out, buf_bytes(&head->lines[i]));
        buf_append_str(out, rng_below(rng, 64) == 0 ? "\n" : "\r\n");
        buf_fini(&head->lines[i]);
    }
    buf_append_str(out, head->ended || rng_below(rng, 4) == 0 ? "\r\n" : "");
    mem_free(head);
}

#endif
