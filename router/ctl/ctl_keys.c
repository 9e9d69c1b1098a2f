#include "router/ctl/ctl_keys.h"

#include "common/mem.h"
#include "common/z85.h"
#include "router/endpoint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status ctl_keys_read(const struct ctl_args *args, const char *endpoint,
                          struct ctl_keys *ret_keys, struct buf *why)
{
    bool given = args->curve_key_file != NULL;
    ret_keys->on = false;
    if (given != (args->curve_server_key_file != NULL)) {
        buf_append_str(why, "--curve-key-file and --curve-server-key-file: one needs the other");
        return STATUS_MALFORMED;
    }
    if (!given && !endpoint_is_local(endpoint) && !args->insecure_plane) {
        buf_append_str(why, "--router ");
        buf_append_str(why, endpoint);
        buf_append_str(why, ": is not on this machine and there are no keys: give --curve-key-file "
                            "and --curve-server-key-file (--insecure-plane goes without)");
        return STATUS_DENIED;
    }
    if (!given || strncmp(endpoint, "ipc://", 6) == 0) {
        return STATUS_OK;
    }
    if (curve_pair_read(args->curve_key_file, &ret_keys->pair, why) != STATUS_OK ||
        curve_public_read(args->curve_server_key_file, ret_keys->server_key, why) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    ret_keys->on = true;
    return STATUS_OK;
}

void ctl_keys_wipe(struct ctl_keys *keys)
{
    mem_wipe(keys, sizeof(*keys));
}

static void show_made(const struct ctl_args *args, const char *public_key)
{
    const char *stem = args->operands[0];
    if (!args->json) {
        printf("%s.key  secret key pair, for %s alone\n%s.pub  public key %s\n", stem, stem, stem,
               public_key);
        return;
    }
    json_t *root = json_pack("{s:s+, s:s+, s:s}", "keyFile", stem, ".key", "publicFile", stem,
                             ".pub", "publicKey", public_key);
    char *text = json_dumps(root, JSON_INDENT(2));
    if (text == NULL) {
        abort();
    }
    printf("%s\n", text);
    free(text);
    json_decref(root);
}

enum ctl_exit ctl_keygen(const struct ctl_args *args)
{
    struct curve_pair pair;
    struct buf why;
    char text[CURVE_KEY_CHARS + 1] = {0};
    buf_init(&why, 0);
    curve_pair_make(&pair);
    z85_encode(pair.public_key, CURVE_KEY_BYTES, text);
    enum status status = curve_pair_write(args->operands[0], &pair, &why);
    mem_wipe(&pair, sizeof(pair));
    if (status == STATUS_OK) {
        show_made(args, text);
    } else {
        (void)fprintf(stderr, "splitrailctl: %.*s\n", (int)why.len, (const char *)why.data);
    }
    buf_fini(&why);
    return status == STATUS_OK          ? CTL_EXIT_DONE
           : status == STATUS_MALFORMED ? CTL_EXIT_USAGE
                                        : CTL_EXIT_REFUSED;
}
