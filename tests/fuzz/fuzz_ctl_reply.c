/* A hostile router answers splitrailctl: whatever it sends, what is shown is valid UTF-8 without
 * control characters, so that it cannot steer a terminal, and with --json it is one JSON text.
 * Input: which command (1), then the reply. The mutator changes the reply field by field. */
#include "edge/ws_utf8.h"
#include "proto/arena.h"
#include "router/ctl/ctl_reply.h"
#include "router/json_scan.h"
#include "tests/fuzz/mutate_pb.h"

#include <stdlib.h>

enum { ARENA_BYTES_MAX = 16 << 20 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_text(struct bytes text)
{
    require(ws_utf8_valid(text));
    for (size_t i = 0; i < text.len; i++) {
        require((text.data[i] >= ' ' || text.data[i] == '\n') && text.data[i] != 0x7F);
        require(text.data[i] != 0xC2 || text.data[i + 1] >= 0xA0); /* valid, so one follows */
    }
}

static void show(const struct ctl_args *args, Splitrail__Admin__Reply *reply)
{
    struct json_value value;
    struct buf text;
    buf_init(&text, 0);
    ctl_failure(args, reply, ctl_reply_exit(args, reply), &text);
    check_text(buf_bytes(&text));
    buf_clear(&text);
    if (ctl_reply_narrow(args, reply, &text)) {
        ctl_print(args, reply, &text);
        check_text(buf_bytes(&text));
        buf_clear(&text);
        ctl_json(args, reply, &text);
        check_text(buf_bytes(&text));
        require(text.len != 0 && json_scan(bytes_of(text.data, text.len - 1), &value));
    }
    buf_fini(&text);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < 1 || max_size < 2) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    data[0] ^= seed % 8 == 0 ? (uint8_t)(seed >> 8) : 0;
    return 1 + mutate_pb_input(data + 1, size - 1, max_size - 1, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char operand[] = "name";
    char *operands[] = {operand, operand};
    struct arena arena;
    if (size < 1) {
        return 0;
    }
    const struct ctl_args args = {.command = (enum ctl_command)(data[0] % CTL_COMMAND_COUNT),
                                  .operands = operands,
                                  .operand_count = 1};
    arena_init(&arena, ARENA_BYTES_MAX);
    arena_reset(&arena);
    Splitrail__Admin__Reply *reply = ctl_reply_read(bytes_of(data + 1, size - 1), &arena);
    if (reply != NULL) {
        show(&args, reply);
    }
    arena_fini(&arena);
    return 0;
}
