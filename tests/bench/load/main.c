/* splitrail-bench: options in, a run, a report out. Exit code 0: everybody became ready, nobody was
 * closed, every message came once and in order; 1: not so; 2: usage. */
#include "common/mem.h"
#include "common/options_man.h"
#include "tests/bench/load/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_CLEAN, EXIT_FLAWED, EXIT_USAGE };

extern char **environ;

static void write_report(const struct report *report)
{
    const char *path = report->config->options.json;
    bool to_stdout = path != NULL && strcmp(path, "-") == 0;
    if (!to_stdout && !report->config->options.progress_json) {
        report_table(report);
    }
    if (path == NULL) {
        return;
    }
    json_t *json = report_json(report);
    const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
    int failed = to_stdout ? json_dumpf(json, stdout, flags) : json_dump_file(json, path, flags);
    if (failed != 0) {
        fprintf(stderr, "splitrail-bench: cannot write %s\n", path);
    }
    json_decref(json);
}

static int verdict(const struct report *report, bool complete)
{
    const struct shared_worker *end = &report->after.workers;
    const struct account_totals *account = &end->account;
    if (!complete) {
        fputs("splitrail-bench: a process of the run died\n", stderr);
    }
    bool clean = complete && end->counts.failed == 0 && end->counts.closed == 0 &&
                 account->lost == 0 && account->repeated == 0 && account->reordered == 0 &&
                 account->misrouted == 0;
    return clean ? EXIT_CLEAN : EXIT_FLAWED;
}

/* As many connections as this process may have at all. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct load_config *config)
{
    struct report *report = mem_new(1, sizeof(*report));
    report->config = config;
    raise_limit();
    bool complete = run_all(config, report);
    write_report(report);
    int code = verdict(report, complete);
    mem_free(report);
    return code;
}

static int print_manual(void)
{
    static const struct man_page page = {
        .program = &load_option_program,
        .section = "1",
        .description =
            "Opens many WebSocket connections to one or more servers, sends messages at a given "
            "rate, and tells which came, which did not, how late, and what it cost.\n",
        .exits = "0\teverything came once and in order, and nobody was closed\n1\tnot so\n2\tan "
                 "option is bad\n",
        .see_also = "splitrail-edge(8), splitrail-router(8), splitrailctl(1)"};
    struct buf text;
    buf_init(&text, 0);
    man_write(&page, &text);
    size_t written = fwrite(text.data, 1, text.len, stdout);
    int code = written == text.len ? EXIT_CLEAN : EXIT_USAGE;
    buf_fini(&text);
    return code;
}

int main(int argc, char **argv)
{
    struct load_config config = {.target_count = 0};
    struct buf text;
    if (argc == 2 && strcmp(argv[1], "--help-man") == 0) {
        return print_manual();
    }
    buf_init(&text, 0);
    enum option_outcome outcome =
        option_parse(&load_option_program, argc, argv, environ, &config.options, NULL, &text);
    int code = outcome == OPTION_EXIT_USAGE ? EXIT_USAGE : EXIT_CLEAN;
    if (outcome == OPTION_RUN && !load_config_complete(&config, &text)) {
        code = EXIT_USAGE;
    } else if (outcome == OPTION_RUN) {
        code = run(&config);
    }
    if (text.len != 0) {
        fwrite(text.data, 1, text.len, code == EXIT_USAGE ? stderr : stdout);
    }
    buf_fini(&text);
    if (outcome == OPTION_RUN) {
        load_config_fini(&config);
    }
    return code;
}
