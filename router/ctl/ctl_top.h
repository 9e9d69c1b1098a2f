/* What top shows, without the terminal: samples in, a screen as text out. Pure. */
#ifndef ROUTER_CTL_CTL_TOP_H
#define ROUTER_CTL_CTL_TOP_H

#include "common/buf.h"
#include "proto/admin.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_top_counter {
    CTL_TOP_ROOM_MESSAGES,
    CTL_TOP_DIRECT_MESSAGES,
    CTL_TOP_DELIVERIES,
    CTL_TOP_BYTES_IN,
    CTL_TOP_BYTES_OUT,
    CTL_TOP_REFUSED,
    CTL_TOP_COUNTERS
};

/* One look: the four answers that make it. Borrowed. */
struct ctl_top_sample {
    const Splitrail__Admin__Reply *info;
    const Splitrail__Admin__Reply *stats;
    const Splitrail__Admin__Reply *edges;
    const Splitrail__Admin__Reply *hot;
};

/* What is kept from look to look. */
struct ctl_top {
    uint64_t before[CTL_TOP_COUNTERS];
    uint64_t before_ms;               /* 0: the first look */
    uint64_t rates[CTL_TOP_COUNTERS]; /* tenths per second */
    bool has_rates;
};

struct ctl_top_size {
    size_t rows; /* 0 = as many as there is to show */
    size_t columns;
    bool colour;
};

/* Takes a look in. */
void ctl_top_take(struct ctl_top *top, const struct ctl_top_sample *sample);

/* Appends the screen of the look that was taken in last: lines that end with a newline, cut to the
 * size. */
void ctl_top_draw(const struct ctl_top *top, const struct ctl_top_sample *sample,
                  const struct ctl_top_size *size, struct buf *out);

/* Appends one JSON document in one line. */
void ctl_top_json(const struct ctl_top *top, const struct ctl_top_sample *sample, struct buf *out);

#endif
