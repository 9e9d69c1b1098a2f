/* Edges come and go: hello and its refusals, resuming, fencing of what was given up. */
#include "common/mem.h"
#include "router/plane_internal.h"

#include <assert.h>

enum { EDGE_ID_BYTES_MAX = 64 };

static void fence(struct router_plane *plane, uint64_t incarnation)
{
    plane->fenced[plane->fenced_next] = incarnation;
    plane->fenced_next = (plane->fenced_next + 1) % PLANE_FENCED_MAX;
}

static bool is_fenced(const struct router_plane *plane, uint64_t incarnation)
{
    for (size_t i = 0; i < PLANE_FENCED_MAX; i++) {
        if (plane->fenced[i] == incarnation) {
            return true;
        }
    }
    return false;
}

void plane_drop_edge(struct router_plane *plane, struct plane_edge *edge, enum plane_edge_event why,
                     const char *text)
{
    fence(plane, edge->incarnation);
    plane_verify_drop_edge(plane, edge);
    plane_pace_drop_edge(edge);
    strmap_remove(&plane->by_id, edge->id);
    strmap_remove(&plane->by_peer, edge->peer);
    plane->edges[edge->index] = NULL;
    plane->edge_count--;
    plane_step(plane, &(struct core_event){.kind = CORE_EDGE_DOWN,
                                           .edge = edge->index,
                                           .delay_ms = plane->now_ms - edge->link.heard_ms});
    plane_admission_soon(plane);
    plane->callbacks.on_edge(plane->owner, why, edge->id, text);
    plane_edge_free(edge);
}

static uint32_t free_index(struct router_plane *plane)
{
    for (uint32_t i = 0; i < plane->edge_capacity; i++) {
        if (plane->edges[i] == NULL) {
            return i;
        }
    }
    uint32_t old = plane->edge_capacity;
    uint32_t capacity = old == 0 ? 8 : old * 2;
    plane->edges = mem_resize(plane->edges, capacity, sizeof(struct plane_edge *));
    memset(plane->edges + old, 0, (capacity - old) * sizeof(struct plane_edge *));
    plane->edge_capacity = capacity;
    return old;
}

static void set_peer(struct router_plane *plane, struct plane_edge *edge, struct bytes peer)
{
    if (edge->peer.data != NULL) {
        strmap_remove(&plane->by_peer, edge->peer);
        mem_free((void *)(uintptr_t)edge->peer.data);
    }
    struct plane_edge *squatter = strmap_get(&plane->by_peer, peer);
    assert(squatter == NULL && "the caller gave the peer's former edge up");
    edge->peer = bytes_of(mem_copy(peer), peer.len);
    strmap_put(&plane->by_peer, edge->peer, edge);
    mem_free((void *)(uintptr_t)edge->key.data);
    edge->key = bytes_of(mem_copy(plane->sender->key), plane->sender->key.len);
}

static struct plane_edge *add_edge(struct router_plane *plane, struct bytes peer,
                                   const struct plane_greeting *hello)
{
    struct plane_edge *edge = mem_new(1, sizeof(*edge));
    edge->index = free_index(plane);
    edge->id = bytes_of(mem_copy(hello->id), hello->id.len);
    edge->incarnation = hello->edge_incarnation;
    edge->tag = ++plane->next_tag & PLANE_TAG_MASK;
    edge->attempt = hello->attempt;
    struct link_timing timing = {.heartbeat_ms = (uint32_t)plane->config.heartbeat_ms,
                                 .suspect_ms = (uint32_t)plane->config.suspect_ms,
                                 .dead_ms = (uint32_t)plane->config.dead_ms};
    link_init(&edge->link, &timing, plane->config.credit_bytes, plane->now_ms);
    edge->link.answers = true;
    plane_builder_init(&edge->out, &edge->link.spares);
    edge->wants_done = (hello->features & PLANE_FEATURE_DONE) != 0;
    edge->keeps_rosters = (hello->features & PLANE_FEATURE_ROSTER) != 0;
    edge->knows_spent = (hello->features & PLANE_FEATURE_SPENT) != 0;
    plane_truth_init(plane, edge, hello->features);
    plane->edges[edge->index] = edge;
    plane->edge_count++;
    strmap_put(&plane->by_id, edge->id, edge);
    set_peer(plane, edge, peer);
    struct link_queue nothing;
    link_start_fresh(&edge->link, hello->credit, plane->now_ms, &nothing);
    link_queue_fini(&nothing);
    edge->up_since_ms = plane->now_ms;
    plane_step(plane, &(struct core_event){.kind = CORE_EDGE_UP,
                                           .edge = edge->index,
                                           .edge_id = edge->id,
                                           .edge_incarnation = edge->incarnation,
                                           .edge_clock_ms = hello->clock_ms});
    plane_bans_start(plane, edge, hello->features);
    return edge;
}

