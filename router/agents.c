#include "router/agents.h"

#include "common/mem.h"
#include "router/core_internal.h"

#include <string.h>

struct agent {
    uint32_t references;
    uint32_t len;
    uint8_t text[];
};

void agents_init(struct agents *agents, const uint8_t seed[16])
{
    strmap_init(&agents->by_text, seed);
}

void agents_fini(struct agents *agents)
{
    strmap_fini(&agents->by_text);
}

struct bytes agent_text(const struct agent *agent)
{
    return agent == NULL ? BYTES_EMPTY : bytes_of(agent->text, agent->len);
}

struct agent *agents_take(struct agents *agents, struct bytes text)
{
    if (text.len == 0) {
        return NULL;
    }
    struct agent *agent = strmap_get(&agents->by_text, text);
    if (agent == NULL) {
        agent = mem_new(1, sizeof(*agent) + text.len);
        agent->len = (uint32_t)text.len;
        memcpy(agent->text, text.data, text.len);
        strmap_put(&agents->by_text, agent_text(agent), agent);
    }
    agent->references++;
    return agent;
}

void agents_give(struct router_core *core, struct agent **agent)
{
    if (*agent != NULL && --(*agent)->references == 0) {
        (void)strmap_remove(&core->agents.by_text, agent_text(*agent));
        effects_bury(&core->effects, *agent);
    }
    *agent = NULL;
}
