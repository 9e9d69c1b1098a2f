/* splitrail-router: options in, router out. The only place that knows argv. */
#include "common/buf.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/options.h"
#include "common/options_man.h"
#include "common/process.h"
#include "router/auth.h"
#include "router/engine/embedded_dir.h"
#include "router/policy_file.h"
#include "router/reload.h"
#include "router/router.h"
#include "router/router_keys.h"
#include "router/router_metrics.h"
#include "router/router_options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, CHANGES_LOGGED_MAX = 1000 };

struct process {
    int argc;
    char **argv;
    struct router_options options;
    struct policy_table policy; /* as read; the router has copies */
    struct router *router;
};

static void print(FILE *to, const struct buf *text)
{
    struct bytes line = buf_bytes(text);
    bool ends = line.len > 0 && line.data[line.len - 1] == '\n';
    /* Nobody is left to be told when this fails. */
    (void)fprintf(to, "%.*s%s", (int)line.len, line.len == 0 ? "" : (const char *)line.data,
                  ends ? "" : "\n");
}

static const char man_description[] =
    "The router knows users, connections, rooms and presence, applies limits and policy, and gives "
    "every message of a room its number; with --data-dir it stores them before it delivers them. "
    "Edges connect to --bind, operators with splitrailctl to --admin-bind, programs to the HTTP "
    "API "
    "at --http-listen.\n"
    "A router that is started again finds its state at the edges, which keep their clients "
    "meanwhile.\n";
static const char man_exits[] =
    "0\tended in order\n1\tcould not start, or a newer router owns the data\n"
    "2\tan option is bad; one line says which and why\n";

/* For docs/: not options, so that the reference does not list itself. */
static bool print_reference(int argc, char **argv)
{
    struct buf text;
    if (argc != 2) {
        return false;
    }
    buf_init(&text, 0);
    if (strcmp(argv[1], "--help-markdown") == 0) {
        option_reference(&router_option_program, &text);
    } else if (strcmp(argv[1], "--help-man") == 0) {
        man_write(&(struct man_page){.program = &router_option_program,
                                     .section = "8",
                                     .description = man_description,
                                     .exits = man_exits,
                                     .see_also = "splitrail-edge(8), splitrailctl(1)"},
                  &text);
    } else if (strcmp(argv[1], "--policy-markdown") == 0) {
        policy_file_reference(&text);
    } else if (strcmp(argv[1], "--metrics-markdown") == 0) {
        metrics_reference(router_metric_specs, ROUTER_METRIC_COUNT, &text);
    } else {
        return false;
    }
    print(stdout, &text);
    buf_fini(&text);
    return true;
}

static void configure_log(const struct router_options *options)
{
    log_configure(options->log_format == 1, (enum log_level)options->log_level);
}

/* One log line per line that the option parser wrote. */
static void log_lines(enum log_event_id event, struct bytes text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        if (len > 0) {
            log_event(event, LOG_B("text", bytes_slice(text, 0, len)));
        }
        text = bytes_slice(text, end == NULL ? len : len + 1, text.len);
    }
}

/* MALFORMED leaves *ret_table untouched. */
static enum status read_policy(const struct router_options *options, struct policy_table *ret_table,
                               struct buf *text)
{
    const struct namespace_policy built_in = {
        .class = ROOM_CLASS_UNSET,
        .history_messages = options->history_messages,
        .slow_reader = SLOW_READER_DISCONNECT,
    };
    return policy_file_read(options->policy_file, &built_in, ret_table, text);
}

static void reload_policy(struct process *process, struct reload_report *report, struct buf *text)
{
    struct policy_table table;
    buf_clear(text);
    if (read_policy(&process->options, &table, text) != STATUS_OK) {
        reload_add_line(&report->refused, buf_bytes(text));
        return;
    }
    reload_compare_policies(report, &process->policy, &table);
    policy_table_fini(&process->policy);
    process->policy = table;
    router_set_policy(process->router, &process->policy);
    if (process->options.policy_file != NULL) {
        log_event(LOG_RELOAD, LOG_S("what", "policy file read again"),
                  LOG_U("namespaces", process->policy.count));
    }
}

