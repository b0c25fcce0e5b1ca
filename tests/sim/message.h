/* What travels between the parts: deep copies of the structs that the cores give and take. */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include "world.h"

struct sim_message {
    uint64_t peer;      /* the connection's handle, as the broker knows it */
    uint64_t generation; /* calls and replies: of the connection to Redis */
    uint8_t broker;
    uint8_t connection; /* calls and replies: 0 writes, 1 reads */
    struct sim_message *next; /* calls that Redis has performed and not synced */
    struct sim_message *reply;
    union {
        struct sl_event event;
        struct sl_effect effect;
        struct sl_ledger_call call;
    };
    struct sl_ledger_reply answer;
};

/* A copy of bytes in the world's memory. */
struct sl_bytes sim_bytes(struct sim_world *world, struct sl_bytes bytes);
void *sim_copy(struct sim_world *world, const void *data, size_t size);

struct sim_message *sim_message_event(struct sim_world *world, const struct sl_event *event);
struct sim_message *sim_message_effect(struct sim_world *world, const struct sl_effect *effect);
struct sim_message *sim_message_call(struct sim_world *world, const struct sl_ledger_call *call);
struct sim_message *sim_message_reply(struct sim_world *world, const struct sl_ledger_reply *reply);

#endif
