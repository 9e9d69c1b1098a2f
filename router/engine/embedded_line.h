/* A line of an export: words between single spaces, bytes outside of printable ASCII as %XX, "-"
 * for nothing. */
#ifndef ROUTER_ENGINE_EMBEDDED_LINE_H
#define ROUTER_ENGINE_EMBEDDED_LINE_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_WORDS_MAX = 8, LINE_BYTES_MAX = 4 * 1024 * 1024 };

struct line {
    struct bytes words[LINE_WORDS_MAX]; /* decoded, in the place where they stood */
    size_t count;
};

/* Splits and decodes `text`, a line without its end, in place. False when it is no such line. */
bool line_parse(uint8_t *text, size_t len, struct line *ret_line);

/* A decimal number without leading zeros. */
bool line_number(struct bytes word, uint64_t *ret_number);

/* Appends a space, unless `out` is empty or at the start of a line, and the word. */
void line_word(struct buf *out, struct bytes word);
void line_word_number(struct buf *out, uint64_t number);
void line_end(struct buf *out);

#endif
