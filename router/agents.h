/* What clients call themselves (User-Agent), kept once for all connections that say the same. */
#ifndef ROUTER_AGENTS_H
#define ROUTER_AGENTS_H

#include "common/bytes.h"
#include "common/strmap.h"

#include <stdint.h>

struct agent;
struct router_core;

struct agents {
    struct strmap by_text;
};

void agents_init(struct agents *agents, const uint8_t seed[16]);
/* All must have been given back. */
void agents_fini(struct agents *agents);

/* A reference; NULL for an empty text. */
struct agent *agents_take(struct agents *agents, struct bytes text);
/* Gives it back and NULLs it. The text stays valid during the step. */
void agents_give(struct router_core *core, struct agent **agent);

/* Empty for NULL. */
struct bytes agent_text(const struct agent *agent);

#endif
