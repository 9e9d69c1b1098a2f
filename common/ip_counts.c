#include "common/ip_counts.h"

#include "common/mem.h"

#include <assert.h>

struct ip_count {
    struct address key;
    uint64_t count;
};

static struct bytes key_bytes(const struct address *key)
{
    return bytes_of(key->octets, sizeof(key->octets));
}

void ip_counts_init(struct ip_counts *counts, const uint8_t seed[16])
{
    strmap_init(&counts->by_key, seed);
}

void ip_counts_fini(struct ip_counts *counts)
{
    size_t cursor = 0;
    void *entry;
    while ((entry = strmap_next(&counts->by_key, &cursor)) != NULL) {
        mem_free(entry);
    }
    strmap_fini(&counts->by_key);
}

bool ip_counts_take(struct ip_counts *counts, const struct address *address, uint64_t max)
{
    assert(max != 0 && "not called while the limit is off");
    struct address key = address_limit_key(address);
    struct ip_count *entry = strmap_get(&counts->by_key, key_bytes(&key));
    if (entry == NULL) {
        entry = mem_new(1, sizeof(*entry));
        entry->key = key;
        strmap_put(&counts->by_key, key_bytes(&entry->key), entry);
    }
    if (entry->count >= max) {
        return false;
    }
    entry->count++;
    return true;
}

uint64_t ip_counts_of(const struct ip_counts *counts, const struct address *address)
{
    struct address key = address_limit_key(address);
    const struct ip_count *entry = strmap_get(&counts->by_key, key_bytes(&key));
    return entry == NULL ? 0 : entry->count;
}

void ip_counts_release(struct ip_counts *counts, const struct address *address)
{
    struct address key = address_limit_key(address);
    struct ip_count *entry = strmap_get(&counts->by_key, key_bytes(&key));
    assert(entry != NULL && entry->count != 0 && "released more often than taken");
    if (--entry->count == 0) {
        strmap_remove(&counts->by_key, key_bytes(&key));
        mem_free(entry);
    }
}
