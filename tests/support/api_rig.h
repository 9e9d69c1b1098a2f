/* The HTTP API over the admin rig's router, without a server: requests in, answers kept. For the
 * unit test and the fuzz target. */
#ifndef TESTS_SUPPORT_API_RIG_H
#define TESTS_SUPPORT_API_RIG_H

#include "common/buf.h"
#include "router/api.h"
#include "tests/support/admin_rig.h"

#include <stdint.h>

/* Keys of scope publish, read and admin, and one with all three. */
#define API_RIG_PUBLISH "publish-publish-publish-publish-1"
#define API_RIG_READ "read-read-read-read-read-read-read"
#define API_RIG_ADMIN "admin-admin-admin-admin-admin-admi"
#define API_RIG_ALL "all-all-all-all-all-all-all-all-al"

struct api_rig {
    struct admin_rig admin;
    struct api *api;
    struct buf body; /* of the last answer, NUL-terminated */
    struct buf allow;
    int status;
    uint64_t id;
    uint64_t retry_after_ms;
    bool authenticate;
    uint64_t answers;
    uint64_t actions;
    uint64_t denials;
};

void api_rig_init(struct api_rig *rig, uint64_t rate);
void api_rig_fini(struct api_rig *rig);

/* With the key in the header, unless NULL, and the type application/json. The status. */
int api_rig_ask(struct api_rig *rig, const char *key, const char *method, const char *target,
                struct bytes body);

#endif
