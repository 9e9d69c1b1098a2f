#include "router/auth_job.h"

#include "common/mem.h"
#include "router/jws.h"

struct auth_job *auth_job_new(uint64_t id, const struct auth_config *config, struct bytes token,
                              uint64_t wall_ms)
{
    struct auth_job *job = mem_new(1, sizeof(*job));
    job->id = id;
    job->config = *config;
    job->keys = config->keys == NULL ? NULL : jws_keys_ref(config->keys);
    job->wall_ms = wall_ms;
    buf_init(&job->token, 0);
    buf_init(&job->scratch, 0);
    buf_append(&job->token, token);
    /* All that jws_parse() will want, from the memory of this thread: no allocator's lock is to be
     * shared with threads that may be put aside while they hold it. */
    if (token.len <= JWS_BYTES_MAX) {
        (void)buf_extend(&job->scratch, token.len * 4);
        buf_clear(&job->scratch);
    }
    return job;
}

void auth_job_run(struct auth_job *job)
{
    job->verdict = auth_check(&job->config, buf_bytes(&job->token), job->wall_ms, &job->scratch);
}

void auth_job_free(struct auth_job **job)
{
    struct auth_job *self = *job;
    *job = NULL;
    if (self != NULL) {
        mem_wipe(self->token.data, self->token.len);
        buf_fini(&self->token);
        buf_fini(&self->scratch);
        jws_keys_unref(&self->keys);
        mem_free(self);
    }
}
