#include "tests/bench/load/tally.h"

static bool same_name(const struct tally_row *row, struct bytes name)
{
    return strlen(row->name) == name.len && memcmp(row->name, name.data, name.len) == 0;
}

void tally_count(struct tally *tally, struct bytes name, uint64_t more)
{
    name = bytes_slice(name, 0, TALLY_NAME_BYTES - 1);
    if (name.len == 0) {
        name = BYTES_LIT("-");
    }
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        struct tally_row *row = &tally->rows[i];
        bool unused = row->name[0] == 0;
        if (unused && i == TALLY_NAMES - 1) {
            name = BYTES_LIT("other");
        }
        if (unused) {
            memcpy(row->name, name.data, name.len);
        }
        if (unused || i == TALLY_NAMES - 1 || same_name(row, name)) {
            row->count += more;
            return;
        }
    }
}

void tally_count_number(struct tally *tally, uint64_t number)
{
    char digits[TALLY_NAME_BYTES];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    tally_count(tally, bytes_of(digits + at, sizeof(digits) - at), 1);
}

uint64_t tally_total(const struct tally *tally)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        total += tally->rows[i].count;
    }
    return total;
}

void tally_add(struct tally *sum, const struct tally *more)
{
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        if (more->rows[i].count != 0) {
            tally_count(sum, bytes_of_str(more->rows[i].name), more->rows[i].count);
        }
    }
}

struct tally tally_since(const struct tally *now, const struct tally *before)
{
    struct tally since = {0};
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        uint64_t old = 0;
        for (uint32_t j = 0; j < TALLY_NAMES; j++) {
            if (strcmp(now->rows[i].name, before->rows[j].name) == 0) {
                old = before->rows[j].count;
            }
        }
        if (now->rows[i].count > old) {
            tally_count(&since, bytes_of_str(now->rows[i].name), now->rows[i].count - old);
        }
    }
    return since;
}
