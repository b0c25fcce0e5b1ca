/* What happens next: a binary heap by (time, sequence), and the clocks that nodes see instead of it. */
#include "world.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_before(const struct sim_item *a, const struct sim_item *b) {
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void grow(struct sim_world *world, struct sim_queue *queue) {
    uint32_t capacity = queue->capacity ? queue->capacity * 2 : 1024;
    struct sim_item *items = sim_arena_take(world->arena, capacity * sizeof *items);
    if (queue->count) memcpy(items, queue->items, queue->count * sizeof *items);
    queue->items = items;
    queue->capacity = capacity;
}

void sim_at(struct sim_world *world, uint64_t at, enum sim_what what, uint32_t node, uint32_t sub, uint32_t life,
            void *data) {
    struct sim_queue *queue = &world->queue;
    SL_ASSERT(at >= world->now);
    if (queue->count == queue->capacity) grow(world, queue);
    struct sim_item item = {.at = at, .sequence = queue->next_sequence++, .what = (uint8_t)what,
                            .node = (uint8_t)node, .sub = (uint8_t)sub, .life = life, .data = data};
    uint32_t place = queue->count++;
    while (place && is_before(&item, &queue->items[(place - 1) / 2])) {
        queue->items[place] = queue->items[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    queue->items[place] = item;
}

bool sim_queue_pop(struct sim_queue *queue, struct sim_item *out_item) {
    if (queue->count == 0) return false;
    *out_item = queue->items[0];
    struct sim_item last = queue->items[--queue->count];
    uint32_t place = 0;
    for (;;) {
        uint32_t child = place * 2 + 1;
        if (child >= queue->count) break;
        if (child + 1 < queue->count && is_before(&queue->items[child + 1], &queue->items[child])) child++;
        if (!is_before(&queue->items[child], &last)) break;
        queue->items[place] = queue->items[child];
        place = child;
    }
    queue->items[place] = last;
    return true;
}

void sim_clock_init(struct sim_clock *clock, struct sim_world *world) {
    int64_t max = world->plan.clock_ppm_max;
    clock->born = world->now;
    clock->base = SIM_SECOND + sl_rng_below(sim_rng(world, SIM_RNG_CLOCK), 1000 * SIM_SECOND);
    clock->ppm = (int64_t)sim_between(world, SIM_RNG_CLOCK, 0, (uint64_t)max * 2) - max;
}

uint64_t sim_clock_when(const struct sim_clock *clock, uint64_t local) {
    if (local <= clock->base) return clock->born;
    uint64_t lived = local - clock->base;
    uint64_t rate = (uint64_t)(1000000 + clock->ppm);
    uint64_t real = clock->born + lived / rate * 1000000 + lived % rate * 1000000 / rate;
    while (sim_clock_now(clock, real) < local) real += SIM_US;
    return real;
}

struct sl_incarnation sim_incarnation(struct sim_world *world) {
    struct sl_incarnation incarnation;
    for (int i = 0; i < 16; i += 8) {
        uint64_t word = sl_rng_next(sim_rng(world, SIM_RNG_CORE)) | 1;
        memcpy(incarnation.bytes + i, &word, 8);
    }
    return incarnation;
}

void sim_violated(struct sim_world *world, const char *name, const char *format, ...) {
    va_list arguments;
    if (sim_is_violated(world)) return;
    snprintf(world->violation, sizeof world->violation, "%s", name);
    va_start(arguments, format);
    vsnprintf(world->why, sizeof world->why, format, arguments);
    va_end(arguments);
}
