/* splitrailctl: one command line, one request, one answer. */
#include "common/buf.h"
#include "common/mem.h"
#include "proto/arena.h"
#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_client.h"
#include "router/ctl/ctl_keys.h"
#include "router/ctl/ctl_offline.h"
#include "router/ctl/ctl_reply.h"
#include "router/ctl/ctl_request.h"
#include "router/endpoint.h"

#include <errno.h>
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
        ctl_print(args, reply, &text);
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

static int ask(const struct ctl_args *args, const char *endpoint, struct bytes request)
{
    struct buf reply;
    struct ctl_keys keys = {0};
    const char *refusal = NULL;
    buf_init(&reply, 0);
    int code = CTL_EXIT_DONE;
    if (ctl_keys_read(args, endpoint, &keys, &reply) != STATUS_OK) {
        buf_append_byte(&reply, 0);
        code = fail(CTL_EXIT_USAGE, (const char *)reply.data, "", "");
        buf_fini(&reply);
        ctl_keys_wipe(&keys);
        return code;
    }
    switch (ctl_ask(endpoint, &keys, (uint64_t)args->timeout, request, &reply, &refusal)) {
    case CTL_ANSWERED:
        code = show_bytes(args, endpoint, buf_bytes(&reply));
        break;
    case CTL_NO_ANSWER:
        if (args->command == CTL_VERSION) {
            printf("splitrailctl     %s\n", SPLITRAIL_VERSION);
        }
        code = fail(CTL_EXIT_NO_ANSWER, "no answer from ", endpoint, "; does the router run?");
        break;
    case CTL_TURNED_AWAY:
        (void)fprintf(stderr, "splitrailctl: %s: %s\n", endpoint, refusal);
        code = CTL_EXIT_REFUSED;
        break;
    case CTL_BAD_ENDPOINT:
        (void)fprintf(stderr, "splitrailctl: --router %s: %s\n", endpoint, strerror(errno));
        code = CTL_EXIT_USAGE;
        break;
    }
    ctl_keys_wipe(&keys);
    buf_fini(&reply);
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
    struct buf request;
    buf_init(&request, 0);
    ctl_request(args, &request);
    char *chosen = args->router == NULL ? default_endpoint() : NULL;
    int code = request.len > REQUEST_BYTES_MAX
                   ? fail(CTL_EXIT_USAGE, "the request is larger than 1MiB", "", "")
                   : ask(args, chosen == NULL ? args->router : chosen, buf_bytes(&request));
    mem_free(chosen);
    buf_fini(&request);
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