/* Bad files leave the keys as they are. */
static void reload_keys(struct process *process, struct reload_report *report, struct buf *text)
{
    struct jws_keys *keys = NULL;
    buf_clear(text);
    if (process->options.auth != AUTH_JWT) {
        return;
    }
    if (router_keys_read(&process->options, &keys, text) != STATUS_OK) {
        reload_add_line(&report->refused, buf_bytes(text));
        return;
    }
    reload_compare_token_keys(report, process->options.keys, keys);
    router_set_keys(process->router, keys);
    jws_keys_unref(&process->options.keys);
    process->options.keys = keys;
    log_event(LOG_RELOAD, LOG_S("what", "token keys read again"),
              LOG_U("keys", jws_keys_count(keys)));
}

/* A bad file leaves the lists as they are. */
static void reload_allowed(struct process *process, struct reload_report *report, struct buf *text)
{
    struct router_curve *curve = process->options.curve;
    buf_clear(text);
    if (curve == NULL) {
        return;
    }
    if (router_curve_reload(&process->options, curve, report, text) != STATUS_OK) {
        reload_add_line(&report->refused, buf_bytes(text));
        return;
    }
    log_event(
        LOG_RELOAD, LOG_S("what", "allowed keys read again"),
        LOG_U("edges", router_allowed_count(curve->edges)),
        LOG_U("operators", curve->operators == NULL ? 0 : router_allowed_count(curve->operators)));
    router_set_allowed(process->router);
}

static void log_report(const struct reload_report *report)
{
    log_lines(LOG_OPTION_IGNORED, buf_bytes(&report->ignored));
    log_lines(LOG_RELOAD_FAILED, buf_bytes(&report->refused));
    for (size_t i = 0; i < report->count && i < CHANGES_LOGGED_MAX; i++) {
        const struct reload_change *change = &report->changes[i];
        log_event(LOG_RELOAD_CHANGE, LOG_S("what", change->what), LOG_S("name", change->name),
                  LOG_S("field", change->field), LOG_S("from", change->before),
                  LOG_S("to", change->after));
    }
    if (report->total > CHANGES_LOGGED_MAX) {
        log_event(LOG_RELOAD_CHANGE, LOG_S("what", "and more"),
                  LOG_U("changes", report->total - CHANGES_LOGGED_MAX));
    }
}

static void take_over(struct process *process, enum log_level level_before,
                      struct reload_report *report)
{
    struct router_options *options = &process->options;
    enum log_level level = (enum log_level)options->log_level;
    struct buf text;
    buf_init(&text, 0);
    /* Where the old level would hide what is told below, or the new one would, the other counts. */
    log_configure(options->log_format == 1, level_before < level ? level_before : level);
    router_set_rates(process->router, options);
    log_event(LOG_RELOAD, LOG_S("what", "live options read again"));
    reload_policy(process, report, &text);
    reload_keys(process, report, &text);
    reload_allowed(process, report, &text);
    router_reload_api(process->router, report);
    log_report(report);
    configure_log(options);
    buf_fini(&text);
}

/* Everything that is live, each file by itself: one that is refused stops none of the others. */
static void on_reload(void *owner, struct reload_report *report)
{
    struct process *process = owner;
    struct router_options *options = &process->options;
    enum log_level level_before = (enum log_level)options->log_level;
    struct reload_options before = reload_options_note(&router_option_program, options);
    struct buf text;
    buf_init(&text, 0);
    if (option_reload(&router_option_program, process->argc, process->argv, environ, options,
                      &text) != STATUS_OK) {
        reload_add_line(&report->refused, buf_bytes(&text));
        log_report(report);
    } else {
        reload_add_line(&report->ignored, buf_bytes(&text));
        reload_compare_options(report, &router_option_program, &before, options);
        take_over(process, level_before, report);
    }
    reload_options_fini(&before);
    buf_fini(&text);
}

static enum status start_policy(struct process *process, struct buf *text)
{
    struct buf why;
    buf_init(&why, 0);
    enum status status = read_policy(&process->options, &process->policy, &why);
    if (status != STATUS_OK) {
        buf_append_str(text, "splitrail-router: ");
        buf_append(text, buf_bytes(&why));
    }
    buf_fini(&why);
    return status;
}

