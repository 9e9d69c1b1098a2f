/* See world.h. Which message stood where is judged by tests/judge, as in the chaos suite. */
#include "tests/judge/judge_book.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

static void tell(const struct world *world, const char *what, const struct judge_place *place,
                 uint64_t payload)
{
    if (world->trace) {
        fprintf(stderr,
                "%s: payload %" PRIu64 " at log %u epoch %016" PRIx64 " offset %" PRIu64 "\n", what,
                payload, place->log, place->epoch, place->offset);
    }
}

void book_seen(struct world *world, const struct sim_client *client,
               const struct judge_place *place, uint64_t payload)
{
    tell(world, "seen", place, payload);
    if (world->disk != NULL) {
        disk_check(world, client, place, payload);
    }
    enum judge_rule rule = judge_book_seen(world->book, place, payload);
    if (rule != JUDGE_HOLDS) {
        tell(world, "stood there", place,
             judge_book_at(world->book, place->log, place->epoch, place->offset));
        world_fail(world, judge_rule_text(rule), client);
    }
}

void book_accepted(struct world *world, const struct sim_client *client, uint64_t life,
                   uint64_t payload)
{
    enum judge_rule rule = judge_book_accepted(world->book, life, payload);
    if (rule != JUDGE_HOLDS) {
        world_fail(world, judge_rule_text(rule), client);
    }
}
