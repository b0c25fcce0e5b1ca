/* A simulated worker process; see worker.h. */
#include "worker.h"

#include "base/assert.h"
#include "base/err.h"
#include "client.h"
#include "network.h"
#include "oracle.h"
#include "trace.h"

#include <stdio.h>

static struct sl_agent_type agent_types[SIM_TYPE_COUNT];
static struct sl_stage_type offered_types[SIM_TYPE_COUNT];
static const char *const names[SIM_WORKERS_MAX] = {"w1", "w2", "w3", "w4", "w5", "w6"};

void sim_worker_new(struct sim_world *world, uint32_t index) {
    struct sim_worker *worker = sim_arena_take(world->arena, sizeof *worker);
    worker->index = index;
    world->workers[index] = worker;
    for (uint32_t i = 0; i < SIM_TYPE_COUNT; i++) {
        offered_types[i] = *sim_type(i);
        agent_types[i] = (struct sl_agent_type){.name = sim_type(i)->type};
    }
}

static void free_agents(struct sim_worker *worker) {
    for (uint32_t broker = 0; broker < SIM_BROKERS_MAX; broker++) sl_agent_free(&worker->ports[broker].agent);
}

void sim_worker_free(struct sim_world *world, uint32_t index) {
    free_agents(world->workers[index]);
}

void sim_worker_crash(struct sim_world *world, uint32_t index) {
    struct sim_worker *worker = world->workers[index];
    if (!worker->up) return;
    worker->up = false;
    worker->life++;
    worker->paused_until = 0;
    free_agents(worker);
    sim_peer_wires_cut(world, index);
}

uint32_t sim_peer_life(const struct sim_world *world, uint32_t peer) {
    return peer < SIM_WORKERS_MAX ? world->workers[peer]->life : sim_client_life(world, peer - SIM_WORKERS_MAX);
}

/* ---- what the agent says ---- */

static void say_hello(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_agent_beat *beat) {
    struct sl_event event = {.kind = SL_EV_HELLO};
    event.hello = (struct sl_ev_hello){.name = sl_text(names[index]),
                                       .instance = world->workers[index]->ports[broker].instance,
                                       .slots = beat->slots,
                                       .types = offered_types,
                                       .type_count = SIM_TYPE_COUNT,
                                       .in_flight = beat->in_flight,
                                       .in_flight_count = beat->in_flight_count,
                                       .results = beat->results,
                                       .result_count = beat->result_count};
    sim_to_broker(world, broker, index, &event);
}

static void say_heartbeat(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_agent_beat *beat) {
    struct sl_event event = {.kind = SL_EV_HEARTBEAT};
    event.heartbeat = (struct sl_ev_heartbeat){.slots = beat->slots,
                                               .in_flight = beat->in_flight,
                                               .in_flight_count = beat->in_flight_count,
                                               .waiting = beat->waiting,
                                               .waiting_count = beat->waiting_count,
                                               .results = beat->results,
                                               .result_count = beat->result_count};
    sim_to_broker(world, broker, index, &event);
}

void sim_worker_let_go(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_token *token) {
    struct sim_port *port = &world->workers[index]->ports[broker];
    for (uint32_t i = 0; i < port->held_count; i++) {
        if (!sl_token_equal(&port->held[i], token)) continue;
        port->held[i] = port->held[--port->held_count];
        return;
    }
}

static void say_result(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_agent_effect *effect) {
    const struct sl_agent_result *result = &effect->result;
    struct sim_job *job = sim_oracle_job(world, effect->token.job);
    struct sl_state_value value = {.value = result->values};
    sim_worker_let_go(world, index, broker, &effect->token);
    if (job) value.key = sim_type(sim_type_index(job->pipeline->stages[effect->token.stage].type))->state_keys.items[0];
    struct sl_event event = {.kind = SL_EV_RESULT};
    event.result = (struct sl_ev_result){.token = effect->token,
                                         .outcome = result->outcome,
                                         .values = &value,
                                         .value_count = result->value_count,
                                         .output = result->output,
                                         .count = result->count,
                                         .duration_ms = (uint32_t)(result->duration_us / 1000),
                                         .error = result->error,
                                         .detail = result->detail};
    SIM_TRACE(world, SIM_WHO_WORKER + index, 1, 1, effect->token.nonce, "> %s", sim_event_text(world, &event));
    sim_to_broker(world, broker, index, &event);
}

static void say_field(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_agent_effect *effect) {
    struct sl_event event = {.kind = SL_EV_FIELD};
    event.field = (struct sl_ev_field){.message_id = effect->field.message_id, .token = effect->token,
                                       .name = effect->field.name, .value = effect->field.value};
    world->workers[index]->ports[broker].fields[effect->field.message_id % SIM_FIELDS_KEPT] =
        (struct sim_port_field){.message_id = effect->field.message_id, .token = effect->token};
    SIM_TRACE(world, SIM_WHO_WORKER + index, 1, 5, effect->token.nonce, "> %s", sim_event_text(world, &event));
    sim_to_broker(world, broker, index, &event);
}

