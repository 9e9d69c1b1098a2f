#include "router/router_doors.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/z85.h"
#include "common/zlink_auth.h"
#include "router/router_metrics.h"

#include <string.h>

enum { RECENT_COUNT = 512, RECENT_MS = 600000 };

enum refusal { REFUSED_KEY, REFUSED_HANDSHAKE, REFUSED_REMOVED }; /* as the metric's values */

static const char PLANE[] = "plane";
static const char ADMIN[] = "admin";

/* A newer one takes the place of an older with the same index: what is lost is a repetition. */
struct recent {
    uint64_t hash;
    uint64_t at_ms;
};

struct router_doors {
    const struct router_curve *curve;
    struct metrics *metrics;
    struct zlink_auth *auth;
    uint64_t seed;
    struct recent recent[RECENT_COUNT];
};

static uint64_t mix(uint64_t hash, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3;
    }
    return (hash ^ bytes.len) * 0x100000001b3;
}

bool router_doors_first(struct router_doors *doors, const char *kind, struct bytes who,
                        const char *text)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t hash = mix(mix(mix(doors->seed, bytes_of_str(kind)), who), bytes_of_str(text));
    struct recent *recent = &doors->recent[(hash >> 32) % RECENT_COUNT];
    if (recent->hash == hash && now_ms < recent->at_ms + RECENT_MS) {
        return false;
    }
    *recent = (struct recent){.hash = hash, .at_ms = now_ms};
    return true;
}

static const struct router_allowed *list_of(const struct router_doors *doors, struct bytes domain)
{
    return bytes_equal(domain, BYTES_LIT("plane"))   ? doors->curve->edges
           : bytes_equal(domain, BYTES_LIT("admin")) ? doors->curve->operators
                                                     : NULL;
}

static void refused(struct router_doors *doors, const char *what, struct bytes key,
                    struct bytes address, const char *reason)
{
    const struct bytes mapped = BYTES_LIT("::ffff:"); /* IPv4 on a socket for both */
    if (bytes_starts_with(address, mapped)) {
        address = bytes_slice(address, mapped.len, address.len);
    }
    if (router_doors_first(doors, what, key.len == 0 ? address : key, reason)) {
        log_event(LOG_CURVE_REFUSED, LOG_S("what", what), LOG_B("address", address),
                  LOG_B("key", key), LOG_S("reason", reason));
    }
}

static bool may_connect(void *owner, struct bytes domain, const uint8_t key[CURVE_KEY_BYTES],
                        struct bytes address)
{
    struct router_doors *doors = owner;
    const struct router_allowed *list = list_of(doors, domain);
    char text[CURVE_KEY_CHARS];
    z85_encode(key, CURVE_KEY_BYTES, text);
    struct bytes name = bytes_of(text, sizeof(text));
    if (list != NULL && router_allowed_name(list, name).len != 0) {
        return true;
    }
    metrics_add(doors->metrics, ROUTER_METRIC_CURVE_REFUSED, REFUSED_KEY, 1);
    refused(doors, list == doors->curve->edges ? PLANE : ADMIN, name, address,
            "its key is not in the list");
    return false;
}

struct router_doors *router_doors_new(struct zlink_context *context, struct event_base *base,
                                      const struct router_curve *curve, struct metrics *metrics)
{
    struct router_doors *doors = mem_new(1, sizeof(*doors));
    doors->curve = curve;
    doors->metrics = metrics;
    clock_random(&doors->seed, sizeof(doors->seed));
    if (curve != NULL) {
        char text[CURVE_KEY_CHARS];
        z85_encode(curve->pair.public_key, CURVE_KEY_BYTES, text);
        doors->auth = zlink_auth_new(context, base, may_connect, doors);
        log_event(LOG_CURVE_KEYS, LOG_B("public", bytes_of(text, sizeof(text))),
                  LOG_U("edges", router_allowed_count(curve->edges)),
                  LOG_U("operators",
                        curve->operators == NULL ? 0 : router_allowed_count(curve->operators)));
    }
    return doors;
}

void router_doors_free(struct router_doors **doors)
{
    if (*doors == NULL) {
        return;
    }
    zlink_auth_free(&(*doors)->auth);
    mem_free(*doors);
    *doors = NULL;
}

void router_doors_plane(const struct router_doors *doors, struct zlink *link, const char *endpoint)
{
    (void)endpoint;
    if (doors->curve != NULL) {
        zlink_curve_server(link, &doors->curve->pair, PLANE);
    }
}

void router_doors_admin(const struct router_doors *doors, struct zlink *link, const char *endpoint)
{
    bool keys = doors->curve != NULL && doors->curve->operators != NULL;
    if (keys && strncmp(endpoint, "ipc://", 6) != 0) {
        zlink_curve_server(link, &doors->curve->pair, ADMIN);
    } else {
        zlink_plain(link);
    }
}

void router_doors_failed(struct router_doors *doors, const char *what, const char *failure,
                         struct bytes address)
{
    if (failure != NULL) {
        metrics_add(doors->metrics, ROUTER_METRIC_CURVE_REFUSED, REFUSED_HANDSHAKE, 1);
        refused(doors, what, BYTES_EMPTY, address, failure);
    }
}

/* Its key was good when it connected. */
static void cut(struct router_doors *doors, struct zlink *link, const char *what, struct bytes key)
{
    metrics_add(doors->metrics, ROUTER_METRIC_CURVE_REFUSED, REFUSED_REMOVED, 1);
    refused(doors, what, key, BYTES_EMPTY, "its key is not in the list any more");
    zlink_cut_sender(link);
}

bool router_doors_edge(struct router_doors *doors, struct zlink *link, struct plane_sender *sender)
{
    if (doors->curve == NULL) {
        return true;
    }
    sender->key = zlink_sender(link);
    sender->edge_id = router_allowed_name(doors->curve->edges, sender->key);
    if (sender->edge_id.len == 0) {
        cut(doors, link, PLANE, sender->key);
        return false;
    }
    return true;
}

/* Without a key it came by a plain endpoint. */
bool router_doors_operator(struct router_doors *doors, struct zlink *link)
{
    struct bytes key = zlink_sender(link);
    if (key.len == 0 || router_allowed_name(doors->curve->operators, key).len != 0) {
        return true;
    }
    cut(doors, link, ADMIN, key);
    return false;
}

void router_doors_reloaded(struct router_doors *doors, struct router_plane *plane, uint64_t now_ms,
                           uint64_t wall_ms)
{
    uint64_t cursor = 0;
    struct plane_edge_info info;
    while (router_plane_edge_next(plane, now_ms, &cursor, &info)) {
        struct bytes allowed = router_allowed_name(doors->curve->edges, info.key);
        if (allowed.len == 0 || !plane_edge_id_fits(allowed, info.id)) {
            router_plane_expel(plane, info.edge, now_ms, wall_ms);
        }
    }
}
