#include "router/policy.h"

/* One message above a burst may take longer to be paid back, but nobody is locked out on the word
 * of an edge. */
enum { LOGS_REFILL_S = 60, NS_PER_MS = 1000000, HALF_MS = 500, SPENT_MS_MAX = 60000 };

/* Its earlier messages may have been counted by a router that is gone. What its edge held for us is
 * older than that moment, and judged by itself: a burst that was allowed once is not refused for
 * being sent again. */
static void halve(struct policy_rates *rates, uint64_t at_ms)
{
    uint64_t from_ms = rates->half_ms == UINT64_MAX ? at_ms : rates->half_ms;
    gcra_half(&rates->messages, from_ms * 1000);
    gcra_half(&rates->bytes, from_ms * 1000);
    gcra_half(&rates->joins, from_ms * 1000);
    rates->half_ms = 0;
}

/* Messages that were long on their way are judged by when they came to their edge. */
enum { QUIET_MARGIN_MS = 2000 };

static void not_quiet_before(struct policy_rates *rates, uint64_t ms)
{
    rates->quiet_ms = rates->quiet_ms < ms ? ms : rates->quiet_ms;
}

void policy_charged(struct policy_rates *rates, uint64_t at_ms, uint64_t now_ms)
{
    uint64_t tat_ns = rates->messages.tat_ns;
    tat_ns = rates->bytes.tat_ns > tat_ns ? rates->bytes.tat_ns : tat_ns;
    tat_ns = rates->joins.tat_ns > tat_ns ? rates->joins.tat_ns : tat_ns;
    uint64_t full_ms = tat_ns / 1000000 + 1;
    uint64_t left_ms = full_ms > at_ms ? full_ms - at_ms : 0;
    not_quiet_before(rates, now_ms + left_ms + QUIET_MARGIN_MS);
}

void policy_half(struct policy_rates *rates, uint64_t at_ms, uint64_t now_ms)
{
    rates->half_ms = at_ms;
    not_quiet_before(rates, now_ms + 1000 + QUIET_MARGIN_MS); /* a burst is one second's worth */
}

bool policy_quiet(const struct policy_rates *rates, uint64_t now_ms)
{
    return rates->half_ms != UINT64_MAX && rates->quiet_ms <= now_ms;
}

static enum policy_verdict admit_connection(struct policy_rates *rates,
                                            const struct core_config *config,
                                            const struct policy_message *message,
                                            uint64_t *ret_retry_ms)
{
    const struct core_rates *limits = &config->rates;
    uint64_t now_us = message->at_ms * 1000;
    if (rates->half_ms == UINT64_MAX || (rates->half_ms != 0 && message->at_ms >= rates->half_ms)) {
        halve(rates, message->at_ms);
    }
    if (!gcra_take(&rates->messages, limits->messages_per_second, 1, now_us, ret_retry_ms)) {
        return POLICY_MESSAGES;
    }
    if (!gcra_take(&rates->bytes, limits->bytes_per_second, message->wire_bytes, now_us,
                   ret_retry_ms)) {
        return POLICY_BYTES;
    }
    if (message->join &&
        !gcra_take(&rates->joins, limits->joins_per_second, 1, now_us, ret_retry_ms)) {
        return POLICY_JOINS;
    }
    return POLICY_OK;
}

static enum policy_verdict admit_user(struct policy_user *user, const struct core_config *config,
                                      const struct policy_message *message, uint64_t *ret_retry_ms)
{
    const struct core_rates *limits = &config->rates;
    struct gcra messages = user->messages;
    user->at_ms = message->ours_ms > user->at_ms ? message->ours_ms : user->at_ms;
    uint64_t now_us = user->at_ms * 1000;
    if (!gcra_take(&user->messages, limits->user_messages_per_second, 1, now_us, ret_retry_ms)) {
        return POLICY_USER_MESSAGES;
    }
    if (!gcra_take(&user->bytes, limits->user_bytes_per_second, message->wire_bytes, now_us,
                   ret_retry_ms)) {
        user->messages = messages;
        return POLICY_USER_BYTES;
    }
    return POLICY_OK;
}

enum policy_verdict policy_admit(struct policy_rates *rates, struct policy_user *user,
                                 const struct core_config *config,
                                 const struct policy_message *message, uint64_t *ret_retry_ms)
{
    enum policy_verdict verdict = admit_connection(rates, config, message, ret_retry_ms);
    return verdict != POLICY_OK || user == NULL ? verdict
                                                : admit_user(user, config, message, ret_retry_ms);
}

