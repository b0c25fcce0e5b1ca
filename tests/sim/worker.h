/* A simulated worker process: one real agent for each broker, and stage hosts that do what the plan says. */
#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include "agent/agent.h"
#include "message.h"

enum { SIM_SLOTS_MAX = 6, SIM_HOST_TASKS_MAX = 64, SIM_HELD_MAX = 64, SIM_FIELDS_KEPT = 128 };

struct sim_host {
    uint8_t worker, broker, index;
    bool up, stopping;
    uint32_t life;      /* of the worker */
    uint32_t turn;      /* raised whenever what the host was about to do is void */
    uint32_t task_count;
    bool begun;         /* the first task runs */
    struct sl_token tasks[SIM_HOST_TASKS_MAX];
};

/* What is to come of a host at some time: void when the host's turn has passed. */
struct sim_host_turn {
    struct sim_host *host;
    uint32_t turn;
    uint8_t outcome;
    int signal;
    uint64_t nonce;
};

/* What a message to the broker set. */
struct sim_port_field {
    uint64_t message_id;
    struct sl_token token;
};

struct sim_port {
    struct sl_agent *agent;
    struct sl_incarnation instance;
    uint64_t tick_at;
    struct sim_host hosts[SIM_SLOTS_MAX];
    struct sl_token held[SIM_HELD_MAX]; /* assigned and not answered */
    uint32_t held_count;
    struct sim_port_field fields[SIM_FIELDS_KEPT]; /* the newest, by message id */
    uint64_t *run_nonces; /* of every attempt that was begun */
    uint32_t run_count, run_capacity;
};

struct sim_worker {
    uint32_t index;
    bool up;
    uint32_t life;
    uint64_t paused_until;
    struct sim_clock clock;
    struct sim_port ports[SIM_BROKERS_MAX];
};

void sim_worker_new(struct sim_world *world, uint32_t index);
void sim_worker_free(struct sim_world *world, uint32_t index);
void sim_worker_crash(struct sim_world *world, uint32_t index);

/* The attempt takes no slot any more: it has ended, or was given back. Its result may wait for the answers to its fields. */
void sim_worker_let_go(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_token *token);

/* The attempt of whose field the worker spoke under that message id, or NULL. */
const struct sl_token *sim_worker_field(const struct sim_world *world, uint32_t index, uint32_t broker, uint64_t message_id);

/* The life of a peer: a worker, or a client. */
uint32_t sim_peer_life(const struct sim_world *world, uint32_t peer);

/* Items of the heap. */
void sim_worker_on_start(struct sim_world *world, uint32_t index);
void sim_worker_on_message(struct sim_world *world, uint32_t index, uint32_t broker, struct sim_message *message);
void sim_worker_on_tick(struct sim_world *world, uint32_t index, uint32_t broker);
void sim_worker_on_connected(struct sim_world *world, uint32_t index, uint32_t broker);

/* host.c */
void sim_host_start(struct sim_world *world, struct sim_host *host);
void sim_host_give(struct sim_world *world, struct sim_host *host, const struct sl_token *token);
void sim_host_reclaim(struct sim_world *world, struct sim_host *host, const struct sl_token *token);
/* 0: it is free, and ends by itself. */
void sim_host_signal(struct sim_world *world, struct sim_host *host, int signal);
void sim_host_on_ready(struct sim_world *world, struct sim_host_turn *turn);
void sim_host_on_done(struct sim_world *world, struct sim_host_turn *turn);
void sim_host_on_reclaimed(struct sim_world *world, struct sim_host_turn *turn);
void sim_host_on_field(struct sim_world *world, struct sim_host_turn *turn);
void sim_host_on_died(struct sim_world *world, struct sim_host_turn *turn);
void sim_agent_step(struct sim_world *world, uint32_t worker, uint32_t broker, struct sl_agent_event *event);

#endif
