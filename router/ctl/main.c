/* splitrailctl: one command line, one request, one answer. */
#include "common/buf.h"
#include "common/mem.h"
#include "proto/arena.h"
#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_client.h"
#include "router/ctl/ctl_colour.h"
#include "router/ctl/ctl_keys.h"
#include "router/ctl/ctl_live.h"
#include "router/ctl/ctl_offline.h"
#include "router/ctl/ctl_reply.h"
#include "router/ctl/ctl_request.h"
#include "router/endpoint.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPLY_MEMORY = 512 * 1024 * 1024, REQUEST_BYTES_MAX = 1024 * 1024 };

static int print(FILE *to, const struct buf *text)
{
    size_t written = text->len == 0 ? 0 : fwrite(text->data, 1, text->len, to);
    return written == text->len && fflush(to) == 0 ? CTL_EXIT_DONE : CTL_EXIT_REFUSED;
}

static int fail(enum ctl_exit code, const char *what, const char *which, const char *why)
{
    (void)fprintf(stderr, "splitrailctl: %s%s%s\n", what, which, why);
    return (int)code;
}

/* The router's socket if it is there, else its port. The caller frees. */
static char *default_endpoint(void)
{
    struct buf path;
    struct stat found;
    buf_init(&path, 0);
    buf_append_str(&path, "ipc://");
    endpoint_admin_socket(&path);
    buf_append_byte(&path, 0);
    const char *endpoint = (const char *)path.data;
    bool there = stat(endpoint + strlen("ipc://"), &found) == 0 && S_ISSOCK(found.st_mode);
    char *chosen = mem_copy_str(bytes_of_str(there ? endpoint : ENDPOINT_ADMIN_TCP));
    buf_fini(&path);
    return chosen;
}

static void print_coloured(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                           struct buf *out)
{
    if (!ctl_colour_on(STDOUT_FILENO)) {
        ctl_print(args, reply, out);
        return;
    }
    struct buf plain;
    buf_init(&plain, 0);
    ctl_print(args, reply, &plain);
    ctl_colour_paint(buf_bytes(&plain), out);
    buf_fini(&plain);
}

static int show(const struct ctl_args *args, Splitrail__Admin__Reply *reply)
{
    struct buf text;
    buf_init(&text, 0);
    enum ctl_exit code = ctl_reply_exit(args, reply);
    if (reply->status != SPLITRAIL__ADMIN__REPLY__STATUS__OK) {
        ctl_failure(args, reply, code, &text);
        (void)print(stderr, &text);
        buf_fini(&text);
        return (int)code;
    }
    if (!ctl_reply_narrow(args, reply, &text)) {
        buf_append_byte(&text, 0);
        code = (enum ctl_exit)fail(CTL_EXIT_USAGE, (const char *)text.data, "", "");
        buf_fini(&text);
        return (int)code;
    }
    code = ctl_reply_exit(args, reply);
    if (code == CTL_EXIT_NOT_FOUND) {
        return fail(code, "no such edge: ", args->operands[0], "");
    }
    if (args->json) {
        ctl_json(args, reply, &text);
    } else {
        print_coloured(args, reply, &text);
    }
    int printed = print(stdout, &text);
    buf_fini(&text);
    return printed == CTL_EXIT_DONE ? (int)code : printed;
}

static int show_bytes(const struct ctl_args *args, const char *endpoint, struct bytes bytes)
{
    struct arena arena;
    arena_init(&arena, REPLY_MEMORY);
    arena_reset(&arena);
    Splitrail__Admin__Reply *reply = ctl_reply_read(bytes, &arena);
    int code = reply == NULL ? fail(CTL_EXIT_NO_ANSWER, "what answers at ", endpoint,
                                    " is no splitrail-router")
                             : show(args, reply);
    arena_fini(&arena);
    return code;
}

static int ask(const struct ctl_args *args, const char *endpoint, const struct ctl_keys *keys)
{
    struct buf request;
    struct buf reply;
    const char *why = NULL;
    buf_init(&request, 0);
    buf_init(&reply, 0);
    ctl_request(args, &request);
    int code = CTL_EXIT_USAGE;
    if (request.len > REQUEST_BYTES_MAX) {
        code = fail(CTL_EXIT_USAGE, "the request is larger than 1MiB", "", "");
    } else {
        enum ctl_answer answer =
            ctl_ask(endpoint, keys, (uint64_t)args->timeout, buf_bytes(&request), &reply, &why);
        if (answer == CTL_NO_ANSWER && args->command == CTL_VERSION) {
            printf("splitrailctl     %s\n", SPLITRAIL_VERSION);
        }
        code = answer == CTL_ANSWERED ? show_bytes(args, endpoint, buf_bytes(&reply))
                                      : (int)ctl_client_failed(endpoint, answer, why);
    }
    buf_fini(&reply);
    buf_fini(&request);
    return code;
}

static int talk(const struct ctl_args *args, const char *endpoint)
{
    struct buf why;
    struct ctl_keys keys = {0};
    buf_init(&why, 0);
    int code = CTL_EXIT_USAGE;
    if (ctl_keys_read(args, endpoint, &keys, &why) == STATUS_OK) {
        code = ctl_is_live(args->command) ? (int)ctl_live(args, endpoint, &keys)
                                          : ask(args, endpoint, &keys);
    } else {
        buf_append_byte(&why, 0);
        code = fail(CTL_EXIT_USAGE, (const char *)why.data, "", "");
    }
    buf_fini(&why);
    ctl_keys_wipe(&keys);
    return code;
}

static const char *who_runs_this(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry == NULL ? NULL : entry->pw_name;
}

static int run(struct ctl_args *args)
{
    args->by = who_runs_this();
    char *chosen = args->router == NULL ? default_endpoint() : NULL;
    int code = talk(args, chosen == NULL ? args->router : chosen);
    mem_free(chosen);
    return code;
}

int main(int argc, char **argv)
{
    struct ctl_args args = {0};
    struct buf text;
    int code = CTL_EXIT_USAGE;
    buf_init(&text, 0);
    switch (ctl_args_parse(argc, argv, environ, &args, &text)) {
    case CTL_ARGS_RUN:
        code = ctl_is_offline(args.command) ? (int)ctl_offline(&args) : run(&args);
        break;
    case CTL_ARGS_PRINT:
        code = print(stdout, &text);
        break;
    case CTL_ARGS_BAD:
        buf_append_byte(&text, '\n');
        print(stderr, &text);
        break;
    }
    ctl_args_fini(&args);
    buf_fini(&text);
    return code;
}