/* ---- hello ---- */

static void welcome(struct router_plane *plane, const struct plane_edge *edge, bool resumed)
{
    buf_clear(&plane->push);
    plane_welcome_write(&(struct plane_greeting){.version = PLANE_VERSION,
                                                 .id = plane->config.router_id,
                                                 .router_incarnation = plane->incarnation,
                                                 .resumed = resumed,
                                                 .received = resumed ? edge->link.received : 0,
                                                 .credit = plane->config.credit_bytes,
                                                 .heartbeat_ms = edge->link.timing.heartbeat_ms,
                                                 .suspect_ms = edge->link.timing.suspect_ms,
                                                 .dead_ms = edge->link.timing.dead_ms,
                                                 .ticket_keys = plane_tickets_encode(plane),
                                                 .features = PLANE_FEATURE_CANARY},
                        &plane->push);
    /* Not taken: the edge asks again. */
    (void)plane_transmit(plane, edge->peer, buf_bytes(&plane->push), BYTES_EMPTY);
}

static void refuse(struct router_plane *plane, struct bytes peer, struct bytes edge_id,
                   enum plane_refusal refusal, const char *text)
{
    buf_clear(&plane->push);
    plane_refuse_write(refusal, text, &plane->push);
    (void)plane_transmit(plane, peer, buf_bytes(&plane->push), BYTES_EMPTY);
    plane->stats.refused++;
    plane->callbacks.on_edge(plane->owner, PLANE_EDGE_REFUSED, edge_id, text);
}

static bool edge_id_valid(struct bytes id)
{
    if (id.len == 0 || id.len > EDGE_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!letter && !other) {
            return false;
        }
    }
    return true;
}

static bool try_resume(struct router_plane *plane, struct plane_edge *edge, struct bytes peer,
                       const struct plane_greeting *hello)
{
    if (hello->router_incarnation != plane->incarnation ||
        !link_resume(&edge->link, hello->credit, hello->received, plane->now_ms)) {
        return false;
    }
    set_peer(plane, edge, peer);
    plane->stats.resumes++;
    welcome(plane, edge, true);
    plane->callbacks.on_edge(plane->owner, PLANE_EDGE_RESUMED, edge->id, "");
    plane_pump(plane, edge);
    return true;
}

static void start_edge(struct router_plane *plane, struct bytes peer,
                       const struct plane_greeting *hello)
{
    if (plane->edge_count >= plane->config.edges_max) {
        refuse(plane, peer, hello->id, PLANE_REFUSE_LIMIT, "too many edges (--max-edges)");
        return;
    }
    struct plane_edge *edge = add_edge(plane, peer, hello);
    plane->stats.fresh_links++;
    welcome(plane, edge, false);
    plane->callbacks.on_edge(plane->owner, PLANE_EDGE_UP, edge->id, "");
}

