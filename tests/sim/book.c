/* See world.h. */
#include "common/mem.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

enum { LOGS_MAX = 512, LOG_MAX = 512, PAYLOADS_MAX = 8192 };

struct book_log {
    uint64_t epoch;
    uint32_t log;
    uint64_t payload[LOG_MAX];
};

/* A message by its payload, which is given out once. */
struct book_message {
    struct book_place place; /* where it was seen last */
    uint64_t accepted_life;  /* of the router that accepted it; 0: nobody was told so */
};

struct book {
    struct book_log *logs[LOGS_MAX];
    size_t log_count;
    struct book_message messages[PAYLOADS_MAX];
};

struct book *book_new(void)
{
    return mem_new(1, sizeof(struct book));
}

void book_free(struct book **book)
{
    for (size_t i = 0; i < (*book)->log_count; i++) {
        mem_free((*book)->logs[i]);
    }
    mem_free(*book);
    *book = NULL;
}

static struct book_log *log_of(struct book *book, uint32_t log, uint64_t epoch)
{
    for (size_t i = 0; i < book->log_count; i++) {
        if (book->logs[i]->epoch == epoch && book->logs[i]->log == log) {
            return book->logs[i];
        }
    }
    if (book->log_count == LOGS_MAX) {
        return NULL; /* more than a history has */
    }
    struct book_log *fresh = mem_new(1, sizeof(*fresh));
    fresh->epoch = epoch;
    fresh->log = log;
    book->logs[book->log_count++] = fresh;
    return fresh;
}

static void tell(const struct world *world, const char *what, const struct book_place *place,
                 uint64_t payload)
{
    if (world->trace) {
        fprintf(stderr,
                "%s: payload %" PRIu64 " at log %u epoch %016" PRIx64 " offset %" PRIu64 "\n", what,
                payload, place->log, place->epoch, place->offset);
    }
}

void book_seen(struct world *world, const struct sim_client *client, const struct book_place *place,
               uint64_t payload)
{
    struct book_log *at = log_of(world->book, place->log, place->epoch);
    if (at == NULL || place->offset >= LOG_MAX || payload >= PAYLOADS_MAX) {
        return;
    }
    tell(world, "seen", place, payload);
    if (world->disk != NULL) {
        disk_check(world, client, place, payload);
    }
    if (at->payload[place->offset] == 0) {
        at->payload[place->offset] = payload;
    }
    if (at->payload[place->offset] != payload) {
        tell(world, "stood there", place, at->payload[place->offset]);
        world_fail(world, "one offset, two messages", client);
    }
    struct book_message *message = &world->book->messages[payload];
    if (message->place.epoch == place->epoch && message->place.offset != place->offset) {
        tell(world, "was seen", &message->place, payload);
        world_fail(world, "one message, two offsets", client);
    }
    if (message->accepted_life != 0 && message->accepted_life < place->life &&
        world->disk == NULL) {
        tell(world, "was accepted", &message->place, payload);
        world_fail(world, "an accepted message was repeated by a later router", client);
    }
    message->place = *place;
}

void book_accepted(struct world *world, const struct sim_client *client, uint64_t life,
                   uint64_t payload)
{
    if (payload >= PAYLOADS_MAX) {
        return;
    }
    struct book_message *message = &world->book->messages[payload];
    if (message->accepted_life != 0) {
        world_fail(world, "a message was accepted twice", client);
    }
    message->accepted_life = life;
}
