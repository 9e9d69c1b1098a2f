#include "router/policy_table.h"

#include "common/mem.h"
#include "router/rights.h"

#include <string.h>

static int compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* Where `name` is, or belongs. */
static size_t place_of(const struct policy_table *table, struct bytes name)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(table->namespaces[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct policy_table *table, size_t place, struct bytes name)
{
    return place < table->count && compare(table->namespaces[place].name, name) == 0;
}

bool policy_table_add(struct policy_table *table, struct bytes name,
                      const struct namespace_policy *policy)
{
    size_t place = place_of(table, name);
    if (is_at(table, place, name)) {
        return false;
    }
    table->namespaces = mem_resize(table->namespaces, table->count + 1, sizeof(*table->namespaces));
    memmove(table->namespaces + place + 1, table->namespaces + place,
            (table->count - place) * sizeof(*table->namespaces));
    table->namespaces[place] =
        (struct policy_namespace){.name = bytes_of(mem_copy(name), name.len), .policy = *policy};
    table->count++;
    return true;
}

struct policy_table policy_table_copy(const struct policy_table *table)
{
    struct policy_table copy = {.fallback = table->fallback};
    if (table->count == 0) {
        return copy;
    }
    copy.namespaces = mem_new(table->count, sizeof(*copy.namespaces));
    copy.count = table->count;
    for (size_t i = 0; i < table->count; i++) {
        copy.namespaces[i] = table->namespaces[i];
        struct bytes name = table->namespaces[i].name;
        copy.namespaces[i].name = bytes_of(mem_copy(name), name.len);
    }
    return copy;
}

void policy_table_fini(struct policy_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        mem_free((void *)(uintptr_t)table->namespaces[i].name.data);
    }
    mem_free(table->namespaces);
    *table = (struct policy_table){.fallback = table->fallback};
}

const struct namespace_policy *policy_table_find(const struct policy_table *table,
                                                 struct bytes room)
{
    const uint8_t *colon = room.len == 0 ? NULL : memchr(room.data, ':', room.len);
    if (colon == NULL || table->count == 0) {
        return &table->fallback;
    }
    struct bytes name = bytes_of(room.data, (size_t)(colon - room.data));
    size_t place = place_of(table, name);
    return is_at(table, place, name) ? &table->namespaces[place].policy : &table->fallback;
}

static bool settle(struct namespace_policy *policy, bool durable)
{
    bool in_vain = policy->class == ROOM_DURABLE && !durable;
    if (in_vain || policy->class == ROOM_CLASS_UNSET) {
        policy->class = durable ? ROOM_DURABLE : ROOM_MEMORY;
    }
    return in_vain;
}

size_t policy_table_settle(struct policy_table *table, bool durable)
{
    size_t in_vain = settle(&table->fallback, durable);
    for (size_t i = 0; i < table->count; i++) {
        in_vain += settle(&table->namespaces[i].policy, durable);
    }
    return in_vain;
}

unsigned policy_rights(const struct namespace_policy *policy)
{
    return (policy->join == PERMISSION_ALLOWED ? RIGHT_JOIN : 0U) |
           (policy->publish == PERMISSION_ALLOWED ? RIGHT_PUBLISH : 0U) |
           (policy->history == PERMISSION_ALLOWED ? RIGHT_HISTORY : 0U) |
           (policy->presence == PERMISSION_ALLOWED ? RIGHT_PRESENCE : 0U);
}
