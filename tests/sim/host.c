/* Simulated stage hosts: what an attempt comes to is a function of the seed, the job, the stage and the attempt's number. */
#include "oracle.h"
#include "trace.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>

enum { VALUE_SIZE_MAX = 6000, LARGE_BYTES = 5000 };

/* Independent of the order of events: a stream of its own for each attempt. */
static struct sl_rng chance_of(struct sim_world *world, const struct sl_token *token) {
    int number = sim_oracle_job_number(world, token->job);
    struct sl_rng rng = {.state = world->plan.seed * 0x9e3779b97f4a7c15u + (uint64_t)(number + 1) * 1000003u +
                                  token->stage * 977u + token->attempt};
    (void)sl_rng_next(&rng);
    return rng;
}

static unsigned outcome_of(struct sim_world *world, const struct sl_token *token) {
    struct sl_rng rng = chance_of(world, token);
    const struct sim_plan *plan = &world->plan;
    uint32_t dice = (uint32_t)sl_rng_below(&rng, 100);
    if (dice < plan->percent_retryable) return SL_OUTCOME_RETRYABLE;
    dice -= plan->percent_retryable;
    if (dice < plan->percent_permanent) return SL_OUTCOME_PERMANENT;
    dice -= plan->percent_permanent;
    if (dice < plan->percent_crash) return SL_OUTCOME_CRASH;
    dice -= plan->percent_crash;
    return dice < plan->percent_hang ? SL_OUTCOME_TIMEOUT : SL_OUTCOME_DONE;
}

struct sl_bytes sim_stage_value(struct sim_world *world, const struct sl_token *token) {
    static uint8_t scratch[4][VALUE_SIZE_MAX];
    static unsigned next;
    uint8_t *value = scratch[next++ % 4];
    struct sl_rng rng = chance_of(world, token);
    (void)sl_rng_next(&rng);
    bool large = sl_rng_below(&rng, 100) < world->plan.percent_large;
    char text[64];
    int length = snprintf(text, sizeof text, "%d/%u/%u/%016llx", sim_oracle_job_number(world, token->job),
                          (unsigned)token->stage, (unsigned)token->attempt, (unsigned long long)token->nonce);
    size_t size = large ? LARGE_BYTES : (size_t)length;
    value[0] = 0xda; /* msgpack: str 16 */
    value[1] = (uint8_t)(size >> 8);
    value[2] = (uint8_t)size;
    memset(value + 3, '.', size);
    memcpy(value + 3, text, (size_t)length);
    return sl_bytes(value, size + 3);
}

static void plan_turn(struct sim_world *world, struct sim_host *host, enum sim_what what, uint64_t after,
                      unsigned outcome, int number) {
    struct sim_host_turn turn = {.host = host, .turn = host->turn, .outcome = (uint8_t)outcome, .signal = number};
    sim_at(world, world->now + after, what, host->worker, host->broker, host->life, sim_copy(world, &turn, sizeof turn));
}

/* I13: a worker makes no attempt twice. */
static void note_run(struct sim_world *world, struct sim_host *host, const struct sl_token *token) {
    struct sim_port *port = &world->workers[host->worker]->ports[host->broker];
    for (uint32_t i = 0; i < port->run_count; i++) {
        if (port->run_nonces[i] != token->nonce) continue;
        sim_violated(world, "I13", "worker %u ran %s twice", (unsigned)host->worker + 1, sim_token_text(world, token));
    }
    if (port->run_count == port->run_capacity) {
        uint32_t capacity = port->run_capacity ? port->run_capacity * 2 : 64;
        uint64_t *nonces = sim_arena_take(world->arena, capacity * sizeof *nonces);
        if (port->run_count) memcpy(nonces, port->run_nonces, port->run_count * sizeof *nonces);
        port->run_nonces = nonces;
        port->run_capacity = capacity;
    }
    port->run_nonces[port->run_count++] = token->nonce;
}

static void begin(struct sim_world *world, struct sim_host *host) {
    if (host->begun || host->task_count == 0 || host->stopping || !host->up) return;
    const struct sl_token *token = &host->tasks[0];
    struct sl_rng rng = chance_of(world, token);
    (void)sl_rng_next(&rng);
    (void)sl_rng_next(&rng);
    uint64_t after = sl_rng_below(&rng, (uint64_t)world->plan.stage_ms_max * SIM_MS + 1) + 10 * SIM_US;
    unsigned outcome = outcome_of(world, token);
    host->begun = true;
    host->turn++;
    note_run(world, host, token);
    SIM_TRACE(world, SIM_WHO_WORKER + host->worker, 1, 3, token->nonce, "begins %s", sim_token_text(world, token));
    if (sl_rng_below(&rng, 100) < world->plan.percent_field)
        plan_turn(world, host, SIM_HOST_FIELD, sl_rng_below(&rng, after), outcome, 0);
    if (outcome == SL_OUTCOME_TIMEOUT) return; /* it hangs until it is killed */
    plan_turn(world, host, outcome == SL_OUTCOME_CRASH ? SIM_HOST_DIED : SIM_HOST_DONE, after, outcome, SIGSEGV);
}

