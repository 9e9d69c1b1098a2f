/* When to commit. After a commit, those who are answered by it mostly speak again at once. Where a
 * sync of the disk takes milliseconds, it is worth a part of one to have them in the next commit
 * and not in the one after: publishers who wait for their answers would fall apart into two halves
 * that take turns. Whether they do come is learned: where they do not, waiting for them stops, but
 * for a look now and then. Nobody waits when all who were there lately are there again. */
#include "common/clock.h"
#include "router/engine/embedded_internal.h"

#include <errno.h>
#include <time.h>

enum {
    COMMIT_MIN_US = 2000, /* in half of less, nobody hears an answer and speaks again */
    GATHER_MAX_US = 2000,
    GATHER_COUNT_MIN = 8,
    WORTH_MAX = 4,
    LOOK_EVERY = 32
};

void embedded_pace_note(struct embedded_pace *pace, size_t count, size_t waiting, uint64_t begin_us,
                        uint64_t end_us)
{
    uint64_t us = end_us - begin_us;
    pace->end_us = end_us;
    pace->commit_us = pace->commit_us == 0 ? us : (pace->commit_us * 7 + us) / 8;
    pace->expected = count + waiting;
}

static bool gathers(struct embedded_pace *pace)
{
    if (pace->expected < GATHER_COUNT_MIN || pace->commit_us < COMMIT_MIN_US) {
        return false;
    }
    pace->turns++;
    return pace->worth > 0 || pace->turns % LOOK_EVERY == 0;
}

static void wait_until(struct embedded *embedded, uint64_t until_us)
{
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    int code = 0;
    embedded->pace.wake_at = embedded->pace.expected;
    while (embedded->queue.count < embedded->pace.expected && !embedded->stop &&
           code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&embedded->wake, &embedded->lock, &until);
    }
    embedded->pace.wake_at = 0;
}

void embedded_pace_wait(struct embedded *embedded)
{
    struct embedded_pace *pace = &embedded->pace;
    if (embedded->queue.count >= pace->expected || !gathers(pace)) {
        return;
    }
    uint64_t gather_us = pace->commit_us / 2;
    uint64_t until_us = pace->end_us + (gather_us < GATHER_MAX_US ? gather_us : GATHER_MAX_US);
    if (clock_mono_us() >= until_us) {
        return;
    }
    wait_until(embedded, until_us);
    bool came = embedded->queue.count >= pace->expected - pace->expected / 4;
    pace->worth = came ? WORTH_MAX : pace->worth - (pace->worth > 0);
}
