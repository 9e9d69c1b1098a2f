/* Sums of a 64-bit hash: unlike XOR they also tell a pair that is held twice. */
#include "common/digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static uint64_t hash_of(struct bytes in)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "splitrail digest";
    uint8_t out[crypto_shorthash_BYTES];
    (void)crypto_shorthash(out, in.data, in.len, key);
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof(out); i++) { /* the ends may be of different byte orders */
        hash |= (uint64_t)out[i] << (i * 8);
    }
    return hash;
}

uint64_t digest_item(uint32_t slot, uint32_t gen, uint64_t group)
{
    uint8_t in[16];
    uint64_t words[2] = {(uint64_t)slot << 32 | gen, group};
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
    }
    return hash_of(bytes_of(in, sizeof(in)));
}

uint64_t digest_name(struct bytes name)
{
    return hash_of(name);
}

void digest_touch(struct digest *digest, uint32_t slot)
{
    digest->touched |= digest_bit(slot);
}

void digest_add(struct digest *digest, uint32_t slot, uint64_t item)
{
    digest->sums[digest_bucket(slot)] += item;
    digest_touch(digest, slot);
}

void digest_remove(struct digest *digest, uint32_t slot, uint64_t item)
{
    digest->sums[digest_bucket(slot)] -= item;
    digest_touch(digest, slot);
}

void digest_settle(struct digest *digest, uint32_t slot, bool settled)
{
    uint32_t *count = &digest->unsettled[digest_bucket(slot)];
    assert(!settled || *count != 0);
    *count = settled ? *count - 1 : *count + 1;
    digest_touch(digest, slot);
}

uint64_t digest_unsettled(const struct digest *digest)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < DIGEST_BUCKETS; i++) {
        mask |= (uint64_t)(digest->unsettled[i] != 0) << i;
    }
    return mask;
}

uint32_t digest_count(uint64_t mask)
{
    uint32_t count = 0;
    for (; mask != 0; mask &= mask - 1) {
        count++;
    }
    return count;
}

uint32_t digest_first(uint64_t mask)
{
    uint32_t bucket = 0;
    assert(mask != 0);
    while ((mask >> bucket & 1) == 0) {
        bucket++;
    }
    return bucket;
}
