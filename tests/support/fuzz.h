/* What a fuzz target defines; libFuzzer, or tests/fuzz/replay_main.c in other builds, calls it. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when an invariant is broken; gives 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
