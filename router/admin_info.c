/* What the router says of itself: version, readiness, figures. */
#include "router/admin_ask.h"

#include <assert.h>
#include <string.h>

struct figure {
    const char *name;
    size_t offset;
};

#define TOTAL(field)                                                                               \
    {                                                                                              \
#field, offsetof(struct registry_totals, field)                                            \
    }
static const struct figure totals_figures[] = {
    TOTAL(users_online),
    TOTAL(users_known),
    TOTAL(connections),
    TOTAL(detached),
    TOTAL(rooms),
    TOTAL(members),
    TOTAL(edges),
    TOTAL(history_bytes),
    TOTAL(memory_bytes),
    TOTAL(deliveries),
    TOTAL(room_messages),
    TOTAL(direct_messages),
    TOTAL(duplicates),
    TOTAL(parked),
    TOTAL(parked_refused),
    TOTAL(refused_user_banned),
    TOTAL(refused_address_banned),
    TOTAL(refused_user_limit),
    TOTAL(refused_address_limit),
    TOTAL(evicted_channels),
    TOTAL(bans_users),
    TOTAL(bans_addresses),
};

#define PLANE(field)                                                                               \
    {                                                                                              \
#field, offsetof(struct plane_stats, field)                                                \
    }
static const struct figure plane_figures[] = {
    PLANE(incarnation),
    PLANE(frames_in),
    PLANE(frames_out),
    PLANE(bytes_in),
    PLANE(bytes_out),
    PLANE(bad_frames),
    PLANE(unknown_ops),
    PLANE(fresh_links),
    PLANE(resumes),
    PLANE(refused),
    PLANE(auth_ok),
    PLANE(auth_failed),
    PLANE(appends),
    PLANE(loads),
    PLANE(engine.appends),
    PLANE(engine.commits),
    PLANE(engine.failures),
    PLANE(engine.commit_us_last),
    PLANE(engine.commit_us_total),
    PLANE(engine.waiting),
    PLANE(engine.waiting_bytes),
    PLANE(engine.store_bytes),
    PLANE(engine.free_bytes),
    PLANE(engine.used_bytes),
    PLANE(engine.no_room),
};

static const char *const command_figures[] = {
    "commands.join",          "commands.leave",
    "commands.room_message",  "commands.direct_message",
    "commands.presence_room", "commands.presence_users",
    "commands.watch",         "commands.unwatch",
    "commands.history_room",  "commands.history_inbox",
    "commands.refresh",       "commands.ping",
    "commands.bad",
};

enum {
    TOTALS_COUNT = sizeof(totals_figures) / sizeof(totals_figures[0]),
    PLANE_COUNT = sizeof(plane_figures) / sizeof(plane_figures[0]),
    COMMANDS_COUNT = sizeof(command_figures) / sizeof(command_figures[0])
};

static_assert(COMMANDS_COUNT == COMMAND_BAD + 1, "command_figures follows enum command_kind");

size_t admin_not_ready(const struct router_plane *plane, uint64_t now_ms,
                       const char *ret_reasons[ADMIN_REASONS_MAX])
{
    size_t count = 0;
    struct registry_totals totals;
    registry_totals(router_plane_core(plane), &totals);
    if (!totals.synced) {
        ret_reasons[count++] = "rebuilding";
    }
    struct plane_stats stats;
    router_plane_stats(plane, &stats);
    if (stats.engine.trouble != NULL) {
        ret_reasons[count++] = stats.engine.trouble;
    }
    if (router_plane_store_stalled(plane, now_ms)) {
        ret_reasons[count++] = "store_stalled";
    }
    if (router_plane_canary_overdue(plane, now_ms)) {
        ret_reasons[count++] = "canary";
    }
    return count;
}

void admin_info(struct admin_ask *ask)
{
    struct plane_stats stats;
    router_plane_stats(ask->admin->plane, &stats);
    Splitrail__Admin__Info *info = admin_room(ask, 1, sizeof(*info));
    char **texts = admin_pointers(ask, ADMIN_REASONS_MAX);
    if (ask->overflowed) {
        return;
    }
    splitrail__admin__info__init(info);
    info->version = (char *)(uintptr_t)SPLITRAIL_VERSION; /* only read */
    info->router_id = ask->admin->router_id;
    info->incarnation = stats.incarnation;
    info->uptime_ms =
        ask->now_ms > ask->admin->started_ms ? ask->now_ms - ask->admin->started_ms : 0;
    const char *reasons[ADMIN_REASONS_MAX];
    info->n_reasons = admin_not_ready(ask->admin->plane, ask->now_ms, reasons);
    info->ready = info->n_reasons == 0;
    info->reasons = texts;
    for (size_t i = 0; i < info->n_reasons; i++) {
        texts[i] = (char *)(uintptr_t)reasons[i]; /* only read */
    }
    ask->reply.info = info;
}

static void add_figure(struct admin_ask *ask, struct bytes name, uint64_t value)
{
    Splitrail__Admin__Figure *figure = admin_room(ask, 1, sizeof(*figure));
    if (figure == NULL) {
        return;
    }
    splitrail__admin__figure__init(figure);
    figure->name = admin_text(ask, name);
    figure->value = (int64_t)value;
    ask->reply.figures[ask->reply.n_figures++] = figure;
}

static void add_table(struct admin_ask *ask, const struct figure *figures, size_t count,
                      const void *from)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        memcpy(&value, (const uint8_t *)from + figures[i].offset, sizeof(value));
        add_figure(ask, bytes_of_str(figures[i].name), value);
    }
}

static void add_errors(struct admin_ask *ask, const struct registry_totals *totals)
{
    struct buf name;
    buf_init(&name, 0);
    for (int code = CLIENT_ERROR_NONE + 1; code < CLIENT_ERROR_COUNT; code++) {
        buf_clear(&name);
        buf_append_str(&name, "errors.");
        buf_append_str(&name, client_error_code((enum client_error)code));
        add_figure(ask, buf_bytes(&name), totals->errors[code]);
    }
    buf_fini(&name);
}

void admin_figures(struct admin_ask *ask)
{
    struct registry_totals totals;
    struct plane_stats stats;
    registry_totals(ask->core, &totals);
    router_plane_stats(ask->admin->plane, &stats);
    size_t count = TOTALS_COUNT + COMMANDS_COUNT + CLIENT_ERROR_COUNT + PLANE_COUNT + 2;
    ask->reply.figures = admin_pointers(ask, count);
    if (ask->overflowed) {
        return;
    }
    add_table(ask, totals_figures, TOTALS_COUNT, &totals);
    for (size_t kind = 0; kind <= COMMAND_BAD; kind++) {
        add_figure(ask, bytes_of_str(command_figures[kind]), totals.commands[kind]);
    }
    add_errors(ask, &totals);
    add_table(ask, plane_figures, PLANE_COUNT, &stats);
    add_figure(ask, BYTES_LIT("uptime_ms"),
               ask->now_ms > ask->admin->started_ms ? ask->now_ms - ask->admin->started_ms : 0);
    ask->reply.total = ask->reply.n_figures;
}
