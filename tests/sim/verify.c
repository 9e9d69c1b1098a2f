/* Tokens whose check takes a while, in some histories: the plane's jobs, answered later and in any
 * order. Nobody signs here; the token says whose it is. */
#include "tests/sim/world.h"

#include <assert.h>
#include <string.h>

/* {"alg":"ES256"} and no claims: costly to check, as far as the plane can see. */
#define COSTLY "eyJhbGciOiJFUzI1NiJ9.e30."

enum { CHECK_MS_MAX = 300 };

void verify_init(struct world *world)
{
    world->costly = world->seed % 7 == 6;
}

const char *verify_token_prefix(const struct world *world)
{
    return world->costly ? COSTLY : "";
}

void verify_begin(void *owner, struct auth_job *job)
{
    struct world *world = owner;
    assert(world->check_count < CHECKS_MAX && "a client has one");
    world->checks[world->check_count++] = (struct sim_check){
        .job = job, .due_ms = world->now_ms + rng_below(&world->rng, CHECK_MS_MAX)};
}

static void finish(struct world *world, size_t index)
{
    struct auth_job *job = world->checks[index].job;
    world->checks[index] = world->checks[--world->check_count];
    struct bytes name = bytes_slice(buf_bytes(&job->token), sizeof(COSTLY) - 1, job->token.len);
    buf_clear(&job->scratch);
    buf_append_str(&job->scratch, "user_");
    buf_append(&job->scratch, name);
    job->verdict = (struct auth_verdict){.ok = true, .user = buf_bytes(&job->scratch)};
    router_plane_verified(world->plane, job, world->now_ms, world->now_ms);
}

void verify_step(struct world *world)
{
    for (size_t i = world->check_count; i-- > 0;) {
        if (i < world->check_count && world->checks[i].due_ms <= world->now_ms) {
            finish(world, i);
        }
    }
}

void verify_router_died(struct world *world)
{
    while (world->check_count != 0) {
        auth_job_free(&world->checks[--world->check_count].job);
    }
}