void sim_host_start(struct sim_world *world, struct sim_host *host) {
    host->turn++;
    plan_turn(world, host, SIM_HOST_READY, 2 * SIM_MS, 0, 0);
}

void sim_host_on_ready(struct sim_world *world, struct sim_host_turn *turn) {
    struct sim_host *host = turn->host;
    if (turn->turn != host->turn) return;
    host->up = true;
    host->stopping = host->begun = false;
    host->task_count = 0;
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_READY, .host = host->index};
    sim_agent_step(world, host->worker, host->broker, &event);
}

void sim_host_give(struct sim_world *world, struct sim_host *host, const struct sl_token *token) {
    if (host->task_count == SIM_HOST_TASKS_MAX) {
        sim_violated(world, "AGENT", "worker %u: a host holds too many tasks", (unsigned)host->worker + 1);
        return;
    }
    host->tasks[host->task_count++] = *token;
    begin(world, host);
}

static void drop_task(struct sim_host *host, uint32_t index) {
    host->task_count--;
    memmove(&host->tasks[index], &host->tasks[index + 1], (host->task_count - index) * sizeof host->tasks[0]);
}

void sim_host_reclaim(struct sim_world *world, struct sim_host *host, const struct sl_token *token) {
    for (uint32_t i = host->begun; i < host->task_count; i++) {
        if (!sl_token_equal(&host->tasks[i], token)) continue;
        drop_task(host, i);
        struct sim_host_turn turn = {.host = host, .nonce = token->nonce};
        sim_at(world, world->now + 20 * SIM_US, SIM_HOST_RECLAIMED, host->worker, host->broker, host->life,
               sim_copy(world, &turn, sizeof turn));
        return;
    }
}

void sim_host_on_reclaimed(struct sim_world *world, struct sim_host_turn *turn) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_RECLAIMED, .host = turn->host->index, .nonce = turn->nonce};
    sim_agent_step(world, turn->host->worker, turn->host->broker, &event);
}

void sim_host_signal(struct sim_world *world, struct sim_host *host, int number) {
    if (!host->up && !host->stopping) return;
    host->stopping = true;
    host->turn++;
    bool stubborn = number == SIGTERM && host->begun && (host->tasks[0].nonce & 3) == 0; /* ignores the polite one */
    if (!stubborn) plan_turn(world, host, SIM_HOST_DIED, SIM_MS, SL_OUTCOME_CRASH, number);
}

void sim_host_on_done(struct sim_world *world, struct sim_host_turn *turn) {
    struct sim_host *host = turn->host;
    if (turn->turn != host->turn || !host->begun) return;
    struct sl_token token = host->tasks[0];
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DONE, .host = host->index, .nonce = token.nonce};
    struct sl_agent_result *result = &event.done.result;
    result->outcome = (enum sl_outcome)turn->outcome;
    result->duration_us = 1000;
    if (turn->outcome == SL_OUTCOME_DONE) {
        result->value_count = 1;
        result->values = sim_stage_value(world, &token);
        result->count = 1;
    } else {
        result->error = sl_text("the stage said no");
    }
    sim_worker_let_go(world, host->worker, host->broker, &token);
    drop_task(host, 0);
    host->begun = false;
    begin(world, host);
    sim_agent_step(world, host->worker, host->broker, &event);
}

/* A stage has one field of its own, "f" and its index; the value is the number of the attempt. */
void sim_host_on_field(struct sim_world *world, struct sim_host_turn *turn) {
    struct sim_host *host = turn->host;
    if (turn->turn != host->turn || !host->begun) return;
    const struct sl_token *token = &host->tasks[0];
    char name[3] = {'f', (char)('0' + token->stage), 0};
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_FIELD, .host = host->index, .nonce = token->nonce};
    struct sl_buf value;
    sl_buf_init(&value, world->sure);
    sl_mp_uint(&value, token->attempt);
    event.field.name = sl_text(name);
    event.field.value = sl_buf_bytes(&value);
    sim_agent_step(world, host->worker, host->broker, &event);
    sl_buf_fini(&value);
}

void sim_host_on_died(struct sim_world *world, struct sim_host_turn *turn) {
    struct sim_host *host = turn->host;
    if (turn->turn != host->turn) return;
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED, .host = host->index};
    event.died.signal = turn->signal;
    event.died.begun = host->begun;
    event.died.text = sl_text("");
    event.died.tail = sl_text("last words");
    SIM_TRACE(world, SIM_WHO_WORKER + host->worker, 0, 4, (uint64_t)turn->signal, "a host dies of signal %d", turn->signal);
    if (host->begun) sim_worker_let_go(world, host->worker, host->broker, &host->tasks[0]);
    host->up = host->stopping = host->begun = false;
    host->task_count = 0;
    host->turn++;
    sim_agent_step(world, host->worker, host->broker, &event);
}