bool policy_has_user_limits(const struct core_config *config)
{
    return config->rates.user_messages_per_second != 0 || config->rates.user_bytes_per_second != 0;
}

void policy_user_init_told(struct policy_user *user, uint64_t at_ms)
{
    gcra_half(&user->logs, at_ms * 1000 / LOGS_REFILL_S);
}

void policy_user_init(struct policy_user *user, uint64_t at_ms)
{
    policy_user_init_told(user, at_ms);
    gcra_half(&user->messages, at_ms * 1000);
    gcra_half(&user->bytes, at_ms * 1000);
    user->messages_base_ns = user->messages.tat_ns;
    user->bytes_base_ns = user->bytes.tat_ns;
}

static uint64_t left_ms(const struct gcra *gcra, uint64_t now_ms)
{
    uint64_t now_ns = now_ms * NS_PER_MS;
    return gcra->tat_ns > now_ns ? (gcra->tat_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

bool policy_user_spent(const struct policy_user *user, uint64_t now_ms, uint64_t *ret_messages_ms,
                       uint64_t *ret_bytes_ms)
{
    *ret_messages_ms = left_ms(&user->messages, now_ms);
    *ret_bytes_ms = left_ms(&user->bytes, now_ms);
    return *ret_messages_ms > HALF_MS || *ret_bytes_ms > HALF_MS;
}

static void raise_to(struct gcra *gcra, uint64_t *base_ns, uint64_t now_ms, uint64_t for_ms)
{
    uint64_t told_ns = (now_ms + (for_ms < SPENT_MS_MAX ? for_ms : SPENT_MS_MAX)) * NS_PER_MS;
    if (for_ms != 0 && told_ns > *base_ns) {
        gcra->tat_ns += told_ns - *base_ns;
        *base_ns = told_ns;
    }
}

void policy_user_spent_before(struct policy_user *user, uint64_t now_ms, uint64_t messages_ms,
                              uint64_t bytes_ms)
{
    raise_to(&user->messages, &user->messages_base_ns, now_ms, messages_ms);
    raise_to(&user->bytes, &user->bytes_base_ns, now_ms, bytes_ms);
}

/* As with refusals below: a minute of gcra's time is a second. */
bool policy_user_begins(struct policy_user *user, const struct core_config *config, uint64_t now_ms,
                        uint64_t *ret_retry_ms)
{
    bool may = gcra_take(&user->logs, config->rates.user_logs_per_minute, 1,
                         now_ms * 1000 / LOGS_REFILL_S, ret_retry_ms);
    *ret_retry_ms *= LOGS_REFILL_S;
    return may;
}

/* Refusals are paid back at a tenth of the burst in a second, so the bucket holds ten seconds'
 * worth; gcra holds one, hence the units. */
bool policy_forgives(struct policy_rates *rates, const struct core_config *config, uint64_t now_ms)
{
    enum { REFILL_S = 10 };
    uint64_t retry_ms = 0;
    bool forgiven = config->denials_max == 0 || gcra_take(&rates->denials, config->denials_max, 1,
                                                          now_ms * 1000 / REFILL_S, &retry_ms);
    not_quiet_before(rates, rates->denials.tat_ns / 1000000 * REFILL_S + REFILL_S);
    return forgiven;
}

bool policy_may_recover(const struct policy_rates *rates, const struct core_config *config,
                        uint64_t now_ms, uint64_t *ret_retry_ms)
{
    uint64_t until_ms = now_ms + RECOVERY_AHEAD_MS;
    if (config->rates.bytes_per_second == 0 || rates->recovered_ms <= until_ms) {
        return true;
    }
    *ret_retry_ms = rates->recovered_ms - until_ms;
    return false;
}

void policy_recovered(struct policy_rates *rates, const struct core_config *config, uint64_t bytes,
                      uint64_t now_ms)
{
    if (config->rates.bytes_per_second != 0) {
        uint64_t from_ms = rates->recovered_ms > now_ms ? rates->recovered_ms : now_ms;
        rates->recovered_ms = from_ms + bytes * 1000 / config->rates.bytes_per_second;
        not_quiet_before(rates, rates->recovered_ms);
    }
}
