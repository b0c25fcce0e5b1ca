/* The connections between brokers and peers (workers, then clients). A connection keeps the order of its messages; it may be slow, stuck
 * or cut, and then what is on its way is lost without a word. A peer that connects again is a new peer to the broker. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "message.h"

enum { SIM_PEERS_MAX = SIM_WORKERS_MAX + SIM_CLIENTS_MAX };

struct sim_wire {
    uint64_t handle;   /* of this connection; odd: a worker's */
    uint64_t ready_at; /* connected again then */
    uint64_t stuck_until;
    uint64_t last_at[2]; /* newest delivery: to the broker, to the peer */
};

struct sim_network {
    struct sim_wire wires[SIM_BROKERS_MAX][SIM_PEERS_MAX];
    uint64_t next_handle;
};

void sim_network_new(struct sim_world *world);

/* Peer numbers: workers first, then clients. */
static inline uint32_t sim_peer_of_client(uint32_t client) {
    return SIM_WORKERS_MAX + client;
}

/* Sends an event to a broker; its peer is filled in. */
void sim_to_broker(struct sim_world *world, uint32_t broker, uint32_t peer, const struct sl_event *event);

/* Sends an effect that is a message; a peer that is not connected any more is reported to the broker. */
void sim_to_peer(struct sim_world *world, uint32_t broker, const struct sl_effect *effect);

/* Whether a message that arrives now came over a connection that still stands. */
bool sim_wire_stands(const struct sim_world *world, uint32_t broker, uint32_t peer, uint64_t handle);

/* Which peer a handle of the broker is, or -1. */
int sim_wire_peer(const struct sim_world *world, uint32_t broker, uint64_t handle);

void sim_wire_cut(struct sim_world *world, uint32_t broker, uint32_t peer);
void sim_wire_stick(struct sim_world *world, uint32_t broker, uint32_t peer, uint64_t until);
/* Everything of a broker, or of a peer, is cut: its process ended. */
void sim_broker_wires_cut(struct sim_world *world, uint32_t broker);
void sim_peer_wires_cut(struct sim_world *world, uint32_t peer);

#endif