const struct sl_token *sim_worker_field(const struct sim_world *world, uint32_t index, uint32_t broker, uint64_t message_id) {
    const struct sim_port_field *field = &world->workers[index]->ports[broker].fields[message_id % SIM_FIELDS_KEPT];
    return field->message_id == message_id ? &field->token : NULL;
}

static void say_bye(struct sim_world *world, uint32_t index, uint32_t broker) {
    struct sl_event event = {.kind = SL_EV_BYE};
    sim_to_broker(world, broker, index, &event);
}

static void reconnect(struct sim_world *world, uint32_t index, uint32_t broker) {
    sim_wire_cut(world, broker, index);
    sim_at(world, world->now + SIM_MS, SIM_WORKER_CONNECTED, index, broker, world->workers[index]->life, NULL);
}

static void carry_out(struct sim_world *world, uint32_t index, uint32_t broker, const struct sl_agent_effect *effect) {
    struct sim_port *port = &world->workers[index]->ports[broker];
    switch (effect->kind) {
    case SL_AGENT_DO_RECONNECT:
        reconnect(world, index, broker);
        return;
    case SL_AGENT_DO_HELLO:
        say_hello(world, index, broker, &effect->beat);
        return;
    case SL_AGENT_DO_HEARTBEAT:
        say_heartbeat(world, index, broker, &effect->beat);
        return;
    case SL_AGENT_DO_RESULT:
        say_result(world, index, broker, effect);
        return;
    case SL_AGENT_DO_FIELD:
        say_field(world, index, broker, effect);
        return;
    case SL_AGENT_DO_BYE:
        say_bye(world, index, broker);
        return;
    case SL_AGENT_DO_HOST_START:
        sim_host_start(world, &port->hosts[effect->host]);
        return;
    case SL_AGENT_DO_HOST_GIVE:
        sim_host_give(world, &port->hosts[effect->host], &effect->give.task->token);
        return;
    case SL_AGENT_DO_HOST_RECLAIM:
        sim_host_reclaim(world, &port->hosts[effect->host], &effect->token);
        return;
    case SL_AGENT_DO_HOST_END:
        sim_host_signal(world, &port->hosts[effect->host], 0);
        return;
    case SL_AGENT_DO_HOST_SIGNAL:
        sim_host_signal(world, &port->hosts[effect->host], effect->signal);
        return;
    default:
        return; /* HOST_DEFINE: the simulated hosts know every pipeline */
    }
}

static void wake_at_deadline(struct sim_world *world, struct sim_worker *worker, uint32_t broker) {
    struct sim_port *port = &worker->ports[broker];
    uint64_t local = sl_agent_deadline(port->agent);
    if (local == UINT64_MAX) return;
    uint64_t at = sim_clock_when(&worker->clock, local);
    if (at < world->now) at = world->now;
    if (at >= port->tick_at) return;
    port->tick_at = at;
    sim_at(world, at, SIM_WORKER_TICK, worker->index, broker, worker->life, NULL);
}

void sim_agent_step(struct sim_world *world, uint32_t index, uint32_t broker, struct sl_agent_event *event) {
    struct sim_worker *worker = world->workers[index];
    struct sim_port *port = &worker->ports[broker];
    struct sl_agent_effects effects;
    char why[200];
    event->now = sim_clock_now(&worker->clock, world->now);
    int rc = sl_agent_step(port->agent, event, &effects);
    if (rc) {
        sim_violated(world, "AGENT", "worker %u: event %d: %s", (unsigned)index + 1, (int)event->kind, sl_err_text(rc));
        return;
    }
    for (uint32_t i = 0; i < effects.count; i++) carry_out(world, index, broker, &effects.items[i]);
    if (!sl_agent_check(port->agent, why, sizeof why))
        sim_violated(world, "AGENT", "worker %u: %s", (unsigned)index + 1, why);
    wake_at_deadline(world, worker, broker);
}

/* ---- items of the heap ---- */

void sim_worker_on_start(struct sim_world *world, uint32_t index) {
    struct sim_worker *worker = world->workers[index];
    worker->up = true;
    sim_clock_init(&worker->clock, world);
    SIM_TRACE(world, SIM_WHO_WORKER + index, 0, 92, worker->life, "starts");
    for (uint32_t broker = 0; broker < world->plan.broker_count; broker++) {
        struct sim_port *port = &worker->ports[broker];
        struct sl_agent_config config = {.host_count = world->plan.slots[index],
                                         .prefetch = world->plan.prefetch,
                                         .grace_ms = 200,
                                         .drain_ms = 1000,
                                         .host_attempts_max = 8,
                                         .heartbeat_ms = world->plan.heartbeat_ms,
                                         .lost_ms = world->plan.lost_ms,
                                         .types = agent_types,
                                         .type_count = SIM_TYPE_COUNT};
        memset(port, 0, sizeof *port);
        port->tick_at = UINT64_MAX;
        port->instance = sim_incarnation(world);
        for (uint32_t host = 0; host < SIM_SLOTS_MAX; host++)
            port->hosts[host] = (struct sim_host){.worker = (uint8_t)index, .broker = (uint8_t)broker,
                                                  .index = (uint8_t)host, .life = worker->life};
        SL_ASSERT(sl_agent_new(world->sure, &config, &port->agent) == 0);
        struct sl_agent_event event = {.kind = SL_AGENT_START};
        sim_agent_step(world, index, broker, &event);
        sim_worker_on_connected(world, index, broker);
    }
}

