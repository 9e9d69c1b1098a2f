#include "edge/admission.h"

enum {
    /* Of the rate, in percent, for those who were promised a place: the rest is for who comes for
     * the first time meanwhile. */
    PROMISED_PERCENT = 80,
    DOOR_FACTOR = 4,
    DOOR_RATE_MIN = 500, /* what one core can do beside its work */
    US_PER_SECOND = 1000000,
    US_PER_MS = 1000,
    MS_PER_SECOND = 1000
};

void admission_set(struct admission *admission, uint64_t rate, uint64_t cluster_rate)
{
    admission->rate = rate;
    admission->cluster_rate = cluster_rate;
}

bool admission_take(struct admission *admission, uint64_t now_us, uint64_t random,
                    uint64_t *ret_wait_ms)
{
    uint64_t retry_ms = 0;
    uint64_t rate = admission->rate;
    if (gcra_take(&admission->bucket, rate, 1, now_us, &retry_ms)) {
        return true;
    }
    uint64_t first_us = now_us + retry_ms * US_PER_MS;
    uint64_t latest_us = now_us + (uint64_t)ADMISSION_WAIT_MAX_MS * US_PER_MS;
    uint64_t step_us = (uint64_t)US_PER_SECOND * 100 / PROMISED_PERCENT / rate;
    uint64_t place_us = admission->promised_us + step_us;
    place_us = place_us < first_us ? first_us : place_us;
    /* So many are promised a place that the rest can only be spread. */
    bool endless = place_us >= latest_us;
    place_us = endless ? latest_us : place_us;
    admission->promised_us = place_us;
    uint64_t wait_ms = (place_us - now_us + US_PER_MS - 1) / US_PER_MS;
    *ret_wait_ms =
        endless ? wait_ms / 2 + random % (wait_ms / 2 + 1) : wait_ms + random % MS_PER_SECOND;
    return false;
}

uint64_t admission_queue_ms(const struct admission *admission, uint64_t now_us)
{
    return admission->promised_us <= now_us ? 0 : (admission->promised_us - now_us) / US_PER_MS;
}

uint64_t admission_door_rate(const struct admission *admission)
{
    uint64_t rate = admission->rate * DOOR_FACTOR;
    return rate != 0 && rate < DOOR_RATE_MIN ? DOOR_RATE_MIN : rate;
}

uint64_t admission_move_ms(const struct admission *admission, uint64_t count, uint64_t least_ms)
{
    uint64_t rate = admission->cluster_rate;
    if (rate == 0) {
        return least_ms;
    }
    uint64_t needed_ms = count * MS_PER_SECOND * 100 / PROMISED_PERCENT / rate;
    needed_ms = needed_ms > ADMISSION_MOVE_MAX_MS ? ADMISSION_MOVE_MAX_MS : needed_ms;
    return needed_ms < least_ms ? least_ms : needed_ms;
}
