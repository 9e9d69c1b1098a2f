/* Any bytes at the admin endpoint: at most one reply, which is a reply, and the router lives on.
 * One rig for all inputs, made anew now and then so that what was kicked or published does not pile
 * up. The mutator changes the request field by field. */
#include "common/log.h"
#include "proto/admin.pb-c.h"
#include "tests/fuzz/mutate_pb.h"
#include "tests/support/admin_rig.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

enum { INPUTS_PER_RIG = 512 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_reply(const struct admin_rig *rig)
{
    Splitrail__Admin__Reply *reply =
        splitrail__admin__reply__unpack(NULL, rig->reply.len, rig->reply.data);
    require(reply != NULL);
    require(reply->as_of_ms == ADMIN_RIG_WALL_MS);
    splitrail__admin__reply__free_unpacked(reply, NULL);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return mutate_pb_input(data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct admin_rig rig;
    static unsigned inputs;
    if (inputs % INPUTS_PER_RIG == 0) {
        log_configure(false, LOG_ERROR);
        if (inputs > 0) {
            admin_rig_fini(&rig);
        }
        admin_rig_init(&rig);
    }
    inputs++;
    uint64_t before = rig.reply_count;
    admin_rig_ask(&rig, bytes_of(data, size));
    require(rig.reply_count - before <= 1);
    if (rig.reply_count != before) {
        check_reply(&rig);
    }
    return 0;
}
