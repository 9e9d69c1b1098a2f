/* One input given whole and in random pieces, each in memory of just its size: the events must be
 * the same, memory stays inside the limit, and all input is consumed.
 * Input: seed of the pieces (4), message limit (1), fragment limit (1), event after which we send
 * our own close frame (1), then what a client sends. */
#include "tests/fuzz/session_run.h"
#include "tests/support/fuzz.h"

enum { PREFIX = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    uint64_t seed = 0;
    memcpy(&seed, data, 4);
    const struct ws_limits limits = {.message_bytes_max = data[4] * UINT64_C(8),
                                     .fragments_max = data[5]};
    session_run_both(&limits, data[6], seed, bytes_of(data + PREFIX, size - PREFIX));
    return 0;
}
