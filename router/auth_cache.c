#include "router/auth_cache.h"

#include "common/mem.h"
#include "common/strmap.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum { HASH_BYTES = 32 };

struct entry {
    struct entry *older;
    struct entry *newer;
    uint8_t hash[HASH_BYTES];
    uint64_t expires_at_ms;
    size_t user_len;
    size_t rights_len;
    uint8_t strings[]; /* user, rights */
};

struct auth_cache {
    struct strmap by_hash;
    struct entry *oldest;
    struct entry *newest;
    size_t entries_max;
};

struct auth_cache *auth_cache_new(size_t entries_max, const uint8_t seed[16])
{
    struct auth_cache *cache = mem_new(1, sizeof(*cache));
    strmap_init(&cache->by_hash, seed);
    cache->entries_max = entries_max;
    return cache;
}

static void unlink_entry(struct auth_cache *cache, struct entry *entry)
{
    *(entry->older == NULL ? &cache->oldest : &entry->older->newer) = entry->newer;
    *(entry->newer == NULL ? &cache->newest : &entry->newer->older) = entry->older;
}

static void link_newest(struct auth_cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    entry->newer = NULL;
    *(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = entry;
    cache->newest = entry;
}

static void forget(struct auth_cache *cache, struct entry *entry)
{
    strmap_remove(&cache->by_hash, bytes_of(entry->hash, HASH_BYTES));
    unlink_entry(cache, entry);
    mem_free(entry);
}

void auth_cache_clear(struct auth_cache *cache)
{
    while (cache->oldest != NULL) {
        forget(cache, cache->oldest);
    }
}

void auth_cache_free(struct auth_cache **cache)
{
    struct auth_cache *self = *cache;
    *cache = NULL;
    if (self != NULL) {
        auth_cache_clear(self);
        strmap_fini(&self->by_hash);
        mem_free(self);
    }
}

static void hash_token(struct bytes token, uint8_t hash[HASH_BYTES])
{
    unsigned len = 0;
    int done = EVP_Digest(token.data, token.len, hash, &len, EVP_sha256(), NULL);
    assert(done == 1 && len == HASH_BYTES);
}

bool auth_cache_find(struct auth_cache *cache, struct bytes token, uint64_t wall_ms,
                     struct auth_verdict *ret_verdict)
{
    uint8_t hash[HASH_BYTES];
    if (cache->oldest == NULL) {
        return false;
    }
    hash_token(token, hash);
    struct entry *entry = strmap_get(&cache->by_hash, bytes_of(hash, HASH_BYTES));
    if (entry == NULL) {
        return false;
    }
    if (entry->expires_at_ms != 0 && wall_ms >= entry->expires_at_ms) {
        forget(cache, entry);
        return false; /* who checks it now says why it is refused */
    }
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    *ret_verdict = (struct auth_verdict){
        .ok = true,
        .user = bytes_of(entry->strings, entry->user_len),
        .rights = bytes_of(entry->strings + entry->user_len, entry->rights_len),
        .expires_at_ms = entry->expires_at_ms};
    return true;
}

void auth_cache_add(struct auth_cache *cache, struct bytes token,
                    const struct auth_verdict *verdict)
{
    assert(verdict->ok);
    if (cache->entries_max == 0) {
        return;
    }
    struct entry *entry = mem_new(1, sizeof(*entry) + verdict->user.len + verdict->rights.len);
    hash_token(token, entry->hash);
    entry->expires_at_ms = verdict->expires_at_ms;
    entry->user_len = verdict->user.len;
    memcpy(entry->strings, verdict->user.data, verdict->user.len);
    entry->rights_len = verdict->rights.len;
    if (verdict->rights.len != 0) {
        memcpy(entry->strings + entry->user_len, verdict->rights.data, verdict->rights.len);
    }
    struct entry *old = strmap_get(&cache->by_hash, bytes_of(entry->hash, HASH_BYTES));
    if (old != NULL) {
        forget(cache, old);
    } else if (cache->by_hash.count == cache->entries_max) {
        forget(cache, cache->oldest);
    }
    strmap_put(&cache->by_hash, bytes_of(entry->hash, HASH_BYTES), entry);
    link_newest(cache, entry);
}

size_t auth_cache_count(const struct auth_cache *cache)
{
    return cache->by_hash.count;
}
