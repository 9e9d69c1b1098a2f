/* Who publishes when: closed loop (so many messages of each publisher not yet heard back) or open
 * loop (each message at its own time). */
#ifndef BENCH_LOAD_PUBLISH_H
#define BENCH_LOAD_PUBLISH_H

#include "tests/bench/load/client.h"
#include "tests/bench/load/load_options.h"
#include "tests/bench/load/shared.h"

struct publish;

/* All arguments must outlive it. */
struct publish *publish_new(const struct load_config *config, struct shared *shared,
                            struct shared_worker *own, struct client_loop *loop,
                            struct client *clients, uint32_t count);
void publish_free(struct publish **publish);

/* Sends what is due. */
void publish_turn(struct publish *publish, uint64_t now_us);

/* When publish_turn has something to do; far away when only publish_heard has. */
uint64_t publish_due_us(const struct publish *publish);

/* A publisher heard what says that one of its messages is in flight no more (plan_answers). */
void publish_heard(struct publish *publish, struct client *client);

#endif
