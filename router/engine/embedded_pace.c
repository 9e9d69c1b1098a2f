/* When to commit. One commit costs a sync of the disk and much work of the system, whatever it
 * holds. So when several publish at the same time:
 *
 * - commits begin at most once a millisecond, on a disk whose sync takes less than that;
 * - after a commit, those who are answered by it mostly speak again at once. Where the sync takes
 *   milliseconds, it is worth a part of one to have them in the next commit and not the one after:
 *   publishers would fall apart into two halves that take turns. Whether they do come is learned:
 *   where they do not, waiting for them stops, but for a look now and then.
 *
 * Nobody waits when all who were there lately are there again, nor when one publishes alone. */
#include "common/clock.h"
#include "router/engine/embedded_internal.h"

#include <errno.h>
#include <time.h>

enum {
    INTERVAL_US = 1000,
    GATHER_MIN_US = 200,
    GATHER_MAX_US = 1000,
    GATHER_COUNT_MIN = 8,
    WORTH_MAX = 4,
    LOOK_EVERY = 32,
    ALONE_X16 = 20 /* less than 1.25 messages in a commit: nobody to wait for */
};

static uint64_t smooth(uint64_t old, uint64_t now)
{
    return old == 0 ? now : (old * 7 + now) / 8;
}

void embedded_pace_note(struct embedded_pace *pace, size_t count, size_t waiting, uint64_t begin_us,
                        uint64_t end_us)
{
    pace->begin_us = begin_us;
    pace->end_us = end_us;
    pace->commit_us = smooth(pace->commit_us, end_us - begin_us);
    pace->batch_x16 = smooth(pace->batch_x16, (uint64_t)count * 16);
    pace->expected = count + waiting;
}

static bool gathers(struct embedded_pace *pace)
{
    pace->turns++;
    return pace->expected >= GATHER_COUNT_MIN && (pace->worth > 0 || pace->turns % LOOK_EVERY == 0);
}

static uint64_t gather_us(const struct embedded_pace *pace)
{
    uint64_t us = pace->commit_us / 4;
    return us < GATHER_MIN_US ? GATHER_MIN_US : us > GATHER_MAX_US ? GATHER_MAX_US : us;
}

static void wait_until(struct embedded *embedded, uint64_t until_us)
{
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    int code = 0;
    while (embedded->queue.count < embedded->pace.expected && !embedded->stop &&
           code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&embedded->wake, &embedded->lock, &until);
    }
}

void embedded_pace_wait(struct embedded *embedded)
{
    struct embedded_pace *pace = &embedded->pace;
    if (pace->batch_x16 < ALONE_X16 || embedded->queue.count >= pace->expected) {
        return;
    }
    bool gather = gathers(pace);
    uint64_t until_us = pace->begin_us + INTERVAL_US;
    uint64_t gathered_us = pace->end_us + gather_us(pace);
    until_us = gather && gathered_us > until_us ? gathered_us : until_us;
    if (clock_mono_us() >= until_us) {
        return;
    }
    pace->wake_at = pace->expected;
    wait_until(embedded, until_us);
    pace->wake_at = 0;
    if (gather) {
        bool came = embedded->queue.count >= pace->expected - pace->expected / 4;
        pace->worth = came ? WORTH_MAX : pace->worth - (pace->worth > 0);
    }
}
