/* Encoding and decoding only: what the words mean is the exporter's and the importer's matter. */
#include "router/engine/embedded_line.h"

static bool is_plain(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '%';
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Decodes one word in place; `*at` moves behind it. */
static bool parse_word(uint8_t *text, size_t len, size_t *at, struct bytes *ret_word)
{
    size_t start = *at;
    size_t out = start;
    while (*at < len && text[*at] != ' ') {
        uint8_t byte = text[(*at)++];
        if (byte == '%') {
            int high = *at + 1 < len ? hex_digit(text[*at]) : -1;
            int low = *at + 1 < len ? hex_digit(text[*at + 1]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            *at += 2;
        } else if (!is_plain(byte)) {
            return false;
        }
        text[out++] = byte;
    }
    bool nothing = *at - start == 1 && text[start] == '-';
    *ret_word = bytes_of(text + start, nothing ? 0 : out - start);
    return *at > start;
}

bool line_parse(uint8_t *text, size_t len, struct line *ret_line)
{
    size_t at = 0;
    size_t count = 0;
    do {
        if (count == LINE_WORDS_MAX || !parse_word(text, len, &at, &ret_line->words[count])) {
            return false;
        }
        count++;
    } while (at++ < len);
    ret_line->count = count;
    return true;
}

bool line_number(struct bytes word, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (word.len == 0 || (word.len > 1 && word.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        uint64_t digit = (uint64_t)word.data[i] - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

static void separate(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '\n') {
        buf_append_byte(out, ' ');
    }
}

void line_word(struct buf *out, struct bytes word)
{
    static const char digits[] = "0123456789ABCDEF";
    separate(out);
    if (word.len == 0) {
        buf_append_byte(out, '-');
    }
    for (size_t i = 0; i < word.len; i++) {
        uint8_t byte = word.data[i];
        if (is_plain(byte) && !(word.len == 1 && byte == '-')) {
            buf_append_byte(out, byte);
        } else {
            buf_append_byte(out, '%');
            buf_append_byte(out, (uint8_t)digits[byte >> 4]);
            buf_append_byte(out, (uint8_t)digits[byte & 15]);
        }
    }
}

void line_word_number(struct buf *out, uint64_t number)
{
    separate(out);
    buf_append_u64(out, number);
}

void line_end(struct buf *out)
{
    buf_append_byte(out, '\n');
}
