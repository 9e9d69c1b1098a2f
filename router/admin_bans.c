/* Bans as operators see them: ban, unban, and the list. */
#include "router/admin_ask.h"
#include "router/admin_top.h"
#include "router/bans.h"

#include <string.h>

enum {
    V4_BITS_MIN = 96 + 8, /* wider is more likely a slip than a wish: it shuts everybody out */
    V6_BITS_MIN = 16,
    V4_PREFIX_BITS = 96
};

#define FOR_MS_MAX (UINT64_C(10) * 365 * 24 * 3600 * 1000)

static const struct address_net all_v4 = {.base = {{[10] = 0xff, [11] = 0xff}},
                                          .prefix_bits = V4_PREFIX_BITS};

static bool net_ok(struct admin_ask *ask, const char *text, struct address_net *ret_net)
{
    if (!address_net_parse(bytes_of_str(text), ret_net)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST),
                   "an address range is like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64");
        return false;
    }
    bool v4 = address_in(&ret_net->base, &all_v4, 1) && ret_net->prefix_bits >= V4_PREFIX_BITS;
    if (ret_net->prefix_bits < (v4 ? V4_BITS_MIN : V6_BITS_MIN) ||
        (!v4 && address_in(&all_v4.base, ret_net, 1))) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST),
                   "the range is too wide: at least /8 of IPv4 or /16 of IPv6");
        return false;
    }
    return true;
}

/* Fills kind and whom. */
static bool target_ok(struct admin_ask *ask, const char *user, const char *ip, struct ban *ban)
{
    if ((user[0] == 0) == (ip[0] == 0)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "name either a user or an address");
        return false;
    }
    ban->kind = user[0] != 0 ? BAN_USER : BAN_ADDRESS;
    ban->user = bytes_of_str(user);
    return ban->kind == BAN_USER ? admin_user_ok(ask, user, false) : net_ok(ask, ip, &ban->net);
}

static bool time_ok(struct admin_ask *ask, uint64_t for_ms)
{
    if (for_ms > FOR_MS_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "a ban lasts at most ten years, or for ever");
        return false;
    }
    return true;
}

void admin_ban_user(struct admin_ask *ask, enum admin_action action, struct bytes user,
                    const char *reason, uint64_t for_ms)
{
    const struct ban ban = {.kind = BAN_USER,
                            .user = user,
                            .reason = bytes_of_str(reason),
                            .by = bytes_of_str(ask->by)};
    if (time_ok(ask, for_ms)) {
        admin_start(ask, action,
                    &(struct core_event){.kind = CORE_BAN, .ban = &ban, .delay_ms = for_ms});
    }
}

void admin_ban(struct admin_ask *ask, const Splitrail__Admin__Ban *asked)
{
    struct ban ban = {.reason = bytes_of_str(asked->reason), .by = bytes_of_str(ask->by)};
    if (!target_ok(ask, asked->user, asked->ip, &ban) || !admin_reason_ok(ask, asked->reason) ||
        !time_ok(ask, asked->for_ms)) {
        return;
    }
    admin_audit(ask, &(struct admin_deed){.action = "ban",
                                          .user = asked->user,
                                          .ip = asked->ip,
                                          .reason = asked->reason,
                                          .for_ms = asked->for_ms});
    admin_start(ask, ADMIN_BAN,
                &(struct core_event){.kind = CORE_BAN, .ban = &ban, .delay_ms = asked->for_ms});
}

void admin_unban(struct admin_ask *ask, const Splitrail__Admin__Ban *asked)
{
    struct ban ban = {0};
    if (target_ok(ask, asked->user, asked->ip, &ban)) {
        admin_audit(ask,
                    &(struct admin_deed){.action = "unban", .user = asked->user, .ip = asked->ip});
        admin_start(ask, ADMIN_UNBAN, &(struct core_event){.kind = CORE_UNBAN, .ban = &ban});
    }
}

/* ---- the list ---- */

struct row {
    const struct ban *ban;
    struct bytes name; /* in `text` for a range */
    char text[ADDRESS_NET_TEXT_MAX];
};

static struct bytes name_of(const struct row *row)
{
    return row->ban->kind == BAN_USER ? row->ban->user : bytes_of_str(row->text);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    if (left->ban->kind != right->ban->kind) {
        return left->ban->kind < right->ban->kind ? -1 : 1;
    }
    return bytes_compare(name_of(left), name_of(right));
}

static Splitrail__Admin__BanInfo *make_info(struct admin_ask *ask, const struct row *row)
{
    Splitrail__Admin__BanInfo *info = admin_room(ask, 1, sizeof(*info));
    if (info == NULL) {
        return NULL;
    }
    splitrail__admin__ban_info__init(info);
    char *name = admin_text(ask, name_of(row));
    *(row->ban->kind == BAN_USER ? &info->user : &info->ip) = name;
    info->reason = admin_text(ask, row->ban->reason);
    info->by = admin_text(ask, row->ban->by);
    info->created_ms = row->ban->created_ms;
    info->until_ms = row->ban->until_ms;
    info->left_ms = registry_ban_left_ms(row->ban, ask->now_ms);
    return info;
}

static struct row row_of(const struct ban *ban)
{
    struct row row = {.ban = ban};
    if (ban->kind == BAN_ADDRESS) {
        (void)address_net_text(&ban->net, row.text);
    }
    return row;
}

Splitrail__Admin__BanInfo *admin_make_ban(struct admin_ask *ask, const struct ban *ban)
{
    const struct row row = row_of(ban);
    return make_info(ask, &row);
}

static void offer(struct admin_top *top, const struct ban *ban, struct bytes prefix)
{
    struct row row = row_of(ban);
    if (bytes_starts_with(name_of(&row), prefix)) {
        admin_top_add(top, &row);
    }
}

void admin_list_bans(struct admin_ask *ask, const Splitrail__Admin__List *list)
{
    if (list->limit > ADMIN_LIST_MAX) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "the limit is at most 10000");
        return;
    }
    struct admin_top top;
    admin_top_init(&top, sizeof(struct row), list->limit == 0 ? ADMIN_LIST_DEFAULT : list->limit,
                   compare_rows);
    uint64_t cursor = 0;
    const struct ban *ban = NULL;
    while ((ban = registry_ban_next(ask->core, &cursor)) != NULL) {
        offer(&top, ban, bytes_of_str(list->prefix));
    }
    admin_top_finish(&top);
    ask->reply.total = top.seen;
    ask->reply.bans = top.count == 0 ? NULL : admin_pointers(ask, top.count);
    const struct row *rows = (const struct row *)(const void *)top.items;
    for (size_t i = 0; !ask->overflowed && i < top.count; i++) {
        ask->reply.bans[ask->reply.n_bans] = make_info(ask, &rows[i]);
        ask->reply.n_bans += ask->reply.bans[ask->reply.n_bans] != NULL;
    }
    admin_top_fini(&top);
}
