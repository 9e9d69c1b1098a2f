/* Threads that check signatures, so that a storm of new clients does not stall those who talk. They
 * take what others leave of the machine (SCHED_IDLE). One more does what has waited for a second,
 * so that newcomers come in on a machine that is never idle. */
#ifndef ROUTER_AUTH_POOL_H
#define ROUTER_AUTH_POOL_H

#include "router/auth_job.h"

struct auth_pool;

/* `threads` of them and the one for late checks. NULL when threads or the descriptor cannot be
 * had. */
struct auth_pool *auth_pool_new(unsigned threads);

/* Waits for the checks that run; those that wait are dropped. Sets *pool NULL. */
void auth_pool_free(struct auth_pool **pool);

/* Takes the job. */
void auth_pool_submit(struct auth_pool *pool, struct auth_job *job);

/* A finished job, or NULL. Each belongs to the caller. */
struct auth_job *auth_pool_take(struct auth_pool *pool);

/* Readable when auth_pool_take() may have something; call it until NULL. */
int auth_pool_fd(const struct auth_pool *pool);

#endif
