/* Keeps nothing: an append is finished as soon as it is asked. Completions still come through
 * poll, in order, so that the caller lives under the same contract as with a disk. */
#include "common/mem.h"
#include "router/engine/engine.h"

#include <stddef.h>

struct memory_engine {
    struct engine engine;
    uint64_t incarnation;
    uint64_t *done; /* ids, oldest at `head` */
    size_t head;
    size_t count;
    size_t capacity;
};

static struct memory_engine *memory_of(struct engine *engine)
{
    return (struct memory_engine *)engine;
}

static void memory_close(struct engine **engine)
{
    if (*engine == NULL) {
        return;
    }
    mem_free(memory_of(*engine)->done);
    mem_free(*engine);
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

static void memory_append(struct engine *engine, const struct engine_append *append)
{
    struct memory_engine *memory = memory_of(engine);
    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 16 : memory->capacity * 2;
        uint64_t *done = mem_new(capacity, sizeof(*done));
        for (size_t i = 0; i < memory->count; i++) {
            done[i] = memory->done[(memory->head + i) % memory->capacity];
        }
        mem_free(memory->done);
        memory->done = done;
        memory->head = 0;
        memory->capacity = capacity;
    }
    memory->done[(memory->head + memory->count++) % memory->capacity] = append->id;
}

static bool memory_poll(struct engine *engine, struct engine_completion *ret_completion)
{
    struct memory_engine *memory = memory_of(engine);
    if (memory->count == 0) {
        return false;
    }
    *ret_completion =
        (struct engine_completion){.id = memory->done[memory->head], .result = ENGINE_OK};
    memory->head = (memory->head + 1) % memory->capacity;
    memory->count--;
    return true;
}

static const struct engine_ops memory_ops = {
    .close = memory_close,
    .incarnation = memory_incarnation,
    .durable = memory_durable,
    .append = memory_append,
    .poll = memory_poll,
};

struct engine *engine_memory_new(uint64_t incarnation)
{
    struct memory_engine *memory = mem_new(1, sizeof(*memory));
    memory->engine.ops = &memory_ops;
    memory->incarnation = incarnation;
    return &memory->engine;
}
