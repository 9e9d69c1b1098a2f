#include "tests/bench/load/account.h"

enum { WINDOW = 64 };

struct account_stream *account_find(struct account_stream *streams, size_t count,
                                    uint32_t publisher)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (streams[middle].publisher < publisher) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && streams[low].publisher == publisher ? &streams[low] : NULL;
}

static uint64_t due(const struct account_stream *stream)
{
    return stream->next == 0 ? 1 : stream->next;
}

static void take_late(struct account_stream *stream, uint64_t number, struct account_totals *totals)
{
    uint64_t age = stream->next - 1 - number;
    if (number == 0 || age >= WINDOW || (stream->seen >> age & 1) != 0) {
        totals->repeated++;
        return;
    }
    stream->seen |= UINT64_C(1) << age;
    totals->received++;
    totals->reordered++;
    totals->lost--;
}

void account_take(struct account_stream *stream, uint64_t number, struct account_totals *totals)
{
    stream->next = due(stream);
    if (number < stream->next) {
        take_late(stream, number, totals);
        return;
    }
    uint64_t ahead = number - stream->next + 1;
    stream->seen = (ahead >= WINDOW ? 0 : stream->seen << ahead) | 1;
    stream->next = number + 1;
    totals->received++;
    totals->lost += ahead - 1;
}

void account_close(const struct account_stream *stream, uint64_t sent,
                   struct account_totals *totals)
{
    totals->expected += sent;
    if (due(stream) <= sent) {
        totals->lost += sent + 1 - due(stream);
    }
}

void account_add(struct account_totals *sum, const struct account_totals *more)
{
    sum->expected += more->expected;
    sum->received += more->received;
    sum->lost += more->lost;
    sum->repeated += more->repeated;
    sum->reordered += more->reordered;
    sum->misrouted += more->misrouted;
}
