/* What an operator decided for rooms, by namespace: the part of a room's name before the first ':'.
 * A pure value; router/policy_file.h reads it from a file. A field is a row of
 * router/policy_file.def and a member here. */
#ifndef ROUTER_POLICY_TABLE_H
#define ROUTER_POLICY_TABLE_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a room's messages are kept. In the order of the choices in policy_file.def. */
enum room_class { ROOM_DURABLE, ROOM_MEMORY, ROOM_EPHEMERAL };

/* Until policy_table_settle: durable when the engine is durable, else memory. */
enum { ROOM_CLASS_UNSET = ROOM_EPHEMERAL + 1 };

/* What happens to whoever reads too slowly: its connection is closed, or deliveries are left out
 * and it is told. In the order of the choices in policy_file.def. */
enum slow_reader { SLOW_READER_DISCONNECT, SLOW_READER_GAP };

/* In the order of the choices in policy_file.def; zero is what is there without a file. */
enum permission { PERMISSION_ALLOWED, PERMISSION_FORBIDDEN };
enum policy_switch { POLICY_ON, POLICY_OFF };

/* Wide integers, so that one row of the reader's table describes each. */
struct namespace_policy {
    int64_t class; /* enum room_class */
    int64_t history_messages;
    int64_t history_age_ms; /* 0 = no limit */
    int64_t slow_reader;    /* enum slow_reader */
    int64_t join;           /* these four: enum permission */
    int64_t publish;
    int64_t history;
    int64_t presence;
    int64_t presence_events; /* enum policy_switch */
    int64_t echo;            /* enum policy_switch */
    int64_t members_max;     /* these: 0 = no limit of its own */
    int64_t payload_max;
    int64_t messages_per_second;
    int64_t user_interval_ms;
};

struct policy_namespace {
    struct bytes name; /* owned by the table */
    struct namespace_policy policy;
};

/* Zeroed but for `fallback` it is a good table without namespaces. */
struct policy_table {
    struct namespace_policy fallback;    /* of names without ':' and of namespaces not listed */
    struct policy_namespace *namespaces; /* sorted by name */
    size_t count;
};

/* One more namespace; `name` is copied. False when it is there already. */
bool policy_table_add(struct policy_table *table, struct bytes name,
                      const struct namespace_policy *policy);

/* A copy that owns its names. */
struct policy_table policy_table_copy(const struct policy_table *table);
void policy_table_fini(struct policy_table *table);

/* Of the room's namespace; never NULL, lives as long as the table is not changed. */
const struct namespace_policy *policy_table_find(const struct policy_table *table,
                                                 struct bytes room);

/* Bits of enum right (router/rights.h) that the policy gives. */
unsigned policy_rights(const struct namespace_policy *policy);

/* Gives every class that is not said its meaning, and makes durable ones memory when there is no
 * durable engine. The number of those that had asked for durable in vain. */
size_t policy_table_settle(struct policy_table *table, bool durable);

#endif
