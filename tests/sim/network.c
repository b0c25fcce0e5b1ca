/* Connections between brokers and peers; see network.h. */
#include "network.h"

#include "broker.h"
#include "trace.h"
#include "worker.h"

static uint64_t delay(struct sim_world *world) {
    return sim_between(world, SIM_RNG_NETWORK, world->plan.net_us_min, world->plan.net_us_max) * SIM_US;
}

static void renew(struct sim_world *world, uint32_t peer, struct sim_wire *wire) {
    uint64_t number = ++world->network->next_handle;
    wire->handle = number * 2 + (peer < SIM_WORKERS_MAX);
    wire->last_at[0] = wire->last_at[1] = 0;
}

void sim_network_new(struct sim_world *world) {
    world->network = sim_arena_take(world->arena, sizeof *world->network);
    for (uint32_t broker = 0; broker < SIM_BROKERS_MAX; broker++)
        for (uint32_t peer = 0; peer < SIM_PEERS_MAX; peer++)
            renew(world, peer, &world->network->wires[broker][peer]);
}

static uint64_t deliver_at(struct sim_world *world, struct sim_wire *wire, int direction) {
    uint64_t at = world->now + delay(world);
    if (at < wire->ready_at) at = wire->ready_at;
    if (at < wire->stuck_until) at = wire->stuck_until;
    if (at < wire->last_at[direction]) at = wire->last_at[direction];
    wire->last_at[direction] = at;
    return at;
}

static bool is_dropped(struct sim_world *world) {
    return !world->calm && sim_chance(world, SIM_RNG_NETWORK, world->plan.net_drop_ppm);
}

static bool is_twice(struct sim_world *world) {
    return !world->calm && sim_chance(world, SIM_RNG_NETWORK, world->plan.net_twice_ppm);
}

void sim_to_broker(struct sim_world *world, uint32_t broker, uint32_t peer, const struct sl_event *event) {
    struct sim_wire *wire = &world->network->wires[broker][peer];
    if (!sim_broker_is_up(world, broker) || is_dropped(world)) return;
    struct sim_message *message = sim_message_event(world, event);
    message->event.peer = wire->handle; /* first in every event of a peer */
    message->peer = wire->handle;
    message->broker = (uint8_t)broker;
    uint32_t life = sim_broker_life(world, broker);
    sim_at(world, deliver_at(world, wire, 0), SIM_BROKER_EVENT, broker, peer, life, message);
    if (is_twice(world)) sim_at(world, deliver_at(world, wire, 0), SIM_BROKER_EVENT, broker, peer, life, message);
}

int sim_wire_peer(const struct sim_world *world, uint32_t broker, uint64_t handle) {
    for (uint32_t peer = 0; peer < SIM_PEERS_MAX; peer++)
        if (world->network->wires[broker][peer].handle == handle) return (int)peer;
    return -1;
}

bool sim_wire_stands(const struct sim_world *world, uint32_t broker, uint32_t peer, uint64_t handle) {
    return world->network->wires[broker][peer].handle == handle;
}

static void say_gone(struct sim_world *world, uint32_t broker, uint64_t handle) {
    struct sl_event event = {.kind = handle & 1 ? SL_EV_WORKER_GONE : SL_EV_CLIENT_GONE};
    event.peer = handle;
    struct sim_message *message = sim_message_event(world, &event);
    message->peer = handle;
    sim_at(world, world->now, SIM_BROKER_EVENT, broker, SIM_PEERS_MAX, sim_broker_life(world, broker), message);
}

void sim_to_peer(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    int peer = sim_wire_peer(world, broker, effect->peer);
    if (peer < 0 || world->network->wires[broker][peer].ready_at > world->now) {
        say_gone(world, broker, effect->peer);
        return;
    }
    if (is_dropped(world)) return;
    bool worker = (uint32_t)peer < SIM_WORKERS_MAX;
    uint32_t node = worker ? (uint32_t)peer : (uint32_t)peer - SIM_WORKERS_MAX;
    uint32_t life = sim_peer_life(world, (uint32_t)peer);
    struct sim_message *message = sim_message_effect(world, effect);
    struct sim_wire *wire = &world->network->wires[broker][peer];
    message->peer = effect->peer;
    message->broker = (uint8_t)broker;
    enum sim_what what = worker ? SIM_WORKER_MESSAGE : SIM_CLIENT_MESSAGE;
    sim_at(world, deliver_at(world, wire, 1), what, node, broker, life, message);
    if (is_twice(world)) sim_at(world, deliver_at(world, wire, 1), what, node, broker, life, message);
}

void sim_wire_cut(struct sim_world *world, uint32_t broker, uint32_t peer) {
    struct sim_wire *wire = &world->network->wires[broker][peer];
    renew(world, peer, wire);
    wire->ready_at = world->now + sim_between(world, SIM_RNG_NETWORK, 100, 300000) * SIM_US;
    wire->stuck_until = 0;
}

void sim_wire_stick(struct sim_world *world, uint32_t broker, uint32_t peer, uint64_t until) {
    world->network->wires[broker][peer].stuck_until = until;
}

void sim_broker_wires_cut(struct sim_world *world, uint32_t broker) {
    for (uint32_t peer = 0; peer < SIM_PEERS_MAX; peer++) sim_wire_cut(world, broker, peer);
}

void sim_peer_wires_cut(struct sim_world *world, uint32_t peer) {
    for (uint32_t broker = 0; broker < SIM_BROKERS_MAX; broker++) sim_wire_cut(world, broker, peer);
}
