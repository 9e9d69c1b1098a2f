/* Sec-WebSocket-Extensions, one field line per line of the input: a malformed line changes nothing,
 * what is agreed can be answered, and the answer, taken for an offer, is agreed to as well. */
#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_extensions.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <string.h>

static void check_terms(const struct ws_deflate_terms *terms)
{
    struct ws_deflate_terms again = {.agreed = false};
    struct buf answer;
    assert(terms->window_bits >= WS_WINDOW_BITS_MIN && terms->window_bits <= WS_WINDOW_BITS_MAX);
    assert(terms->limited || terms->window_bits == WS_WINDOW_BITS_MAX);
    buf_init(&answer, 0);
    ws_extensions_answer(terms, &answer);
    assert(ws_extensions_read(buf_bytes(&answer), &again));
    assert(again.agreed && again.limited == terms->limited);
    assert(again.window_bits == terms->window_bits);
    buf_fini(&answer);
}

static void read_line(struct bytes line, struct ws_deflate_terms *terms)
{
    struct ws_deflate_terms before = *terms;
    uint8_t *exact = mem_copy(line);
    bool good = ws_extensions_read(bytes_of(exact, line.len), terms);
    bool same = before.agreed == terms->agreed && before.limited == terms->limited &&
                before.window_bits == terms->window_bits;
    assert(good || same);
    assert(!before.agreed || same); /* the first offer that fits stays */
    mem_free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct ws_deflate_terms terms = {.agreed = false};
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        read_line(bytes_slice(rest, 0, len), &terms);
        rest = bytes_slice(rest, len + 1, rest.len);
    }
    if (terms.agreed) {
        check_terms(&terms);
    }
    return 0;
}
