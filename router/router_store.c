#include "router/router_store.h"

#include "common/log.h"
#include "router/router_metrics.h"

static void log_room(const struct engine_stats *stats, const struct router_options *options)
{
    static const char *const texts[] = {
        [ENGINE_ROOM_FOR_ALL] = "there is room again",
        [ENGINE_NO_NEW_LOGS] = "rooms and inboxes without a log are refused as unavailable",
        [ENGINE_NO_LONGER_LOGS] = "logs that would grow are refused as unavailable",
        [ENGINE_NO_APPENDS] = "all messages for the store are refused as unavailable",
    };
    log_event(stats->room == ENGINE_ROOM_FOR_ALL ? LOG_STORE_ROOM : LOG_STORE_FULL,
              LOG_S("text", texts[stats->room]), LOG_U("used_bytes", stats->used_bytes),
              LOG_I("max_bytes", options->max_data));
}

void router_store_look(struct router_store *store, const struct engine_stats *stats,
                       struct metrics *metrics, const struct router_options *options)
{
    if (stats->commits != store->commits) {
        store->commits = stats->commits;
        metrics_observe(metrics, ROUTER_METRIC_STORE_COMMIT_SECONDS, 0,
                        (double)stats->commit_us_last / 1e6);
    }
    if (stats->room != store->room) {
        store->room = stats->room;
        log_room(stats, options);
    }
    if (stats->trouble != store->trouble) {
        store->trouble = stats->trouble;
        log_event(store->trouble == NULL ? LOG_STORE_WELL : LOG_STORE_TROUBLE,
                  LOG_S("reason", store->trouble == NULL ? "" : store->trouble));
    }
}
