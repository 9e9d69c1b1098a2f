/* When losing connections is no longer a matter of single clients: an edge died, or many went
 * within two seconds. Then their users get a longer grace, and leaves are spread. Pure arithmetic
 * over counts and time. */
#ifndef ROUTER_MASS_H
#define ROUTER_MASS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MASS_BUCKET_MS = 250,
    MASS_BUCKETS = 8, /* two seconds */
    MASS_WINDOW_MS = MASS_BUCKET_MS * MASS_BUCKETS,
    MASS_SHARE = 20 /* more than one in so many */
};

/* All zeroes to begin with. */
struct mass {
    uint32_t lost[MASS_BUCKETS];
    uint32_t sum;
    uint64_t bucket; /* number of the newest one */
    bool on;
};

struct mass_verdict {
    bool mass;
    bool begins; /* the one before was none: those lost within the window belong to it */
};

struct mass_event {
    uint32_t lost; /* connections that went now */
    bool together; /* by the death of their edge */
    uint32_t left; /* connections that are still there */
};

/* Counts a loss at `now_ms`, which never goes backwards. It is a mass loss when at least `min`
 * went, either together or within the window, being more than the share of all. `min` 0: never. */
struct mass_verdict mass_count(struct mass *mass, const struct mass_event *event, uint32_t min,
                               uint64_t now_ms);

#endif
