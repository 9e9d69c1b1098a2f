#include "common/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of the whole process, as the allocator is; threads of ours allocate too. */
static atomic_uint_fast64_t allocations;

static void count_one(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

uint64_t mem_allocations(void)
{
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}

void *mem_try_new(size_t count, size_t size)
{
    count_one();
    return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *mem_new(size_t count, size_t size)
{
    void *ptr = mem_try_new(count, size);
    if (ptr == NULL) {
        abort();
    }
    return ptr;
}

void *mem_resize(void *ptr, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        abort();
    }
    size_t total = count * size;
    count_one();
    void *grown = realloc(ptr, total == 0 ? 1 : total);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

void *mem_copy(struct bytes src)
{
    void *copy = mem_resize(NULL, src.len, 1);
    if (src.len != 0) {
        memcpy(copy, src.data, src.len);
    }
    return copy;
}

char *mem_copy_str(struct bytes src)
{
    char *copy = mem_resize(NULL, src.len + 1, 1);
    if (src.len != 0) {
        memcpy(copy, src.data, src.len);
    }
    copy[src.len] = '\0';
    return copy;
}

void mem_free(void *ptr)
{
    free(ptr);
}

/* Read anew at each call, so nobody can know that it is memset. */
static void *(*const volatile set_bytes)(void *, int, size_t) = memset;

void mem_wipe(void *ptr, size_t len)
{
    if (len != 0) {
        set_bytes(ptr, 0, len);
    }
}
