/* Lines of an export from foreign bytes: what is understood is written the same way again. */
#include "common/mem.h"
#include "router/engine/embedded_line.h"
#include "tests/support/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line line;
    struct line again;
    struct buf out;
    uint64_t number;
    uint8_t *copy = mem_copy(bytes_of(data, size));
    buf_init(&out, 0);
    if (line_parse(copy, size, &line)) {
        for (size_t i = 0; i < line.count; i++) {
            line_word(&out, line.words[i]);
            if (line_number(line.words[i], &number)) {
                struct buf digits;
                buf_init(&digits, 0);
                line_word_number(&digits, number);
                assert(bytes_equal(buf_bytes(&digits), line.words[i]));
                buf_fini(&digits);
            }
        }
        bool understood = line_parse(out.data, out.len, &again);
        assert(understood && again.count == line.count);
        for (size_t i = 0; i < line.count; i++) {
            assert(bytes_equal(again.words[i], line.words[i]));
        }
    }
    buf_fini(&out);
    mem_free(copy);
    return 0;
}
