/* What happened, as a hash (always) and as lines of text (when asked for): virtual time at the left, who, what. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "world.h"

#include <stdio.h>

enum { SIM_WHO_BROKER = 0, SIM_WHO_WORKER = 16, SIM_WHO_CLIENT = 32, SIM_WHO_REDIS = 48, SIM_WHO_WORLD = 49 };

struct sim_trace {
    uint64_t hash;
    bool text;          /* lines are made */
    bool heartbeats;    /* also those of heartbeats, ticks and reads */
    FILE *file;         /* lines go here, or NULL: */
    struct sl_buf *tail; /* the newest lines are kept here, at most tail_max bytes */
    size_t tail_max;
};

static inline void sim_trace_mix(struct sim_trace *trace, uint64_t value) {
    trace->hash = (trace->hash ^ value) * 0x9e3779b97f4a7c15u;
    trace->hash ^= trace->hash >> 29;
}

/* One line: `indent` steps for what follows from something else. */
void sim_trace_line(struct sim_world *world, unsigned who, unsigned indent, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes (time, who, a, b) in the hash, and the text when lines are made. */
#define SIM_TRACE(world, who, indent, a, b, ...)                                                                       \
    do {                                                                                                               \
        struct sim_trace *trace_ = (world)->trace;                                                                     \
        sim_trace_mix(trace_, (world)->now);                                                                           \
        sim_trace_mix(trace_, ((uint64_t)(who) << 32) ^ (uint64_t)(a));                                                \
        sim_trace_mix(trace_, (uint64_t)(b));                                                                          \
        if (trace_->text) sim_trace_line(world, who, indent, __VA_ARGS__);                                             \
    } while (0)

/* As SIM_TRACE, for what would drown the rest: the text comes with `heartbeats` only. */
#define SIM_TRACE_QUIET(world, who, indent, a, b, ...)                                                                 \
    do {                                                                                                               \
        struct sim_trace *trace_ = (world)->trace;                                                                     \
        sim_trace_mix(trace_, (world)->now);                                                                           \
        sim_trace_mix(trace_, ((uint64_t)(who) << 32) ^ (uint64_t)(a));                                                \
        sim_trace_mix(trace_, (uint64_t)(b));                                                                          \
        if (trace_->text && trace_->heartbeats) sim_trace_line(world, who, indent, __VA_ARGS__);                       \
    } while (0)

/* Texts for lines; each call uses one of a few static buffers. */
const char *sim_job_text(struct sim_world *world, struct sl_job_id id);
const char *sim_token_text(struct sim_world *world, const struct sl_token *token);
const char *sim_effect_text(struct sim_world *world, const struct sl_effect *effect);
const char *sim_event_text(struct sim_world *world, const struct sl_event *event);
const char *sim_call_text(struct sim_world *world, const struct sl_ledger_call *call);
const char *sim_reply_text(const struct sl_ledger_reply *reply);

#endif
