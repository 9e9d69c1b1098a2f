#include "tests/bench/load/report.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long pid_of(const char *text)
{
    const char *equals = strchr(text, '=');
    return strtol(equals == NULL ? text : equals + 1, NULL, 10);
}

static size_t pid_count(const struct load_config *config)
{
    size_t count = config->options.pids.count;
    return count < REPORT_PIDS_MAX ? count : REPORT_PIDS_MAX;
}

void report_take(const struct load_config *config, const struct shared *shared, bool memory,
                 struct report_moment *ret_moment)
{
    ret_moment->at_us = clock_mono_us();
    shared_sum(shared, &ret_moment->workers);
    if (!memory) {
        return;
    }
    for (size_t i = 0; i < pid_count(config); i++) {
        ret_moment->processes[i] = probe_process(pid_of(config->options.pids.items[i]));
    }
    ret_moment->tcp_bytes = probe_tcp_bytes();
    ret_moment->slab_bytes = probe_slab_bytes();
}

/* --- while it goes on ---------------------------------------------------------------------- */

static double seconds_since_start(const struct report *report, uint64_t at_us)
{
    return (double)(at_us - report->before.at_us) / 1e6;
}

static void print_line(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
}

void report_progress(const struct report *report, const char *phase,
                     const struct report_moment *now, struct report_moment *last)
{
    const struct shared_counts *counts = &now->workers.counts;
    struct histogram latency = now->workers.latency;
    histogram_subtract(&latency, &last->workers.latency);
    double interval_s = (double)(now->at_us - last->at_us + 1) / 1e6;
    uint64_t messages = counts->messages - last->workers.counts.messages;
    uint64_t p50 = histogram_at(&latency, 500);
    uint64_t max = histogram_at(&latency, 1000);
    double at_s = seconds_since_start(report, now->at_us);
    *last = *now;
    if (report->config->options.progress_json) {
        print_line(json_pack(
            "{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "phase", phase,
            "at_s", at_s, "at_us", (json_int_t)now->at_us, "open", (json_int_t)counts->opened,
            "ready", (json_int_t)counts->ready, "failed", (json_int_t)counts->failed, "closed",
            (json_int_t)counts->closed, "sent", (json_int_t)counts->sent, "messages",
            (json_int_t)messages, "messages_ever", (json_int_t)counts->messages, "pings_ever",
            (json_int_t)counts->pings, "p50_us", (json_int_t)p50, "max_us", (json_int_t)max));
        return;
    }
    fprintf(stderr, "%8.1fs %-8s open %llu ready %llu failed %llu closed %llu  %.0f msg/s", at_s,
            phase, (unsigned long long)counts->opened, (unsigned long long)counts->ready,
            (unsigned long long)counts->failed, (unsigned long long)counts->closed,
            (double)messages / interval_s);
    if (max != 0) {
        fprintf(stderr, "  p50 %.2f ms max %.2f ms", (double)p50 / 1e3, (double)max / 1e3);
    }
    fputc('\n', stderr);
}

void report_event(const struct report *report, const char *event, uint64_t at_us)
{
    double at_s = seconds_since_start(report, at_us);
    if (report->config->options.progress_json) {
        print_line(
            json_pack("{s:s, s:f, s:I}", "event", event, "at_s", at_s, "at_us", (json_int_t)at_us));
    } else {
        fprintf(stderr, "%8.3fs == %s\n", at_s, event);
    }
}

static json_t *latency_json(const struct histogram *latency);

void report_mark(const struct report *report, struct bytes name, const struct report_moment *now,
                 struct report_moment *marked)
{
    struct histogram latency = now->workers.latency;
    const uint8_t *end = memchr(name.data, '\n', name.len);
    int len = (int)(end == NULL ? name.len : (size_t)(end - name.data));
    histogram_subtract(&latency, &marked->workers.latency);
    *marked = *now;
    if (report->config->options.progress_json) {
        print_line(json_pack("{s:s%, s:f, s:o}", "mark", name.data, (size_t)len, "at_s",
                             seconds_since_start(report, now->at_us), "latency",
                             latency_json(&latency)));
        return;
    }
    fprintf(stderr, "%8.3fs -- %.*s: p50 %.3f ms p99 %.3f ms max %.3f ms\n",
            seconds_since_start(report, now->at_us), len, (const char *)name.data,
            (double)histogram_at(&latency, 500) / 1e3, (double)histogram_at(&latency, 990) / 1e3,
            (double)histogram_at(&latency, 1000) / 1e3);
}

/* --- at the end ----------------------------------------------------------------------------- */

static json_t *tally_json(const struct tally *tally)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        if (tally->rows[i].count != 0) {
            json_object_set_new(object, tally->rows[i].name,
                                json_integer((json_int_t)tally->rows[i].count));
        }
    }
    return object;
}

