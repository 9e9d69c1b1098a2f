#include "common/spares.h"

#include "common/mem.h"

#include <assert.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KEEPS = 0 };
#else
enum { KEEPS = 1 };
#endif

enum { STEPS_LOG = 3, SMALLEST_LOG = 6, SMALLEST = 1 << SMALLEST_LOG };

struct spare {
    struct spare *next;
};

_Static_assert(SPARES_CLASSES == ((18 - SMALLEST_LOG) << STEPS_LOG) + 1 &&
                   SPARES_BLOCK_MAX == 1 << 18,
               "a class for each step up to the largest block");

bool spares_keeps(void)
{
    return KEEPS != 0;
}

static bool is_kept(size_t size)
{
    return KEEPS != 0 && size <= SPARES_BLOCK_MAX;
}

/* The smallest class that holds `size`, and its own size. */
static size_t class_of(size_t size, size_t *ret_size)
{
    if (size <= SMALLEST) {
        *ret_size = SMALLEST;
        return 0;
    }
    unsigned log = 63U - (unsigned)__builtin_clzll(size - 1);
    unsigned shift = log - STEPS_LOG;
    size_t steps = ((size - 1) >> shift) + 1; /* 9 to 16 */
    *ret_size = steps << shift;
    return ((size_t)(log - SMALLEST_LOG) << STEPS_LOG) + steps - ((size_t)1 << STEPS_LOG);
}

static size_t size_of_class(size_t class)
{
    size_t steps = (class & ((1U << STEPS_LOG) - 1)) + (1U << STEPS_LOG);
    return steps << (SMALLEST_LOG - STEPS_LOG + (class >> STEPS_LOG));
}

void spares_init(struct spares *spares, size_t bytes_max)
{
    *spares = (struct spares){.bytes_max = bytes_max};
}

void spares_fini(struct spares *spares)
{
    spares_trim(spares);
}

void spares_trim(struct spares *spares)
{
    for (size_t i = 0; i < SPARES_CLASSES; i++) {
        while (spares->free[i] != NULL) {
            struct spare *spare = spares->free[i];
            spares->free[i] = spare->next;
            mem_free(spare);
        }
    }
    spares->bytes = 0;
}

/* One block of each other class, round and round, until `size` bytes are free. */
static bool make_room(struct spares *spares, size_t size, size_t class)
{
    size_t passed = 0;
    if (size > spares->bytes_max) {
        return false;
    }
    while (spares->bytes_max - spares->bytes < size && passed++ < SPARES_CLASSES) {
        spares->hand = (spares->hand + 1) % SPARES_CLASSES;
        struct spare *spare = spares->free[spares->hand];
        if (spares->hand != class && spare != NULL) {
            spares->free[spares->hand] = spare->next;
            spares->bytes -= size_of_class(spares->hand);
            mem_free(spare);
            passed = 0;
        }
    }
    return spares->bytes_max - spares->bytes >= size;
}

void *spares_take(struct spares *spares, size_t size)
{
    if (!is_kept(size)) {
        return mem_resize(NULL, size, 1);
    }
    size_t whole = 0;
    size_t class = class_of(size, &whole);
    struct spare *spare = spares == NULL ? NULL : spares->free[class];
    if (spare == NULL) {
        return mem_resize(NULL, whole, 1);
    }
    assert(spares->bytes >= whole);
    spares->free[class] = spare->next;
    spares->bytes -= whole;
    return spare;
}

void spares_give(struct spares *spares, void *ptr, size_t size)
{
    size_t whole = 0;
    size_t class = is_kept(size) ? class_of(size, &whole) : 0;
    if (ptr == NULL || whole == 0 || spares == NULL || !make_room(spares, whole, class)) {
        mem_free(ptr);
        return;
    }
    struct spare *spare = ptr;
    spare->next = spares->free[class];
    spares->free[class] = spare;
    spares->bytes += whole;
}