/* EXIT_SUCCESS when the options are there to be run; else what to exit with, -1 for a plain end. */
static int read_options(struct process *process)
{
    struct buf text;
    buf_init(&text, 0);
    enum option_outcome outcome = option_parse(&router_option_program, process->argc, process->argv,
                                               environ, &process->options, NULL, &text);
    if (outcome == OPTION_RUN && router_options_complete(&process->options, &text) != STATUS_OK) {
        outcome = OPTION_EXIT_USAGE;
    }
    if (outcome == OPTION_RUN && start_policy(process, &text) != STATUS_OK) {
        outcome = OPTION_EXIT_USAGE;
    }
    if (outcome == OPTION_EXIT_OK) {
        print(stdout, &text);
    } else if (outcome == OPTION_EXIT_USAGE) {
        print(stderr, &text);
    }
    buf_fini(&text);
    return outcome == OPTION_RUN ? EXIT_SUCCESS : outcome == OPTION_EXIT_OK ? -1 : EXIT_USAGE;
}

static void log_start(const struct router_options *options)
{
    configure_log(options);
    log_event(LOG_START, LOG_S("program", "splitrail-router"), LOG_S("version", SPLITRAIL_VERSION),
              LOG_S("id", options->router_id));
    if (options->auth == AUTH_INSECURE) {
        log_event(LOG_INSECURE_AUTH, LOG_S("text", "--auth insecure: clients name themselves"));
    }
    if (options->exposed) {
        log_event(LOG_INSECURE_PLANE,
                  LOG_S("text", "--insecure-plane: whoever reaches it speaks for every client"));
    }
}

/* Who we shall be, and what is to be theirs then. */
static enum status prepare_user(struct router_options *options)
{
    struct buf why;
    buf_init(&why, 0);
    enum status status = privileges_find(options->user, &options->privileges, &why);
    if (status == STATUS_OK && options->data_dir != NULL && options->data_dir[0] != 0) {
        status = privileges_hand_over(&options->privileges, options->data_dir, embedded_dir_is_ours,
                                      &why);
    }
    if (status != STATUS_OK) {
        log_event(LOG_PROCESS_FAILED, LOG_S("what", "--user"), LOG_B("reason", buf_bytes(&why)));
    }
    buf_fini(&why);
    return status;
}

static enum status seal(const struct router_options *options)
{
    const struct process_seal seal = {.privileges = &options->privileges,
                                      .sandbox = (enum sandbox_mode)options->seccomp,
                                      .who = SANDBOX_ROUTER};
    if (process_seal(&seal) != STATUS_OK) {
        return STATUS_DENIED;
    }
    process_check_readable("--policy-file", options->policy_file);
    process_check_readable("--jwks-file", options->jwks_file);
    process_check_readable("--jwt-hs256-file", options->jwt_hs256_file);
    return STATUS_OK;
}

static int run(struct process *process)
{
    log_start(&process->options);
    if (prepare_user(&process->options) != STATUS_OK) {
        return EXIT_FAILURE;
    }
    process->router = router_new(&process->options, &process->policy);
    if (process->router == NULL) {
        return EXIT_FAILURE;
    }
    if (seal(&process->options) != STATUS_OK) {
        router_free(&process->router);
        return EXIT_FAILURE;
    }
    process_notify("READY=1");
    router_run(process->router, on_reload, process);
    process_notify("STOPPING=1");
    int code = router_stopped_well(process->router) ? EXIT_SUCCESS : EXIT_FAILURE;
    router_free(&process->router);
    return code;
}

int main(int argc, char **argv)
{
    struct process process = {.argc = argc, .argv = argv};
    process_restrict();
    if (print_reference(argc, argv)) {
        return EXIT_SUCCESS;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is like a full disk */
    int code = read_options(&process);
    if (code == EXIT_SUCCESS) {
        code = run(&process);
    }
    policy_table_fini(&process.policy);
    router_options_fini(&process.options);
    return code < 0 ? EXIT_SUCCESS : code;
}
