/* Texts for terminals: what others have named is cleaned first, times are told in full and as an
 * age. */
#ifndef ROUTER_CTL_CTL_TEXT_H
#define ROUTER_CTL_CTL_TEXT_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

/* Appends `text` as valid UTF-8 without control characters; each that is not becomes U+FFFD. A user
 * agent must not be able to steer a terminal. */
void ctl_text_clean(struct bytes text, struct buf *out);

/* Columns that valid UTF-8 takes, one for each code point. */
size_t ctl_text_width(struct bytes text);

/* Appends "450ms", "12s", "3m12s", "5h02m" or "12d03h". */
void ctl_text_age(uint64_t ms, struct buf *out);

/* Appends "2025-01-02T03:04:05Z (3m12s)", or "-" when `at_ms` is 0. The age is left out when
 * `now_ms` is before it. */
void ctl_text_time(uint64_t at_ms, uint64_t now_ms, struct buf *out);

/* Appends "2025-01-02T03:04:05.678Z", or "-" when `at_ms` is 0. */
void ctl_text_clock(uint64_t at_ms, struct buf *out);

/* The same with six digits, of microseconds. */
void ctl_text_clock_us(uint64_t at_us, struct buf *out);

/* Appends "+1.234ms", or "-1.234ms" when `from_us` is later than `to_us`. */
void ctl_text_between(uint64_t from_us, uint64_t to_us, struct buf *out);

/* Appends "512B", "1.5KiB", "3.2MiB", … */
void ctl_text_size(uint64_t bytes, struct buf *out);

#endif
