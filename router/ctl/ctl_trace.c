#include "router/ctl/ctl_trace.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_text.h"

enum { US_PER_MS = 1000 };

/* An older router tells milliseconds only. */
static uint64_t router_us(const Splitrail__Admin__Event *event)
{
    return event->router_at_us != 0 ? event->router_at_us : event->router_at_ms * US_PER_MS;
}

static uint64_t sent_us(const Splitrail__Admin__Event *event)
{
    return event->sent_at_us != 0 ? event->sent_at_us : event->at_ms * US_PER_MS;
}

/* With what has passed since the hop before, if that is known. */
static void line(struct buf *out, const char *what, uint64_t at_us, uint64_t before_us)
{
    buf_append_str(out, what);
    if (at_us == 0) {
        buf_append_str(out, "not known\n");
        return;
    }
    ctl_text_clock_us(at_us, out);
    if (before_us != 0) {
        buf_append_str(out, "  ");
        ctl_text_between(before_us, at_us, out);
    }
    buf_append_byte(out, '\n');
}

static void count(struct buf *out, uint64_t number, const char *what)
{
    buf_append_u64(out, number);
    buf_append_str(out, what);
    buf_append_str(out, number == 1 ? "" : "s");
}

/* First and last of several, seen from when the router sent it. */
static void span(struct buf *out, uint64_t sent, uint64_t first, uint64_t last)
{
    ctl_text_between(sent, first, out);
    buf_append_str(out, " to ");
    ctl_text_between(sent, last, out);
    buf_append_byte(out, '\n');
}

static void edge_lines(const Splitrail__Admin__EdgeHop *hop, uint64_t sent, struct buf *out)
{
    buf_append_str(out, "  edge ");
    ctl_text_clean(bytes_of_str(hop->edge), out);
    if (!hop->told) {
        buf_append_str(out, ": has not told\n");
        return;
    }
    if (hop->queued == 0) {
        buf_append_str(out, hop->held_back
                                ? ": holds it back until it has what goes before\n"
                                : ": gave it to nobody now (they read too slowly, or are gone)\n");
        return;
    }
    line(out, "\n    came to it        ", hop->at_us, sent);
    buf_append_str(out, "    queued            for ");
    count(out, hop->queued, " connection");
    buf_append_str(out, "  ");
    span(out, sent, hop->queued_first_us, hop->queued_last_us);
    buf_append_str(out, "    written           by ");
    count(out, hop->written, " connection");
    buf_append_str(out, "  ");
    if (hop->written == 0) {
        buf_append_str(out, "(none within a second)\n");
        return;
    }
    span(out, sent, hop->written_first_us, hop->written_last_us);
    if (hop->written < hop->queued) {
        buf_append_str(out, "    still waits       for ");
        count(out, hop->queued - hop->written, " connection");
        buf_append_str(out, " a second later\n");
    }
}

/* Why there is nothing of the edges; an older router knows of no such thing. */
static const char *silence(const Splitrail__Admin__Event *event)
{
    if (event->n_hops != 0 || event->edges == 0 || event->router_at_us == 0) {
        return "";
    }
    return event->hops_skipped
               ? "; the edges were not asked: too many messages at once, or no number"
               : "; the edges are too old to tell";
}

void ctl_trace_hops(const Splitrail__Admin__Event *event, struct buf *out)
{
    uint64_t edge_us = event->edge_at_ms * US_PER_MS;
    line(out, "  came to its edge    ", edge_us, 0);
    line(out, "  came to the router  ", router_us(event), edge_us);
    line(out, "  committed and sent  ", sent_us(event), router_us(event));
    buf_append_str(out, "  to ");
    count(out, event->members, " connection");
    buf_append_str(out, " on ");
    count(out, event->edges, " edge");
    buf_append_str(out, silence(event));
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < event->n_hops; i++) {
        edge_lines(event->hops[i], sent_us(event), out);
    }
    if (event->hops_open) {
        buf_append_str(out, "  ask again in two seconds for what is missing\n");
    }
    if (event->n_hops != 0) {
        buf_append_str(out,
                       "  edges are timed by the clocks of their hosts, seen from when the router "
                       "sent it: as far\n  apart as those clocks are, so far are these times "
                       "off\n");
    }
}

static void set_time(json_t *object, const char *key, uint64_t at_us)
{
    ctl_json_set(object, key, at_us == 0 ? json_null() : ctl_json_number(at_us));
}

static json_t *hop_json(const Splitrail__Admin__EdgeHop *hop)
{
    json_t *object = json_object();
    ctl_json_set(object, "edge", ctl_json_text(hop->edge));
    ctl_json_set(object, "told", json_boolean(hop->told));
    if (hop->told) {
        ctl_json_set(object, "atUs", ctl_json_number(hop->at_us));
        ctl_json_set(object, "queued", ctl_json_number(hop->queued));
        set_time(object, "queuedFirstUs", hop->queued_first_us);
        set_time(object, "queuedLastUs", hop->queued_last_us);
        ctl_json_set(object, "written", ctl_json_number(hop->written));
        set_time(object, "writtenFirstUs", hop->written_first_us);
        set_time(object, "writtenLastUs", hop->written_last_us);
        ctl_json_set(object, "heldBack", json_boolean(hop->held_back));
    }
    return object;
}

void ctl_trace_json(const Splitrail__Admin__Event *event, json_t *object)
{
    json_t *hops = json_array();
    for (size_t i = 0; i < event->n_hops; i++) {
        ctl_json_add(hops, hop_json(event->hops[i]));
    }
    ctl_json_set(object, "routerAtUs", ctl_json_number(router_us(event)));
    ctl_json_set(object, "sentAtUs", ctl_json_number(sent_us(event)));
    ctl_json_set(object, "hops", hops);
    ctl_json_set(object, "hopsSkipped", json_boolean(event->hops_skipped));
    ctl_json_set(object, "hopsOpen", json_boolean(event->hops_open));
}
