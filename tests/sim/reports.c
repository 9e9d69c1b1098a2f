/* What the router asks edges about connections and deliveries, and whether the answers are about
 * that. An edge of the simulator says the generation of the connection in the place of its queue,
 * and the number in the text of the delivery in the place of the time. See world.h. */
#include "common/mem.h"
#include "proto/plane_reports.h"
#include "router/explain.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

enum { ASKED_MAX = 1024, ONE_STEP_IN = 20 };

struct sim_question {
    uint64_t number;
    uint64_t offset; /* of a delivery */
    uint32_t edges;  /* that were asked about it: bits */
    struct conn_ref conn;
};

/* Of the present router's questions the newest. */
static struct sim_question *slot_of(struct world *world, uint64_t number)
{
    return &world->questions[number % ASKED_MAX];
}

static struct sim_question *find(struct world *world, uint64_t number)
{
    struct sim_question *question = slot_of(world, number);
    bool present = number >> 32 == world->router_incarnation;
    return present && question->number == number ? question : NULL;
}

void reports_init(struct world *world)
{
    world->questions = mem_new(ASKED_MAX, sizeof(*world->questions));
}

void reports_fini(struct world *world)
{
    mem_free(world->questions);
}

void reports_router_started(struct world *world)
{
    memset(world->questions, 0, ASKED_MAX * sizeof(*world->questions));
    for (uint32_t room = 0; world->asks && room < ROOMS; room++) {
        char name[16];
        snprintf(name, sizeof(name), "r%u", room);
        (void)router_plane_tap(world->plane, CORE_TAP_MESSAGES, bytes_of_str(name));
    }
}

void reports_tapped(void *owner, const struct core_tapped *tapped, uint64_t trace)
{
    struct world *world = owner;
    if (trace != 0) {
        *slot_of(world, trace) =
            (struct sim_question){.number = trace, .offset = tapped->message->offset};
    }
}

void reports_hop(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop)
{
    struct world *world = owner;
    struct sim_question *question = find(world, trace);
    uint32_t edge = 1U << last_digit(edge_id);
    if (question == NULL) {
        return;
    }
    if (hop == NULL) {
        question->edges |= edge;
        return;
    }
    if ((question->edges & edge) == 0) {
        world_fail(world, "an edge answers what it was not asked", NULL);
    }
    if (hop->began_us != 0 && hop->began_us != question->offset) {
        world_fail(world, "an edge tells of another delivery", NULL);
    }
    world->hops++;
}

static void ask_about(struct world *world, uint32_t user, uint32_t room)
{
    char names[2][16];
    uint64_t cursor = 0;
    uint64_t number = 0;
    struct explain_conn conn;
    snprintf(names[0], sizeof(names[0]), "user_u%u", user);
    snprintf(names[1], sizeof(names[1]), "r%u", room);
    if (!explain_conn_next(router_plane_core(world->plane), bytes_of_str(names[0]),
                           bytes_of_str(names[1]), &cursor, &conn) ||
        !conn.conn.attached) {
        return;
    }
    if (router_plane_ask_conn(world->plane, conn.conn.ref, conn.group, world->now_ms, &number) ==
        PLANE_ASK_OK) {
        *slot_of(world, number) = (struct sim_question){.number = number, .conn = conn.conn.ref};
    }
}

void reports_act(struct world *world)
{
    if (world->asks && world->plane != NULL && rng_below(&world->ask_rng, ONE_STEP_IN) == 0) {
        ask_about(world, rng_below(&world->ask_rng, USERS), rng_below(&world->ask_rng, ROOMS));
    }
}

void reports_conn_state(void *owner, uint64_t number, struct conn_ref conn,
                        const struct plane_conn_state *state)
{
    struct world *world = owner;
    const struct sim_question *question = find(world, number);
    if (question == NULL) {
        return;
    }
    if (question->conn.slot != conn.slot || question->conn.gen != conn.gen) {
        world_fail(world, "an edge tells of another connection", NULL);
    }
    if (state != NULL && state->queued_bytes != conn.gen) {
        world_fail(world, "an edge tells of who has the place now", NULL);
    }
    world->states++;
}

/* ---- at the edge ---- */

bool reports_fill(void *owner, uint32_t slot, struct plane_conn_state *ret_state)
{
    const struct sim_edge *edge = owner;
    *ret_state = (struct plane_conn_state){.queued_bytes = edge->gens[slot]};
    return edge->slots[slot] != NULL;
}

void reports_delivered(struct sim_edge *edge, const struct uplink_delivery *delivery)
{
    static const char key[] = "\"offset\":";
    if (delivery->trace == 0) {
        return;
    }
    if (delivery->payload_count != 1) {
        world_fail(edge->world, "a delivery that is asked after was joined with others", NULL);
    }
    struct bytes text = delivery->payloads[0];
    const char *at = memmem(text.data, text.len, key, sizeof(key) - 1);
    uint64_t offset = 0;
    for (at = at == NULL ? "" : at + sizeof(key) - 1; *at >= '0' && *at <= '9'; at++) {
        offset = offset * 10 + (uint64_t)(*at - '0');
    }
    uplink_traced(edge->uplink, delivery->trace, &(struct plane_hop){.began_us = offset});
}
