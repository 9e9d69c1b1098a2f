/* Limits: what holds now. Options are shown as they are; the rates can be set, until the router
 * reads its options again: what is to last belongs into its configuration. */
#include "router/admin_ask.h"
#include "router/explain.h"
#include "router/router_config.h"
#include "router/router_options.h"

#include <assert.h>
#include <string.h>

struct rate {
    const char *name; /* of the option */
    size_t offset;    /* in core_rates */
};

static const struct rate rates[] = {
    {"max-messages-per-second", offsetof(struct core_rates, messages_per_second)},
    {"max-bytes-per-second", offsetof(struct core_rates, bytes_per_second)},
    {"max-joins-per-second", offsetof(struct core_rates, joins_per_second)},
    {"max-messages-per-second-per-user", offsetof(struct core_rates, user_messages_per_second)},
    {"max-bytes-per-second-per-user", offsetof(struct core_rates, user_bytes_per_second)},
    {"max-new-rooms-per-minute-per-user", offsetof(struct core_rates, user_logs_per_minute)},
};

enum { RATE_COUNT = sizeof(rates) / sizeof(rates[0]), POLICY_ROWS = 4 };

/* Other options that are limits, though their names do not begin with max-. */
static const char *const others[] = {
    "api-rate",      "connect-rate", "history-messages", "history-bytes", "history-memory",
    "parked-memory", "store-queue",  "link-credit",      "link-queue",    "on-user-limit",
};

static const struct rate *find_rate(const char *name)
{
    for (size_t i = 0; i < RATE_COUNT; i++) {
        if (strcmp(rates[i].name, name) == 0) {
            return &rates[i];
        }
    }
    return NULL;
}

static uint64_t *rate_in(struct core_rates *values, const struct rate *rate)
{
    return (uint64_t *)(void *)((uint8_t *)values + rate->offset);
}

static bool is_limit(const char *name)
{
    bool found = strncmp(name, "max-", strlen("max-")) == 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        found = found || strcmp(name, others[i]) == 0;
    }
    return found;
}

static const char *unit_of(enum option_type type)
{
    return type == OPTION_SIZE ? "bytes" : type == OPTION_TIME ? "ms" : "";
}

static Splitrail__Admin__Limit *add(struct admin_ask *ask, const char *name, const char *unit,
                                    int64_t value)
{
    Splitrail__Admin__Limit *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__limit__init(out);
    out->name = (char *)(uintptr_t)name; /* only read, as the unit */
    out->unit = (char *)(uintptr_t)unit;
    out->value = value;
    ask->reply.limits[ask->reply.n_limits++] = out;
    return out;
}

