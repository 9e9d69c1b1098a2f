#include "router/ctl/ctl_apikey.h"

#include "common/clock.h"
#include "router/api_keys.h"
#include "router/api_route.h"

#include <stdio.h>

static void describe(const struct ctl_args *args, struct bytes key, struct bytes line,
                     struct buf *out)
{
    if (args->json) { /* neither needs escapes */
        buf_append_str(out, "{\"key\":\"");
        buf_append(out, key);
        buf_append_str(out, "\",\"line\":\"");
        buf_append(out, bytes_slice(line, 0, line.len - 1));
        buf_append_str(out, "\"}\n");
        return;
    }
    buf_append_str(out, "Key, shown this once:\n  ");
    buf_append(out, key);
    buf_append_str(out, "\nLine for --api-keys-file (then SIGHUP):\n  ");
    buf_append(out, line);
}

enum ctl_exit ctl_apikey(const struct ctl_args *args)
{
    uint8_t random[API_KEY_RANDOM_BYTES];
    unsigned scopes = API_SCOPE_READ;
    struct buf key;
    struct buf line;
    struct buf out;
    enum ctl_exit code = CTL_EXIT_USAGE;
    buf_init(&key, 0);
    buf_init(&line, 0);
    buf_init(&out, 0);
    clock_random(random, sizeof(random));
    api_key_make(random, &key);
    if (args->scope != NULL && !api_scopes_read(bytes_of_str(args->scope), &scopes)) {
        (void)fprintf(stderr, "splitrailctl: --scope is publish, read and admin, with commas\n");
    } else if (!api_key_line(bytes_of_str(args->operands[0]), scopes, buf_bytes(&key), &line)) {
        (void)fprintf(stderr, "splitrailctl: a name is 1 to 64 of A-Z a-z 0-9 . _ -\n");
    } else {
        describe(args, buf_bytes(&key), buf_bytes(&line), &out);
        bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
        code = written ? CTL_EXIT_DONE : CTL_EXIT_REFUSED;
    }
    buf_fini(&out);
    buf_fini(&line);
    buf_fini(&key);
    return code;
}
