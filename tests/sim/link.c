/* A broker's two connections to the simulated Redis: delay, deadline, cut with unknown outcome. */
#include "broker.h"
#include "redis.h"
#include "trace.h"

static struct sim_link *link_of(struct sim_world *world, uint32_t broker) {
    return &world->redis->links[broker];
}

static uint64_t delay(struct sim_world *world) {
    return sim_between(world, SIM_RNG_LEDGER, world->plan.net_us_min, world->plan.net_us_max) * SIM_US;
}

static void *boxed(struct sim_world *world, uint64_t value) {
    return sim_copy(world, &value, sizeof value);
}

void sim_link_open(struct sim_world *world, uint32_t broker, uint64_t after) {
    sim_at(world, world->now + after, SIM_LINK_UP, broker, 0, sim_broker_life(world, broker),
           boxed(world, link_of(world, broker)->generation));
}

static void break_off(struct sim_world *world, struct sim_link *link) {
    link->up = false;
    link->generation++;
    link->late_by = sim_chance(world, SIM_RNG_LEDGER, 300000) ? sim_between(world, SIM_RNG_LEDGER, 0, 2000) * SIM_MS : 0;
    link->keep_ppm = (uint32_t)sim_between(world, SIM_RNG_LEDGER, 0, 1000000);
    for (int i = 0; i < SIM_CONNECTIONS; i++) {
        link->sent[i] = link->answered[i] = link->deadline_sent[i] = 0;
        link->arrive_at[i] = link->reply_at[i] = 0;
        link->lost[i] = false;
    }
}

void sim_link_dead(struct sim_world *world, uint32_t broker) {
    break_off(world, link_of(world, broker));
}

void sim_link_cut(struct sim_world *world, uint32_t broker) {
    struct sim_link *link = link_of(world, broker);
    if (!link->up) return;
    break_off(world, link);
    sim_at(world, world->now + sim_between(world, SIM_RNG_LEDGER, 10, 2000) * SIM_US, SIM_LINK_DOWN, broker, 0,
           sim_broker_life(world, broker), NULL);
    sim_link_open(world, broker, sim_between(world, SIM_RNG_LEDGER, 2500, 60000) * SIM_US);
}

void sim_link_on_up(struct sim_world *world, uint32_t broker, uint64_t generation) {
    struct sim_link *link = link_of(world, broker);
    if (link->up || generation != link->generation) return;
    if (!world->redis->up || world->redis->paused_until > world->now) {
        sim_link_open(world, broker, 50 * SIM_MS);
        return;
    }
    link->up = true;
    struct sl_event event = {.kind = SL_EV_LEDGER_UP};
    sim_broker_step(world, broker, &event);
}

static void start_deadline(struct sim_world *world, uint32_t broker, int connection) {
    struct sim_link *link = link_of(world, broker);
    link->deadline_sent[connection] = link->sent[connection];
    sim_at(world, world->now + (uint64_t)world->plan.reply_ms * SIM_MS, SIM_LINK_DEADLINE, broker,
           (uint32_t)connection, sim_broker_life(world, broker), boxed(world, link->generation));
}

void sim_link_on_deadline(struct sim_world *world, uint32_t broker, uint32_t connection, uint64_t generation) {
    struct sim_link *link = link_of(world, broker);
    if (generation != link->generation || !link->up) return;
    if (link->answered[connection] < link->deadline_sent[connection]) {
        SIM_TRACE(world, SIM_WHO_BROKER + broker, 0, 1, generation, "no reply from Redis for %u ms",
                  (unsigned)world->plan.reply_ms);
        sim_link_cut(world, broker);
        return;
    }
    link->deadline_sent[connection] = 0;
    if (link->answered[connection] < link->sent[connection]) start_deadline(world, broker, (int)connection);
}

void sim_link_call(struct sim_world *world, uint32_t broker, const struct sl_ledger_call *call) {
    struct sim_link *link = link_of(world, broker);
    int connection = call->verb >= SL_LEDGER_READ_LEASE ? SIM_CONNECTION_READS : SIM_CONNECTION_WRITES;
    if (call->verb < SL_LEDGER_ACQUIRE && call->verb != SL_LEDGER_BEAT)
        SIM_TRACE(world, SIM_WHO_BROKER + broker, 1, call->verb, call->n, "-> %s", sim_call_text(world, call));
    else
        SIM_TRACE_QUIET(world, SIM_WHO_BROKER + broker, 1, call->verb, call->n, "-> %s", sim_call_text(world, call));
    if (!link->up) return;
    struct sim_message *message = sim_message_call(world, call);
    message->broker = (uint8_t)broker;
    message->connection = (uint8_t)connection;
    message->generation = link->generation;
    uint64_t at = world->now + delay(world);
    if (at < link->arrive_at[connection]) at = link->arrive_at[connection];
    link->arrive_at[connection] = at;
    link->sent[connection]++;
    if (link->deadline_sent[connection] == 0) start_deadline(world, broker, connection);
    sim_at(world, at, SIM_REDIS_CALL, 0, 0, world->redis->life, message);
}

bool sim_link_takes(struct sim_world *world, uint32_t broker, const struct sim_message *reply) {
    struct sim_link *link = link_of(world, broker);
    if (!link->up || reply->generation != link->generation) return false;
    link->answered[reply->connection]++;
    return true;
}
