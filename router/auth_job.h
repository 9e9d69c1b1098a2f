/* One token whose check takes long, with all that the check needs: it may run on any thread. */
#ifndef ROUTER_AUTH_JOB_H
#define ROUTER_AUTH_JOB_H

#include "router/auth.h"

#include <stdint.h>

struct auth_job {
    struct auth_job *next; /* for whoever holds it */
    uint64_t id;           /* of whoever waits */
    struct auth_config config;
    struct jws_keys *keys; /* a reference */
    uint64_t wall_ms;
    uint64_t submitted_ms; /* to the threads, monotonic */
    struct buf token;
    struct buf scratch;
    struct auth_verdict verdict; /* after auth_job_run(); its views live as long as the job */
};

/* Copies the token; audience and issuer of the config must outlive the job. */
struct auth_job *auth_job_new(uint64_t id, const struct auth_config *config, struct bytes token,
                              uint64_t wall_ms);
void auth_job_run(struct auth_job *job);

/* Wipes the token. Sets *job NULL. */
void auth_job_free(struct auth_job **job);

#endif
