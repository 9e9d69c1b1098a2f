/* One session, without compression: the oracles are those of session_run.h. Input: seed of the
 * pieces (4), message limit (1), fragment limit (1), event after which we send our own close frame
 * (1), then what a client sends. The mutator changes that frame by frame. */
#include "tests/fuzz/mutate_frames.h"
#include "tests/fuzz/session_run.h"
#include "tests/support/fuzz.h"

enum { PREFIX = 7 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct rng rng = {seed};
    struct buf made;
    if (size < PREFIX || rng_below(&rng, 6) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    buf_init(&made, 0);
    buf_append(&made, bytes_of(data, PREFIX));
    mutate_frames(&rng, false, bytes_of(data + PREFIX, size - PREFIX), &made);
    size_t len = mutate_finish(&made, data, max_size);
    buf_fini(&made);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    uint64_t seed = 0;
    memcpy(&seed, data, 4);
    const struct ws_limits limits = {.message_bytes_max = data[4] * UINT64_C(8),
                                     .fragments_max = data[5]};
    session_run_all(&limits, data[6], seed, bytes_of(data + PREFIX, size - PREFIX));
    return 0;
}
