/* splitrail-edge: reads options, starts one edge, runs it.
 *
 * Besides the options of edge_options.def, three words print the generated parts of the
 * documentation and end: --help-markdown (docs/OPTIONS.md), --metrics-markdown (docs/METRICS.md)
 * and
 * --help-man (the manual page). */
#include "common/log.h"
#include "common/options_man.h"
#include "common/process.h"
#include "edge/edge.h"
#include "edge/edge_metrics.h"
#include "edge/edge_options.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char man_description[] =
    "An edge speaks WebSocket with clients and one link with the router; it holds connections and "
    "fans messages out, and decides nothing. Any number of edges serve one router; a load balancer "
    "stands in front of them.\n"
    "An edge that ends (SIGTERM, or splitrailctl drain) tells its clients to move to another one, "
    "spread over --reconnect-delay, and waits for them for --drain-timeout.\n"
    "While the router is away, clients stay connected and what they say is held, for "
    "--router-grace.\n";
static const char man_exits[] = "0\tended in order\n1\tcould not start, or had to end\n"
                                "2\tan option is bad; one line says which and why\n";

struct program {
    struct edge_options options;
    int argc;
    char **argv;
};

static void print(FILE *stream, const struct buf *text)
{
    (void)fwrite(text->data, 1, text->len, stream);
    (void)fflush(stream);
}

static int fail(int exit_code, struct buf *text)
{
    (void)fprintf(stderr, "%s: %.*s\n", edge_options_program()->name, (int)text->len,
                  text->data == NULL ? "" : (const char *)text->data);
    buf_fini(text);
    return exit_code;
}

/* True when argv asks for a reference, which is printed. */
static bool print_reference(int argc, char **argv)
{
    struct buf text;
    buf_init(&text, 0);
    if (argc == 2 && strcmp(argv[1], "--help-markdown") == 0) {
        option_reference(edge_options_program(), &text);
    } else if (argc == 2 && strcmp(argv[1], "--help-man") == 0) {
        man_write(&(struct man_page){.program = edge_options_program(),
                                     .section = "8",
                                     .description = man_description,
                                     .exits = man_exits,
                                     .see_also = "splitrail-router(8), splitrailctl(1)"},
                  &text);
    } else if (argc == 2 && strcmp(argv[1], "--metrics-markdown") == 0) {
        edge_metrics_reference(&text);
    } else {
        return false;
    }
    print(stdout, &text);
    buf_fini(&text);
    return true;
}

static void configure_log(const struct edge_options *options)
{
    log_configure(options->log_format == 1, (enum log_level)options->log_level);
}

static void reload(void *owner)
{
    struct program *program = owner;
    struct buf text;
    buf_init(&text, 0);
    enum status status = option_reload(edge_options_program(), program->argc, program->argv,
                                       environ, &program->options, &text);
    if (status != STATUS_OK) {
        log_event(LOG_RELOAD_FAILED, LOG_B("why", buf_bytes(&text)));
    } else {
        configure_log(&program->options);
        log_event(LOG_RELOAD);
        if (text.len != 0) {
            log_event(LOG_OPTION_IGNORED, LOG_B("options", buf_bytes(&text)));
        }
    }
    buf_fini(&text);
}

static enum status seal(const struct edge_options *options, const struct privileges *privileges)
{
    const struct process_seal seal = {.privileges = privileges,
                                      .sandbox = (enum sandbox_mode)options->seccomp,
                                      .who = SANDBOX_EDGE};
    if (process_seal(&seal) != STATUS_OK) {
        return STATUS_DENIED;
    }
    for (size_t i = 0; options->listen_tls.count != 0 && i < options->tls_key_file.count; i++) {
        process_check_readable("--tls-cert-file", options->tls_cert_file.items[i]);
        process_check_readable("--tls-key-file", options->tls_key_file.items[i]);
    }
    return STATUS_OK;
}

static int serve(struct program *program, struct edge *edge)
{
    edge_watch_signals(edge, reload, program);
    process_notify("READY=1");
    int exit_code = edge_run(edge);
    process_notify("STOPPING=1");
    return exit_code;
}

static int run(struct program *program)
{
    struct privileges privileges;
    struct buf error;
    buf_init(&error, 0);
    log_event(LOG_START, LOG_S("program", edge_options_program()->name),
              LOG_S("version", SPLITRAIL_VERSION));
    if (edge_options_plane_is_open(&program->options)) {
        log_event(LOG_INSECURE_PLANE, LOG_S("router", program->options.router.items[0]));
    }
    if (privileges_find(program->options.user, &privileges, &error) != STATUS_OK) {
        return fail(EXIT_FAILED, &error);
    }
    struct edge *edge = edge_new(&program->options, &error);
    if (edge == NULL) {
        return fail(EXIT_FAILED, &error);
    }
    int exit_code =
        seal(&program->options, &privileges) == STATUS_OK ? serve(program, edge) : EXIT_FAILED;
    edge_free(&edge);
    buf_fini(&error);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc, .argv = argv};
    struct buf text;
    process_restrict();
    if (print_reference(argc, argv)) {
        return 0;
    }
    buf_init(&text, 0);
    enum option_outcome outcome =
        option_parse(edge_options_program(), argc, argv, environ, &program.options, NULL, &text);
    if (outcome == OPTION_EXIT_OK) {
        print(stdout, &text);
        buf_fini(&text);
        return 0;
    }
    if (outcome == OPTION_EXIT_USAGE) { /* the text is a whole line already */
        print(stderr, &text);
        buf_fini(&text);
        option_fini(edge_options_program(), &program.options);
        return EXIT_USAGE;
    }
    if (edge_options_check(&program.options, &text) != STATUS_OK) {
        option_fini(edge_options_program(), &program.options);
        return fail(EXIT_USAGE, &text);
    }
    buf_fini(&text);
    configure_log(&program.options);
    (void)signal(SIGPIPE, SIG_IGN);
    int exit_code = run(&program);
    option_fini(edge_options_program(), &program.options);
    return exit_code;
}