void sim_worker_on_connected(struct sim_world *world, uint32_t index, uint32_t broker) {
    struct sl_agent_event event = {.kind = SL_AGENT_CONNECTED};
    sim_agent_step(world, index, broker, &event);
}

void sim_worker_on_tick(struct sim_world *world, uint32_t index, uint32_t broker) {
    struct sim_port *port = &world->workers[index]->ports[broker];
    if (port->tick_at != world->now) return;
    port->tick_at = UINT64_MAX;
    struct sl_agent_event event = {.kind = SL_AGENT_TICK};
    sim_agent_step(world, index, broker, &event);
}

static void hold(struct sim_world *world, struct sim_worker *worker, uint32_t broker, const struct sl_token *token) {
    struct sim_port *port = &worker->ports[broker];
    uint32_t slots = world->plan.slots[worker->index] * (1 + world->plan.prefetch);
    for (uint32_t i = 0; i < port->run_count; i++)
        if (port->run_nonces[i] == token->nonce) return; /* sent again; it answers from what it knows */
    for (uint32_t i = 0; i < port->held_count; i++)
        if (sl_token_equal(&port->held[i], token)) return;
    if (port->held_count < SIM_HELD_MAX) port->held[port->held_count++] = *token;
    uint32_t count = 0;
    for (uint32_t i = 0; i < port->held_count; i++) count += !sim_oracle_is_given_up(world, &port->held[i]);
    if (count > slots)
        sim_violated(world, "I14", "worker %u holds %u attempts of broker %c and has %u slots", (unsigned)worker->index + 1,
                     (unsigned)count, 'A' + (int)broker, (unsigned)slots);
}

static bool to_agent_event(const struct sl_effect *effect, struct sl_agent_event *event) {
    switch (effect->kind) {
    case SL_DO_WELCOME:
        event->kind = SL_AGENT_WELCOME;
        event->welcome.session = effect->welcome.session;
        event->welcome.heartbeat_ms = effect->welcome.heartbeat_ms;
        event->welcome.lost_ms = effect->welcome.lost_ms;
        return true;
    case SL_DO_DEFINE:
        event->kind = SL_AGENT_DEFINE;
        event->define.digest = effect->define.digest;
        event->define.canonical = effect->define.canonical;
        return true;
    case SL_DO_ASSIGN:
        event->kind = SL_AGENT_ASSIGN;
        event->task = (struct sl_agent_task){.token = effect->assign.token,
                                             .definition = effect->assign.definition,
                                             .timeout_ms = effect->assign.timeout_ms,
                                             .input = effect->assign.input,
                                             .tenant = effect->assign.tenant,
                                             .doc_key = effect->assign.doc_key,
                                             .callable = effect->assign.callable};
        return true;
    case SL_DO_RESULT_ACK:
        event->kind = SL_AGENT_RESULT_ACK;
        event->token = effect->ack.token;
        return true;
    case SL_DO_FIELD_ACK:
        event->kind = SL_AGENT_FIELD_ACK;
        event->message_id = effect->re;
        return true;
    case SL_DO_CANCEL:
        event->kind = SL_AGENT_CANCEL;
        event->token = effect->token;
        return true;
    case SL_DO_HEARTBEAT:
        event->kind = SL_AGENT_BEAT;
        return true;
    case SL_DO_RESET:
        event->kind = SL_AGENT_RESET;
        return true;
    case SL_DO_BYE:
        event->kind = SL_AGENT_BROKER_BYE;
        return true;
    default:
        return false;
    }
}

void sim_worker_on_message(struct sim_world *world, uint32_t index, uint32_t broker, struct sim_message *message) {
    struct sl_agent_event event = {.kind = SL_AGENT_TICK};
    if (!sim_wire_stands(world, broker, index, message->peer)) return;
    if (message->effect.kind == SL_DO_ASSIGN) {
        SIM_TRACE(world, SIM_WHO_WORKER + index, 0, 2, message->effect.assign.token.nonce, "%s",
                  sim_effect_text(world, &message->effect));
        hold(world, world->workers[index], broker, &message->effect.assign.token);
    }
    if (to_agent_event(&message->effect, &event)) sim_agent_step(world, index, broker, &event);
}
