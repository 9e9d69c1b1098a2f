#include "common/trim.h"

#include <malloc.h>

enum {
    CHANGE_MIN = 1000, /* connections */
    WAIT_MS = 5000     /* of quiet: by then all are told what they have to know */
};

void trim_memory(void)
{
    (void)malloc_trim(0); /* whether there was something to give back makes no difference */
}

void trimmer_plan(struct trimmer *trimmer, uint64_t now_ms)
{
    trimmer->due_ms = now_ms + WAIT_MS;
}

bool trimmer_is_due(struct trimmer *trimmer, uint64_t count, uint64_t now_ms)
{
    uint64_t change = count > trimmer->count ? count - trimmer->count : trimmer->count - count;
    if (change >= CHANGE_MIN) {
        trimmer->count = count;
        trimmer_plan(trimmer, now_ms);
    }
    if (trimmer->due_ms == 0 || now_ms < trimmer->due_ms) {
        return false;
    }
    trimmer->due_ms = 0;
    return true;
}

uint64_t trimmer_deadline(const struct trimmer *trimmer)
{
    return trimmer->due_ms == 0 ? UINT64_MAX : trimmer->due_ms;
}