static json_t *account_json(const struct account_totals *account)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "expected", (json_int_t)account->expected,
                     "received", (json_int_t)account->received, "lost", (json_int_t)account->lost,
                     "repeated", (json_int_t)account->repeated, "reordered",
                     (json_int_t)account->reordered, "misrouted", (json_int_t)account->misrouted);
}

static json_t *latency_json(const struct histogram *latency)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)histogram_count(latency), "p50_us",
        (json_int_t)histogram_at(latency, 500), "p90_us", (json_int_t)histogram_at(latency, 900),
        "p99_us", (json_int_t)histogram_at(latency, 990), "p999_us",
        (json_int_t)histogram_at(latency, 999), "max_us", (json_int_t)histogram_at(latency, 1000));
}

static double per_connection(const struct report *report, uint64_t before, uint64_t after)
{
    uint64_t ready = report->ready.workers.counts.ready;
    return ready == 0 ? 0 : ((double)after - (double)before) / (double)ready;
}

static double cpu_ms(const struct probe_process *from, const struct probe_process *to)
{
    return (double)(to->cpu_us - from->cpu_us) / 1e3;
}

static json_t *process_json(const struct report *report, size_t i)
{
    const struct probe_process *before = &report->before.processes[i];
    const struct probe_process *ready = &report->ready.processes[i];
    const struct probe_process *after = &report->after.processes[i];
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:f, s:I, s:f, s:f, s:f}", "process",
        report->config->options.pids.items[i], "private_before", (json_int_t)before->private_bytes,
        "private_ready", (json_int_t)ready->private_bytes, "private_after",
        (json_int_t)after->private_bytes, "bytes_per_connection",
        per_connection(report, before->private_bytes, ready->private_bytes), "rss_ready",
        (json_int_t)ready->rss_bytes, "cpu_opening_ms", cpu_ms(before, ready), "cpu_publishing_ms",
        cpu_ms(&report->warm.processes[i], &report->published.processes[i]), "cpu_holding_ms",
        cpu_ms(&report->published.processes[i], after));
}

static uint64_t received_warm(const struct report *report)
{
    return report->published.workers.account.received - report->warm.workers.account.received;
}

static double cpu_per_delivery_us(const struct report *report)
{
    uint64_t received = received_warm(report);
    double ms = 0;
    for (size_t i = 0; i < pid_count(report->config); i++) {
        ms += cpu_ms(&report->warm.processes[i], &report->published.processes[i]);
    }
    return received == 0 ? 0 : ms * 1e3 / (double)received;
}

static double seconds_warm(const struct report *report)
{
    return (double)(report->published.at_us - report->warm.at_us + 1) / 1e6;
}

static json_t *outages_json(const struct report *report)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < report->outage_count; i++) {
        const struct report_outage *outage = &report->outages[i];
        uint64_t to_us = outage->to_us == 0 ? report->after.at_us : outage->to_us;
        json_array_append_new(array, json_pack("{s:f, s:f}", "at_s",
                                               seconds_since_start(report, outage->from_us), "ms",
                                               (double)(to_us - outage->from_us) / 1e3));
    }
    return array;
}

static json_t *laggards_json(const struct report *report)
{
    const struct load_config *config = report->config;
    const struct shared_worker *end = &report->after.workers;
    json_t *array = json_array();
    for (uint32_t i = 0; i < end->laggard_count; i++) {
        const struct shared_laggard *laggard = &end->laggards[i];
        json_array_append_new(
            array,
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "connection", (json_int_t)laggard->conn,
                      "target", (json_int_t)(laggard->conn % config->target_count), "port",
                      (json_int_t)laggard->port, "heard", (json_int_t)laggard->heard, "unread",
                      (json_int_t)laggard->unread, "unsent", laggard->unsent));
    }
    return array;
}

json_t *report_json(const struct report *report)
{
    const struct shared_worker *end = &report->after.workers;
    struct tally kinds = tally_since(&end->kinds, &report->ready.workers.kinds);
    json_t *processes = json_array();
    for (size_t i = 0; i < pid_count(report->config); i++) {
        json_array_append_new(processes, process_json(report, i));
    }
    return json_pack(
        "{s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:I, s:o, s:o, s:f, s:f, s:f, s:f, "
        "s:f, s:o, s:o, s:o, s:o, s:o}",
        "connections", (json_int_t)report->config->options.connections, "ready",
        (json_int_t)end->counts.ready, "closed", (json_int_t)end->counts.closed, "ready_s",
        (double)report->ready_ms / 1e3, "load", report->load, "failures",
        tally_json(&end->failures), "closes", tally_json(&end->closes), "kinds_after_ready",
        tally_json(&kinds), "sent", (json_int_t)end->counts.sent, "account",
        account_json(&end->account), "latency", latency_json(&end->latency), "longest_pause_ms",
        (double)end->pause_us / 1e3, "cpu_us_per_delivery", cpu_per_delivery_us(report),
        "deliveries_per_s", (double)received_warm(report) / seconds_warm(report),
        "slab_bytes_per_connection",
        per_connection(report, report->before.slab_bytes, report->ready.slab_bytes),
        "tcp_buffer_bytes_per_connection",
        per_connection(report, report->before.tcp_bytes, report->ready.tcp_bytes), "processes",
        processes, "outages", outages_json(report), "opening", latency_json(&end->opening),
        "heard_each", tally_json(&end->heard), "laggards", laggards_json(report));
}

