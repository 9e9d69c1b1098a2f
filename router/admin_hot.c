/* What is hot: counted while somebody asks, and not otherwise. */
#include "common/mem.h"
#include "router/admin_ask.h"
#include "router/admin_watch.h"
#include "router/hot.h"

#include <string.h>

struct admin_hot {
    struct hot rooms;
    struct hot users;
    uint64_t messages;
    uint64_t bytes;
    uint64_t deliveries;
    uint64_t since_ms;
};

void admin_hot_count(struct admin *admin, const struct core_tapped *tapped)
{
    struct admin_hot *hot = admin->hot;
    if (hot == NULL) {
        return;
    }
    uint64_t bytes = tapped->message->payload.len;
    hot->messages++;
    hot->bytes += bytes;
    hot->deliveries += tapped->members;
    if (tapped->room.len != 0) {
        hot_add(&hot->rooms, tapped->room, bytes, tapped->members);
    }
    if (tapped->message->user.len != 0) {
        hot_add(&hot->users, tapped->message->user, bytes, tapped->members);
    }
}

static Splitrail__Admin__HotName **names(struct admin_ask *ask, struct hot *hot, size_t limit,
                                         size_t *ret_count)
{
    hot_sort(hot);
    size_t count = hot->count < limit ? hot->count : limit;
    Splitrail__Admin__HotName **out = count == 0 ? NULL : admin_pointers(ask, count);
    *ret_count = 0;
    for (size_t i = 0; out != NULL && i < count; i++) {
        const struct hot_name *item = &hot->items[i];
        Splitrail__Admin__HotName *made = admin_room(ask, 1, sizeof(*made));
        if (made == NULL) {
            break;
        }
        splitrail__admin__hot_name__init(made);
        made->name = admin_text(ask, bytes_of(item->name, item->len));
        made->messages = item->messages - item->inherited;
        made->bytes = item->bytes;
        made->deliveries = item->deliveries;
        out[(*ret_count)++] = made;
    }
    return out;
}

static bool begin_hot(struct admin *admin)
{
    if (admin->hot == NULL && router_plane_tap(admin->plane, CORE_TAP_ALL, BYTES_EMPTY)) {
        admin->hot = mem_new(1, sizeof(*admin->hot));
    }
    return admin->hot != NULL;
}

void admin_top_asked(struct admin_ask *ask, const Splitrail__Admin__Top *asked)
{
    struct admin *admin = ask->admin;
    bool begins = admin->hot == NULL;
    size_t limit = asked->limit == 0 ? ADMIN_TOP_DEFAULT : asked->limit;
    Splitrail__Admin__Hot *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL || !begin_hot(admin)) {
        admin_fail(ask, ADMIN_STATUS(REFUSED), "as many watch already as may: try again later");
        return;
    }
    splitrail__admin__hot__init(out);
    struct admin_hot *hot = admin->hot;
    out->window_ms = begins ? 0 : ask->now_ms - hot->since_ms;
    out->messages = hot->messages;
    out->bytes = hot->bytes;
    out->deliveries = hot->deliveries;
    out->rooms = names(ask, &hot->rooms, limit, &out->n_rooms);
    out->users = names(ask, &hot->users, limit, &out->n_users);
    ask->reply.hot = out;
    memset(hot, 0, sizeof(*hot));
    hot->since_ms = ask->now_ms;
}

static void end_hot(struct admin *admin)
{
    router_plane_untap(admin->plane, CORE_TAP_ALL, BYTES_EMPTY);
    mem_free(admin->hot);
    admin->hot = NULL;
}

void admin_hot_expire(struct admin *admin, uint64_t now_ms)
{
    if (admin->hot != NULL && now_ms - admin->hot->since_ms > ADMIN_WATCH_ALIVE_MS) {
        end_hot(admin);
    }
}

void admin_forget_hot(struct admin *admin)
{
    if (admin->hot != NULL) {
        end_hot(admin);
    }
}
