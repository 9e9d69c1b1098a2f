/* What a fuzz target defines; libFuzzer, or tests/fuzz/replay_main.c in other builds, calls it. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when an invariant is broken; gives 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: changes an input of `size` bytes, in place, into another of at most `max_size`, and
 * gives its length. The same seed makes the same change. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* For mutators: a change that knows no structure. `max_size` is not 0. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