static void print_tally(const char *what, const struct tally *tally)
{
    for (uint32_t i = 0; i < TALLY_NAMES; i++) {
        if (tally->rows[i].count != 0) {
            printf("  %-12s %-24s %llu\n", what, tally->rows[i].name,
                   (unsigned long long)tally->rows[i].count);
        }
    }
}

static void print_processes(const struct report *report)
{
    if (pid_count(report->config) == 0) {
        return;
    }
    printf("\n  %-20s %12s %12s %12s %10s %12s\n", "process", "private, KiB", "ready, KiB",
           "after, KiB", "B/conn", "CPU open, ms");
    for (size_t i = 0; i < pid_count(report->config); i++) {
        const struct probe_process *before = &report->before.processes[i];
        const struct probe_process *ready = &report->ready.processes[i];
        printf("  %-20s %12llu %12llu %12llu %10.0f %12llu\n",
               report->config->options.pids.items[i],
               (unsigned long long)before->private_bytes / 1024,
               (unsigned long long)ready->private_bytes / 1024,
               (unsigned long long)report->after.processes[i].private_bytes / 1024,
               per_connection(report, before->private_bytes, ready->private_bytes),
               (unsigned long long)(ready->cpu_us - before->cpu_us) / 1000);
    }
    printf("  kernel, both ends: TCP buffers %.0f B/conn, slabs %.0f B/conn\n",
           per_connection(report, report->before.tcp_bytes, report->ready.tcp_bytes),
           per_connection(report, report->before.slab_bytes, report->ready.slab_bytes));
}

static void print_publishing(const struct report *report)
{
    const struct shared_worker *end = &report->after.workers;
    const struct account_totals *account = &end->account;
    double seconds = (double)(report->published.at_us - report->ready.at_us) / 1e6;
    if (end->counts.sent == 0) {
        return;
    }
    printf("\n  sent %llu, %.0f/s; deliveries %.0f/s; server CPU %.2f us per delivery\n",
           (unsigned long long)end->counts.sent, (double)end->counts.sent / seconds,
           (double)received_warm(report) / seconds_warm(report), cpu_per_delivery_us(report));
    printf("  expected %llu received %llu lost %llu repeated %llu reordered %llu misrouted %llu\n",
           (unsigned long long)account->expected, (unsigned long long)account->received,
           (unsigned long long)account->lost, (unsigned long long)account->repeated,
           (unsigned long long)account->reordered, (unsigned long long)account->misrouted);
    printf("  latency, ms: p50 %.3f p90 %.3f p99 %.3f p99.9 %.3f max %.3f; longest pause %.1f\n",
           (double)histogram_at(&end->latency, 500) / 1e3,
           (double)histogram_at(&end->latency, 900) / 1e3,
           (double)histogram_at(&end->latency, 990) / 1e3,
           (double)histogram_at(&end->latency, 999) / 1e3,
           (double)histogram_at(&end->latency, 1000) / 1e3, (double)end->pause_us / 1e3);
}

void report_table(const struct report *report)
{
    const struct shared_worker *end = &report->after.workers;
    struct tally kinds = tally_since(&end->kinds, &report->ready.workers.kinds);
    printf("connections %lld: ready %llu in %.2f s, failed %llu, closed %llu; load average %.1f\n",
           (long long)report->config->options.connections, (unsigned long long)end->counts.ready,
           (double)report->ready_ms / 1e3, (unsigned long long)end->counts.failed,
           (unsigned long long)end->counts.closed, report->load);
    printf("  opening, ms: p50 %.1f p99 %.1f max %.1f\n",
           (double)histogram_at(&end->opening, 500) / 1e3,
           (double)histogram_at(&end->opening, 990) / 1e3,
           (double)histogram_at(&end->opening, 1000) / 1e3);
    print_tally("failed", &end->failures);
    print_tally("closed", &end->closes);
    print_tally("heard", &kinds);
    for (uint32_t i = 0; i < report->outage_count; i++) {
        const struct report_outage *outage = &report->outages[i];
        uint64_t to_us = outage->to_us == 0 ? report->after.at_us : outage->to_us;
        printf("  not ready    at %.3f s for %.0f ms\n",
               seconds_since_start(report, outage->from_us),
               (double)(to_us - outage->from_us) / 1e3);
    }
    print_publishing(report);
    print_processes(report);
}