/* The choice with this index, out of a list with blanks. */
static struct bytes choice_at(const char *choices, int64_t index)
{
    const char *at = choices;
    for (; index > 0 && *at != 0; index--) {
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return bytes_of((const uint8_t *)at, strcspn(at, " "));
}

static void add_option(struct admin_ask *ask, const struct option_spec *spec)
{
    const uint8_t *field = (const uint8_t *)ask->admin->options + spec->offset;
    if (find_rate(spec->name) != NULL || !is_limit(spec->name) || spec->type == OPTION_STRING ||
        spec->type == OPTION_LIST || spec->type == OPTION_BOOL) {
        return;
    }
    int64_t value = *(const int64_t *)(const void *)field;
    Splitrail__Admin__Limit *out = add(ask, spec->name, unit_of(spec->type), value);
    if (out != NULL && spec->type == OPTION_CHOICE) {
        out->unit = (char *)(uintptr_t) "text";
        out->text = admin_text(ask, choice_at(spec->choices, value));
    }
}

static void add_rates(struct admin_ask *ask)
{
    struct core_rates now = explain_rates(ask->core);
    for (size_t i = 0; !ask->overflowed && i < RATE_COUNT; i++) {
        const char *unit = strncmp(rates[i].name, "max-bytes", 9) == 0 ? "bytes" : "";
        Splitrail__Admin__Limit *out =
            add(ask, rates[i].name, unit, (int64_t)*rate_in(&now, &rates[i]));
        if (out != NULL) {
            out->settable = true;
        }
    }
}

static void add_namespace(struct admin_ask *ask, const char *name,
                          const struct namespace_policy *policy)
{
    const struct {
        const char *name;
        const char *unit;
        int64_t value;
    } rows[POLICY_ROWS] = {
        {"limits.members", "", policy->members_max},
        {"limits.payload", "bytes", policy->payload_max},
        {"limits.messages_per_second", "", policy->messages_per_second},
        {"limits.user_interval", "ms", policy->user_interval_ms},
    };
    for (size_t i = 0; !ask->overflowed && i < POLICY_ROWS; i++) {
        Splitrail__Admin__Limit *out =
            rows[i].value == 0 ? NULL : add(ask, rows[i].name, rows[i].unit, rows[i].value);
        if (out != NULL) {
            out->namespace_ = (char *)(uintptr_t)name;
        }
    }
}

static void show(struct admin_ask *ask)
{
    const struct policy_table *table = explain_policies(ask->core);
    size_t options = ask->admin->options == NULL ? 0 : router_option_program.spec_count;
    ask->reply.limits =
        admin_pointers(ask, RATE_COUNT + options + POLICY_ROWS * (table->count + 1));
    if (ask->overflowed) {
        return;
    }
    add_rates(ask);
    for (size_t i = 0; !ask->overflowed && i < options; i++) {
        add_option(ask, &router_option_program.specs[i]);
    }
    add_namespace(ask, "*", &table->fallback);
    for (size_t i = 0; !ask->overflowed && i < table->count; i++) {
        add_namespace(ask, admin_text(ask, table->namespaces[i].name),
                      &table->namespaces[i].policy);
    }
    ask->reply.total = ask->reply.n_limits;
}

/* The options' own reader checks the value, so that both take the same. False: the reply says why.
 */
static bool read_value(struct admin_ask *ask, const Splitrail__Admin__Limits *asked,
                       struct core_rates *ret_rates)
{
    struct buf flag;
    struct buf text;
    buf_init(&flag, 0);
    buf_init(&text, 0);
    buf_append_str(&flag, "--");
    buf_append_str(&flag, asked->name);
    buf_append_byte(&flag, '=');
    buf_append_str(&flag, asked->value);
    buf_append_byte(&flag, 0);
    char name[] = "limits";
    char *argv[] = {name, (char *)flag.data, NULL};
    char *env[] = {NULL};
    struct router_options scratch = {0};
    bool good =
        option_parse(&router_option_program, 2, argv, env, &scratch, NULL, &text) == OPTION_RUN;
    if (good) {
        *ret_rates = router_core_rates(&scratch);
        option_fini(&router_option_program, &scratch);
    } else {
        size_t len = text.len > 0 && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len;
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), admin_text(ask, bytes_of(text.data, len)));
    }
    buf_fini(&text);
    buf_fini(&flag);
    return good;
}

static void set(struct admin_ask *ask, const Splitrail__Admin__Limits *asked)
{
    const struct rate *rate = find_rate(asked->name);
    struct core_rates given;
    if (rate == NULL) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST),
                   "no limit by that name can be set while the router runs; limits says which can");
        return;
    }
    if (!read_value(ask, asked, &given)) {
        return;
    }
    struct core_rates now = explain_rates(ask->core);
    *rate_in(&now, rate) = *rate_in(&given, rate);
    struct buf what;
    buf_init(&what, 0);
    buf_append_str(&what, asked->name);
    buf_append_byte(&what, '=');
    buf_append_str(&what, asked->value);
    admin_audit(
        ask, &(struct admin_deed){.action = "limits", .reason = admin_text(ask, buf_bytes(&what))});
    buf_fini(&what);
    router_plane_set_rates(ask->admin->plane, &now);
}

void admin_limits(struct admin_ask *ask, const Splitrail__Admin__Limits *asked)
{
    if (asked->name[0] != 0) {
        set(ask, asked);
    }
    if (ask->reply.status == ADMIN_STATUS(OK)) {
        show(ask);
    }
}
