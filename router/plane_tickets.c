/* The keys that TLS session tickets are sealed with, the same for all edges, so that a session
 * begun at one resumes at any. They live in memory only and end with this router: edges go on
 * accepting what its predecessor gave them. Secrets: never logged, and wiped here when they are
 * dropped; the copies under way to the edges are freed, not wiped. */
#include "common/mem.h"
#include "router/plane_internal.h"

static void draw(struct router_plane *plane, uint64_t now_ms)
{
    plane->callbacks.random(plane->owner, plane->tickets.current, PLANE_TICKET_KEY_BYTES);
    plane->tickets.drawn_ms = now_ms;
}

void plane_tickets_init(struct router_plane *plane, uint64_t now_ms)
{
    buf_init(&plane->tickets.encoded, 0);
    if (plane->config.ticket_period_ms != 0) {
        draw(plane, now_ms);
    }
}

static void forget_encoded(struct plane_tickets *tickets)
{
    mem_wipe(tickets->encoded.data, tickets->encoded.len);
    buf_clear(&tickets->encoded);
}

void plane_tickets_fini(struct router_plane *plane)
{
    forget_encoded(&plane->tickets);
    buf_fini(&plane->tickets.encoded);
    mem_wipe(&plane->tickets, sizeof(plane->tickets));
}

struct bytes plane_tickets_encode(struct router_plane *plane)
{
    struct plane_tickets *tickets = &plane->tickets;
    forget_encoded(tickets);
    if (plane->config.ticket_period_ms == 0) {
        return BYTES_EMPTY;
    }
    uint64_t age_ms = plane->now_ms - tickets->drawn_ms;
    struct plane_ticket_keys keys = {
        .current = bytes_of(tickets->current, PLANE_TICKET_KEY_BYTES),
        .age_ms = age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms,
    };
    if (tickets->has_previous) {
        keys.previous = bytes_of(tickets->previous, PLANE_TICKET_KEY_BYTES);
    }
    plane_ticket_keys_write(&keys, &tickets->encoded);
    return buf_bytes(&tickets->encoded);
}

uint64_t plane_tickets_deadline(const struct router_plane *plane)
{
    uint64_t period_ms = plane->config.ticket_period_ms;
    return period_ms == 0 ? UINT64_MAX : plane->tickets.drawn_ms + period_ms;
}

void plane_tickets_tick(struct router_plane *plane)
{
    struct plane_tickets *tickets = &plane->tickets;
    if (plane->now_ms < plane_tickets_deadline(plane)) {
        return;
    }
    memcpy(tickets->previous, tickets->current, PLANE_TICKET_KEY_BYTES);
    tickets->has_previous = true;
    draw(plane, plane->now_ms);
    struct bytes encoded = plane_tickets_encode(plane);
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] != NULL) {
            plane_builder_add(&plane->edges[i]->out,
                              &(struct plane_op){.kind = OP_TICKET_KEYS, .bytes = encoded});
        }
    }
}
