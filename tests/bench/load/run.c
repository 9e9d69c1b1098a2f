/* The process that was started leads: it makes the workers, says when the next step begins, watches
 * and tells. It opens no connection to the server under load except to ask whether it is ready. */
#include "tests/bench/load/run.h"

#include "common/clock.h"
#include "common/mem.h"
#include "tests/bench/load/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Silence that ends a phase: when all is there that can come, when that is not known, and when
 * something is missing, which may only be late. */
enum { TICK_MS = 10, COMPLETE_MS = 200, QUIET_MS = 400, MISSING_MS = 3000 };

struct run {
    const struct load_config *config;
    struct report *report;
    struct shared *shared;
    const char *phase;
    uint64_t phase_us;        /* when it began */
    uint64_t told_us;         /* the last progress line */
    uint64_t messages;        /* as last seen, */
    uint64_t messages_us;     /* and since when there are so many */
    struct report_moment now; /* counts only */
    struct report_moment last;
    struct report_moment marked; /* at the last line of standard input */
    struct sockaddr_in watch;
    const char *watch_path; /* NULL: nothing is watched */
    bool watch_up;
    bool input_open;
    bool lost_worker;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void begin_phase(struct run *run, const char *phase)
{
    run->phase = phase;
    run->phase_us = clock_mono_us();
    run->messages_us = run->phase_us;
    report_event(run->report, phase, run->phase_us);
}

static uint64_t phase_ms(const struct run *run)
{
    return (clock_mono_us() - run->phase_us) / 1000;
}

/* Until --until-eof is over, or an interrupt. Lines that come at once are one mark. */
static bool input_ended(struct run *run)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    char scratch[256];
    if (!run->input_open || poll(&poll_fd, 1, 0) <= 0) {
        return !run->input_open;
    }
    ssize_t got = read(STDIN_FILENO, scratch, sizeof(scratch));
    if (got <= 0) {
        run->input_open = false;
    } else {
        report_mark(run->report, bytes_of(scratch, (size_t)got), &run->now, &run->marked);
    }
    return !run->input_open;
}

static void start_watch(struct run *run)
{
    const char *watch = run->config->options.watch;
    const char *slash = watch == NULL ? NULL : strchr(watch, '/');
    if (slash != NULL && load_resolve(bytes_of(watch, (size_t)(slash - watch)), &run->watch)) {
        run->watch_path = slash;
        run->watch_up = true;
    }
}

static void watch(struct run *run)
{
    struct report *report = run->report;
    if (run->watch_path == NULL) {
        return;
    }
    uint64_t asked_us = clock_mono_us();
    bool up = probe_http(&run->watch, run->watch_path);
    if (up == run->watch_up || report->outage_count == REPORT_OUTAGES_MAX) {
        return;
    }
    run->watch_up = up;
    report_event(report, up ? "ready again" : "not ready", asked_us);
    struct report_outage *outage = &report->outages[report->outage_count];
    if (up) {
        outage->to_us = asked_us;
        report->outage_count++;
    } else {
        *outage = (struct report_outage){.from_us = asked_us};
    }
}

static void count(struct run *run)
{
    report_take(run->config, run->shared, false, &run->now);
    if (run->now.workers.counts.messages != run->messages) {
        run->messages = run->now.workers.counts.messages;
        run->messages_us = run->now.at_us;
    }
    if (waitpid(-1, NULL, WNOHANG) > 0 && atomic_load(&run->shared->step) != STEP_FINISH) {
        run->lost_worker = true;
    }
}

static void tick(struct run *run)
{
    uint64_t every_us = (uint64_t)run->config->options.progress * 1000;
    (void)poll(NULL, 0, TICK_MS);
    watch(run);
    count(run);
    if (run->now.at_us - run->told_us >= every_us) {
        run->told_us = run->now.at_us;
        report_progress(run->report, run->phase, &run->now, &run->last);
    }
}

static bool goes_on(const struct run *run)
{
    return !interrupted && !run->lost_worker;
}

