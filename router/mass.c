#include "router/mass.h"

/* Out of the window with what is older. */
static void move_on(struct mass *mass, uint64_t now_ms)
{
    uint64_t bucket = now_ms / MASS_BUCKET_MS;
    uint64_t steps = bucket - mass->bucket;
    for (uint64_t i = 1; i <= steps && i <= MASS_BUCKETS; i++) {
        uint32_t *oldest = &mass->lost[(mass->bucket + i) % MASS_BUCKETS];
        mass->sum -= *oldest;
        *oldest = 0;
    }
    mass->bucket = bucket;
    mass->on = mass->on && mass->sum != 0;
}

struct mass_verdict mass_count(struct mass *mass, const struct mass_event *event, uint32_t min,
                               uint64_t now_ms)
{
    move_on(mass, now_ms);
    mass->lost[mass->bucket % MASS_BUCKETS] += event->lost;
    mass->sum += event->lost;
    uint64_t all = (uint64_t)mass->sum + event->left;
    bool at_once = event->together && event->lost >= min;
    bool many = mass->sum >= min && (uint64_t)mass->sum * MASS_SHARE > all;
    bool on = min != 0 && (at_once || many);
    struct mass_verdict verdict = {.mass = on, .begins = on && !mass->on};
    mass->on = on;
    return verdict;
}