/* An edge that we have says hello once more: it gave its socket up. */
static void greet_again(struct router_plane *plane, struct plane_edge *edge, struct bytes peer,
                        const struct plane_greeting *hello)
{
    if (hello->attempt < edge->attempt) {
        return; /* from a socket that it gave up long ago: nobody waits for an answer */
    }
    bool twice = hello->attempt == edge->attempt && bytes_equal(peer, edge->peer);
    edge->attempt = hello->attempt;
    if (try_resume(plane, edge, peer, hello)) {
        return;
    }
    if (twice) {
        return; /* the same hello doubled: it was answered, and something may have been said since
                 */
    }
    if (edge->link.received != 0 || hello->router_incarnation == plane->incarnation) {
        /* It lost what we told it, or we what it told us: only a new start is safe. */
        plane_drop_edge(plane, edge, PLANE_EDGE_DEAD, "the link cannot be taken up again");
        refuse(plane, peer, hello->id, PLANE_REFUSE_FENCED, "come back as new");
        return;
    }
    /* Our first welcome was lost; nothing was said since. */
    set_peer(plane, edge, peer);
    plane_truth_forget(edge);
    struct link_queue nothing;
    link_start_fresh(&edge->link, hello->credit, plane->now_ms, &nothing);
    link_queue_fini(&nothing);
    plane_bans_start(plane, edge, hello->features);
    welcome(plane, edge, false);
}

/* Heard of just now: who comes with its id is a second process, or a hello that is long past. A
 * successor waits for as long as its predecessor's beats could still be due. */
static bool is_alive(const struct router_plane *plane, const struct plane_edge *edge)
{
    return plane->now_ms < edge->link.heard_ms + 2 * plane->config.heartbeat_ms;
}

static void refuse_version(struct router_plane *plane, struct bytes peer,
                           const struct plane_greeting *hello)
{
    struct buf text;
    buf_init(&text, 256);
    buf_append_str(&text, "plane version ");
    buf_append_u64(&text, hello->version);
    buf_append_str(&text, " of the edge, version ");
    buf_append_u64(&text, PLANE_VERSION);
    buf_append_str(&text, " of the router: use one release for both");
    buf_append_byte(&text, '\0');
    refuse(plane, peer, edge_id_valid(hello->id) ? hello->id : BYTES_EMPTY, PLANE_REFUSE_VERSION,
           (const char *)text.data);
    buf_fini(&text);
}

void plane_receive_hello(struct router_plane *plane, struct bytes peer,
                         const struct plane_greeting *hello)
{
    if (hello->version != PLANE_VERSION) {
        refuse_version(plane, peer, hello);
        return;
    }
    if (!edge_id_valid(hello->id) || hello->edge_incarnation == 0 || hello->credit == 0) {
        refuse(plane, peer, BYTES_EMPTY, PLANE_REFUSE_BAD_HELLO, "impossible hello");
        return;
    }
    if (!plane_sender_may_be(plane, hello->id)) {
        plane->stats.impostors++;
        refuse(plane, peer, hello->id, PLANE_REFUSE_BAD_HELLO,
               "the edge's key is allowed for another --id: see --curve-allowed-file");
        return;
    }
    struct plane_edge *same_peer = strmap_get(&plane->by_peer, peer);
    struct plane_edge *edge = strmap_get(&plane->by_id, hello->id);
    if (same_peer != NULL && same_peer != edge) {
        refuse(plane, peer, hello->id, PLANE_REFUSE_BAD_HELLO, "one socket, two edges");
        return;
    }
    if (edge != NULL && edge->incarnation == hello->edge_incarnation) {
        greet_again(plane, edge, peer, hello);
        return;
    }
    if (is_fenced(plane, hello->edge_incarnation) ||
        hello->router_incarnation == plane->incarnation) {
        refuse(plane, peer, hello->id, PLANE_REFUSE_FENCED, "this incarnation was given up");
        return;
    }
    if (edge != NULL && is_alive(plane, edge)) {
        refuse(plane, peer, hello->id, PLANE_REFUSE_LIMIT,
               "the edge id is in use: give each edge its own --id");
        return;
    }
    if (edge != NULL) {
        plane_drop_edge(plane, edge, PLANE_EDGE_REPLACED, "the same id with a new incarnation");
    }
    start_edge(plane, peer, hello);
}
