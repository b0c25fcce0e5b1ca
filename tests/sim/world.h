/* The simulated world: one thread, virtual time, one heap of what happens next. Every part acts only when an item of the heap is
 * for it, and whatever it does to another part is a further item. Read main.c and run.c first. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "core/sched.h"
#include "plan.h"
#include "shapes.h"

#include <setjmp.h>

enum { SIM_US = 1000, SIM_MS = 1000000 };
#define SIM_SECOND 1000000000ull

/* Separate streams of chance, so that taking one kind of fault away does not move the others. */
enum sim_stream { SIM_RNG_NETWORK, SIM_RNG_CRASH, SIM_RNG_LEDGER, SIM_RNG_CLOCK, SIM_RNG_WORK, SIM_RNG_CORE, SIM_RNG_QUESTION, SIM_RNG_COUNT };

enum sim_what {
    SIM_BROKER_START,
    SIM_BROKER_EVENT,   /* data: struct sim_message with an event */
    SIM_BROKER_FLUSH,
    SIM_BROKER_TICK,
    SIM_BROKER_REPLY,   /* data: struct sim_message with a reply; sub: connection */
    SIM_BROKER_CATALOG, /* the broker is told all pipelines */
    SIM_LINK_UP,        /* broker's connections to Redis */
    SIM_LINK_DOWN,
    SIM_LINK_DEADLINE,
    SIM_REDIS_START,
    SIM_REDIS_CALL,     /* data: struct sim_message with a call */
    SIM_REDIS_SYNC,
    SIM_WORKER_START,
    SIM_WORKER_MESSAGE, /* data: struct sim_message with an effect; sub: broker */
    SIM_WORKER_TICK,    /* sub: broker */
    SIM_WORKER_CONNECTED,
    SIM_HOST_READY,     /* data: struct sim_host */
    SIM_HOST_DONE,
    SIM_HOST_DIED,
    SIM_HOST_FIELD,
    SIM_HOST_RECLAIMED,
    SIM_CLIENT_MESSAGE, /* data: struct sim_message with an effect; sub: broker */
    SIM_CLIENT_TICK,
    SIM_FAULT,
    SIM_PRESSURE_OFF,
    SIM_SCRIPT,         /* data: a story's function */
    SIM_WHAT_COUNT
};

struct sim_item {
    uint64_t at, sequence;
    void *data;
    uint32_t life; /* of the node that it is for; an older life's items are dropped */
    uint8_t what, node, sub;
};

struct sim_queue {
    struct sim_item *items;
    uint32_t count, capacity;
    uint64_t next_sequence;
};

struct sim_broker;
struct sim_redis;
struct sim_worker;
struct sim_client;
struct sim_oracle;
struct sim_trace;
struct sim_network;

struct sim_world {
    struct sim_plan plan;
    struct sim_arena *arena;
    const struct sl_alloc *alloc; /* of the cores: may fail */
    const struct sl_alloc *sure;  /* of the rest */
    uint64_t now;                 /* virtual ns */
    uint64_t steps;               /* items that were handled */
    struct sim_queue queue;
    struct sl_rng rng[SIM_RNG_COUNT];
    uint64_t hash_seed;
    unsigned bug;                 /* planted, 0: none */
    bool calm;                    /* the liveness phase: no more faults */
    uint32_t faults_done;
    struct sim_network *network;
    struct sim_broker *brokers[SIM_BROKERS_MAX];
    struct sim_worker *workers[SIM_WORKERS_MAX];
    struct sim_client *clients[SIM_CLIENTS_MAX];
    struct sim_redis *redis;
    struct sim_oracle *oracle;
    struct sim_trace *trace;

    char violation[16];  /* name of the broken invariant; empty: none */
    char why[512];
    jmp_buf *escape;     /* where a broken assertion of the code under test goes */
};

/* The clock of a node: its own start, its own rate. */
struct sim_clock {
    uint64_t born, base;
    int64_t ppm;
};

static inline uint64_t sim_clock_now(const struct sim_clock *clock, uint64_t now) {
    int64_t lived = (int64_t)(now - clock->born);
    return clock->base + (uint64_t)(lived + lived * clock->ppm / 1000000);
}

/* The virtual time at which the clock will show `local` (rounded up). */
uint64_t sim_clock_when(const struct sim_clock *clock, uint64_t local);
void sim_clock_init(struct sim_clock *clock, struct sim_world *world);

/* queue.c */
void sim_at(struct sim_world *world, uint64_t at, enum sim_what what, uint32_t node, uint32_t sub, uint32_t life,
            void *data);
bool sim_queue_pop(struct sim_queue *queue, struct sim_item *out_item);

/* Notes a broken invariant; the first one counts, and the run ends. */
void sim_violated(struct sim_world *world, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool sim_is_violated(const struct sim_world *world) {
    return world->violation[0] != 0;
}

static inline struct sl_rng *sim_rng(struct sim_world *world, enum sim_stream stream) {
    return &world->rng[stream];
}
static inline uint64_t sim_between(struct sim_world *world, enum sim_stream stream, uint64_t low, uint64_t high) {
    return high <= low ? low : low + sl_rng_below(&world->rng[stream], high - low + 1);
}
static inline bool sim_chance(struct sim_world *world, enum sim_stream stream, uint32_t ppm) {
    return ppm && sl_rng_below(&world->rng[stream], 1000000) < ppm;
}
struct sl_incarnation sim_incarnation(struct sim_world *world);

#endif
