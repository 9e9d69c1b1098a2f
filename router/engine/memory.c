/* Keeps no messages: an append is finished as soon as it is asked, a load finds nothing. Values
 * live as long as the process. Completions still come through poll, in order, so that the caller
 * lives under the same contract as with a disk. */
#include "common/mem.h"
#include "router/engine/engine.h"

#include <stddef.h>

struct memory_value {
    struct memory_value *next;
    struct bytes table;
    struct bytes key;
    struct bytes value;
};

struct memory_done {
    uint64_t id;
    enum engine_what what;
};

struct memory_engine {
    struct engine engine;
    uint64_t incarnation;
    struct memory_done *done; /* ring, oldest at `head` */
    size_t head;
    size_t count;
    size_t capacity;
    uint64_t appends;
    struct memory_value *values; /* few: bans, not users */
};

static struct memory_engine *memory_of(struct engine *engine)
{
    return (struct memory_engine *)engine;
}

static void free_value(struct memory_value *value)
{
    mem_free((void *)(uintptr_t)value->table.data);
    mem_free((void *)(uintptr_t)value->key.data);
    mem_free((void *)(uintptr_t)value->value.data);
    mem_free(value);
}

static void memory_close(struct engine **engine)
{
    if (*engine == NULL) {
        return;
    }
    struct memory_engine *memory = memory_of(*engine);
    while (memory->values != NULL) {
        struct memory_value *value = memory->values;
        memory->values = value->next;
        free_value(value);
    }
    mem_free(memory->done);
    mem_free(memory);
    *engine = NULL;
}

static uint64_t memory_incarnation(const struct engine *engine)
{
    return ((const struct memory_engine *)engine)->incarnation;
}

static bool memory_durable(const struct engine *engine)
{
    (void)engine;
    return false;
}

static void finish(struct memory_engine *memory, uint64_t id, enum engine_what what)
{
    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 16 : memory->capacity * 2;
        struct memory_done *done = mem_new(capacity, sizeof(*done));
        for (size_t i = 0; i < memory->count; i++) {
            done[i] = memory->done[(memory->head + i) % memory->capacity];
        }
        mem_free(memory->done);
        memory->done = done;
        memory->head = 0;
        memory->capacity = capacity;
    }
    memory->done[(memory->head + memory->count++) % memory->capacity] =
        (struct memory_done){id, what};
}

static void memory_append(struct engine *engine, const struct engine_append *append)
{
    memory_of(engine)->appends++;
    finish(memory_of(engine), append->id, ENGINE_APPENDED);
}

static void memory_load(struct engine *engine, const struct engine_load *load)
{
    finish(memory_of(engine), load->id, ENGINE_LOADED);
}

static bool memory_poll(struct engine *engine, struct engine_completion *ret_completion)
{
    struct memory_engine *memory = memory_of(engine);
    if (memory->count == 0) {
        return false;
    }
    struct memory_done done = memory->done[memory->head];
    *ret_completion =
        (struct engine_completion){.id = done.id, .what = done.what, .result = ENGINE_OK};
    memory->head = (memory->head + 1) % memory->capacity;
    memory->count--;
    return true;
}

static int memory_fd(const struct engine *engine)
{
    (void)engine;
    return -1;
}

static void forget_value(struct memory_engine *memory, const struct engine_value *value)
{
    struct memory_value **at = &memory->values;
    while (*at != NULL) {
        struct memory_value *found = *at;
        if (bytes_equal(found->table, value->table) && bytes_equal(found->key, value->key)) {
            *at = found->next;
            free_value(found);
            return;
        }
        at = &found->next;
    }
}

static struct bytes keep(struct bytes bytes)
{
    return bytes_of(mem_copy(bytes), bytes.len);
}

static void memory_put(struct engine *engine, const struct engine_value *value)
{
    struct memory_engine *memory = memory_of(engine);
    forget_value(memory, value);
    if (value->value.data == NULL) {
        return;
    }
    struct memory_value *kept = mem_new(1, sizeof(*kept));
    *kept = (struct memory_value){memory->values, keep(value->table), keep(value->key),
                                  keep(value->value)};
    memory->values = kept;
}

static void memory_values(struct engine *engine, struct bytes table,
                          void (*each)(void *owner, const struct engine_value *value), void *owner)
{
    for (const struct memory_value *value = memory_of(engine)->values; value != NULL;
         value = value->next) {
        if (bytes_equal(value->table, table)) {
            each(owner, &(struct engine_value){value->table, value->key, value->value});
        }
    }
}

static void memory_stats(const struct engine *engine, struct engine_stats *ret_stats)
{
    const struct memory_engine *memory = (const struct memory_engine *)engine;
    *ret_stats = (struct engine_stats){.appends = memory->appends, .waiting = memory->count};
}

static const struct engine_ops memory_ops = {
    .close = memory_close,
    .incarnation = memory_incarnation,
    .durable = memory_durable,
    .append = memory_append,
    .load = memory_load,
    .poll = memory_poll,
    .fd = memory_fd,
    .put = memory_put,
    .values = memory_values,
    .stats = memory_stats,
};

struct engine *engine_memory_new(uint64_t incarnation)
{
    struct memory_engine *memory = mem_new(1, sizeof(*memory));
    memory->engine.ops = &memory_ops;
    memory->incarnation = incarnation;
    return &memory->engine;
}