static void open_all(struct run *run)
{
    uint64_t wanted = (uint64_t)run->config->options.connections;
    begin_phase(run, "open");
    do {
        tick(run);
    } while (goes_on(run) &&
             run->now.workers.counts.ready + run->now.workers.counts.failed < wanted);
    run->report->ready_ms = phase_ms(run);
}

/* Nothing new for a while. */
static void settle(struct run *run)
{
    uint64_t most_ms = (uint64_t)run->config->options.settle;
    begin_phase(run, "settle");
    do {
        tick(run);
    } while (goes_on(run) && phase_ms(run) < most_ms &&
             run->now.at_us - run->messages_us < QUIET_MS * 1000);
}

static void drain(struct run *run)
{
    uint64_t most_ms = (uint64_t)run->config->options.settle;
    uint64_t expected = plan_deliveries(&run->config->plan, run->shared->sent);
    uint64_t quiet_ms = 0;
    begin_phase(run, "drain");
    do {
        tick(run);
        quiet_ms = run->now.workers.account.received >= expected ? COMPLETE_MS : MISSING_MS;
    } while (goes_on(run) && phase_ms(run) < most_ms &&
             run->now.at_us - run->messages_us < quiet_ms * 1000);
}

static void stay(struct run *run, const char *phase, uint64_t ms, bool last)
{
    bool to_eof = last && run->config->options.until_eof;
    begin_phase(run, phase);
    do {
        tick(run);
    } while (goes_on(run) && (to_eof ? !input_ended(run) : phase_ms(run) < ms));
}

static void publish(struct run *run, bool last)
{
    const struct load_options *options = &run->config->options;
    atomic_store(&run->shared->publish_us, clock_mono_us());
    atomic_store(&run->shared->step, STEP_PUBLISH);
    if (options->warmup != 0) {
        stay(run, "warm up", (uint64_t)options->warmup, false);
        report_take(run->config, run->shared, true, &run->report->warm);
    }
    stay(run, "publish", (uint64_t)options->duration, last);
    report_take(run->config, run->shared, true, &run->report->published);
    atomic_store(&run->shared->step, STEP_QUIET);
    drain(run);
}

static void finish(struct run *run)
{
    report_take(run->config, run->shared, true, &run->report->after);
    atomic_store(&run->shared->step, STEP_FINISH);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    shared_sum(run->shared, &run->report->after.workers);
    run->lost_worker = run->lost_worker || !run->report->after.workers.finished;
}

static void start_workers(struct run *run)
{
    uint32_t processes = run->config->plan.processes;
    for (uint32_t process = 0; process < processes; process++) {
        pid_t pid = fork();
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)signal(SIGINT, SIG_IGN);
            worker_run(run->config, run->shared, process);
            _exit(0);
        }
        run->lost_worker = run->lost_worker || pid < 0;
    }
}

static void lead(struct run *run)
{
    bool publishes = run->config->plan.publishers != 0;
    bool holds = run->config->options.hold != 0 || !publishes;
    open_all(run);
    settle(run);
    if (run->config->options.silence != 0) {
        stay(run, "silence", (uint64_t)run->config->options.silence, false);
    }
    report_take(run->config, run->shared, true, &run->report->ready);
    run->report->warm = run->report->ready;
    run->report->published = run->report->ready;
    report_event(run->report, "ready", run->report->ready.at_us);
    if (publishes) {
        publish(run, !holds);
    }
    if (holds) {
        stay(run, "hold", (uint64_t)run->config->options.hold, true);
    }
}

bool run_all(const struct load_config *config, struct report *report)
{
    struct run *run = mem_new(1, sizeof(*run));
    run->config = config;
    run->report = report;
    run->input_open = true;
    run->shared = shared_new(config->plan.processes, config->plan.publishers);
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    start_watch(run);
    report_take(config, run->shared, true, &report->before);
    run->last = report->before;
    run->told_us = report->before.at_us;
    start_workers(run);
    lead(run);
    report->load = probe_load();
    finish(run);
    bool ok = !run->lost_worker;
    mem_free(run);
    return ok;
}
