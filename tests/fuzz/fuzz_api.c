/* Any request at the HTTP API: exactly one answer with a status, a body that is JSON, and the
 * router lives on. The input is "METHOD target\n" and the body; one rig for many inputs. */
#include "common/log.h"
#include "router/json_scan.h"
#include "tests/support/api_rig.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { INPUTS_PER_RIG = 512, LINE_MAX_BYTES = 4096 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

/* The next word of the first line, NUL-terminated. */
static size_t take_word(const uint8_t *data, size_t size, uint8_t end, char *out)
{
    size_t len = 0;
    while (len < size && len < LINE_MAX_BYTES - 1 && data[len] != end && data[len] != 0) {
        out[len] = (char)data[len];
        len++;
    }
    out[len] = 0;
    return len < size ? len + 1 : len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct api_rig rig;
    static unsigned inputs;
    static char method[LINE_MAX_BYTES];
    static char target[LINE_MAX_BYTES];
    if (inputs++ % INPUTS_PER_RIG == 0) {
        log_configure(false, LOG_ERROR);
        if (inputs > 1) {
            api_rig_fini(&rig);
        }
        api_rig_init(&rig, 0);
    }
    size_t at = take_word(data, size, ' ', method);
    at += take_word(data + at, size - at, '\n', target);
    uint64_t before = rig.answers;
    int status = api_rig_ask(&rig, API_RIG_ALL, method, target, bytes_of(data + at, size - at));
    struct json_value value;
    require(rig.answers == before + 1 && status >= 200 && status < 600 && status != 500);
    require(json_scan(bytes_of(rig.body.data, rig.body.len - 1), &value));
    return 0;
}
