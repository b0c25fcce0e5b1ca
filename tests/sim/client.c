/* Simulated clients; see client.h. */
#include "client.h"

#include "base/assert.h"
#include "network.h"
#include "question.h"
#include "redis.h"
#include "trace.h"

#include <stdio.h>

enum { TICK_MS = 40, ANSWER_MS = 400, FOLLOW_MS = 700, PREFIX_DIGITS = 8 };

uint32_t sim_client_life(const struct sim_world *world, uint32_t client) {
    return world->clients[client]->life;
}

enum sim_request_kind sim_job_kind(const struct sim_job *job) {
    return (enum sim_request_kind)(job->number % 3);
}

const struct sim_question *sim_client_question(const struct sim_client *client, uint64_t re) {
    for (int i = 0; i < SIM_QUESTIONS_KEPT; i++)
        if (client->questions[i].re == re) return &client->questions[i];
    return NULL;
}

static void key_text(const struct sim_job *job, char *out, size_t size) {
    snprintf(out, size, "k-%u", (unsigned)job->number);
}

static struct sl_bytes payload(struct sim_world *world, uint32_t number, uint32_t variant) {
    bool large = sl_rng_below(sim_rng(world, SIM_RNG_WORK), 100) < world->plan.percent_large;
    size_t size = large ? 700 : 24;
    uint8_t *value = sim_arena_take(world->arena, size + 3);
    value[0] = 0xda;
    value[1] = (uint8_t)(size >> 8);
    value[2] = (uint8_t)size;
    memset(value + 3, 'p', size);
    char text[24];
    int length = snprintf(text, sizeof text, "payload %u.%u", (unsigned)number, (unsigned)variant);
    memcpy(value + 3, text, (size_t)length);
    return sl_bytes(value, size + 3);
}

static void new_job(struct sim_world *world, uint32_t number) {
    static const char *const kinds[] = {"key", "doc", "once"};
    struct sim_job *job = &world->oracle->jobs[number];
    uint32_t shape = world->plan.pipelines[sl_rng_below(sim_rng(world, SIM_RNG_WORK), world->plan.pipeline_count)];
    char key[64], doc[96];
    job->number = number;
    job->pipeline = sim_shape(shape);
    for (uint32_t variant = 0; variant < 2; variant++) job->payloads[variant] = payload(world, number, variant);
    job->stages = sim_arena_take(world->arena, job->pipeline->stage_count * sizeof *job->stages);
    key_text(job, key, sizeof key);
    struct sl_bytes text = sl_text(key);
    if (sim_job_kind(job) == SIM_REQUEST_DOC) {
        int length = snprintf(doc, sizeof doc, "%.*s", (int)job->pipeline->name.size, (const char *)job->pipeline->name.data);
        memcpy(doc + length + 1, key, strlen(key));
        text = sl_bytes(doc, (size_t)length + 1 + strlen(key));
    }
    job->id = sl_job_id_make(sl_text("salt"), sl_text("default"), kinds[sim_job_kind(job)], text);
    SL_ASSERT(sl_idmap_reserve(&world->oracle->by_id, 1) == 0);
    sl_idmap_insert(&world->oracle->by_id, job);
}

/* A job that is asked for once more. Nobody but its own client knows one without a key. */
static uint32_t repeated_job(struct sim_world *world) {
    uint32_t number = (uint32_t)sl_rng_below(sim_rng(world, SIM_RNG_WORK), world->plan.job_count);
    return sim_job_kind(&world->oracle->jobs[number]) == SIM_REQUEST_ONCE ? number - 1 : number;
}

static void new_request(struct sim_world *world, uint32_t number) {
    struct sl_rng *rng = sim_rng(world, SIM_RNG_WORK);
    struct sim_client *client = world->clients[sl_rng_below(rng, world->plan.client_count)];
    struct sim_request *request = &client->requests[client->request_count++];
    bool again = number >= world->plan.job_count;
    *request = (struct sim_request){.job = again ? repeated_job(world) : number,
                                    .broker = (uint32_t)sl_rng_below(rng, world->plan.broker_count),
                                    .due = world->now + sl_rng_below(rng, (uint64_t)world->plan.submit_spread_ms * SIM_MS + 1)};
    if (again && sl_rng_below(rng, 100) < world->plan.percent_conflict) request->variant = 1;
    if (again && sl_rng_chance(rng, 1, 2)) request->due += sl_rng_below(rng, 10 * SIM_SECOND);
    request->cancels = sl_rng_below(rng, 100) < world->plan.percent_cancel;
    request->cancel_due = request->due + sl_rng_below(rng, 400 * SIM_MS);
}

void sim_clients_new(struct sim_world *world) {
    for (uint32_t i = 0; i < world->plan.client_count; i++) {
        struct sim_client *client = sim_arena_take(world->arena, sizeof *client);
        client->index = i;
        client->up = true;
        client->requests = sim_arena_take(world->arena, SIM_REQUESTS_MAX * sizeof *client->requests);
        world->clients[i] = client;
        sim_at(world, world->now + TICK_MS * SIM_MS, SIM_CLIENT_TICK, i, 0, 0, NULL);
    }
    for (uint32_t number = 0; number < world->plan.job_count; number++) new_job(world, number);
    for (uint32_t number = 0; number < world->plan.request_count; number++) new_request(world, number);
}

/* ---- asking ---- */

static uint64_t message_id(struct sim_client *client, const struct sim_request *request, unsigned asked) {
    return (uint64_t)++client->sequence << 16 | (uint64_t)asked << 8 | (uint64_t)(request - client->requests);
}

static void submit(struct sim_world *world, struct sim_client *client, struct sim_request *request) {
    struct sim_job *job = &world->oracle->jobs[request->job];
    enum sim_request_kind kind = sim_job_kind(job);
    char key[64];
    key_text(job, key, sizeof key);
    struct sl_event event = {.kind = SL_EV_SUBMIT};
    event.submit = (struct sl_ev_submit){.message_id = message_id(client, request, SIM_ASKED_SUBMIT),
                                         .pipeline = job->pipeline->name,
                                         .tenant = sl_text("default"),
                                         .id = job->id,
                                         .once = kind == SIM_REQUEST_ONCE,
                                         .again = request->sends > 0,
                                         .payload = job->payloads[request->variant]};
    if (kind == SIM_REQUEST_KEY) event.submit.key = sl_text(key);
    if (kind == SIM_REQUEST_DOC) event.submit.doc_key = sl_text(key);
    SIM_TRACE(world, SIM_WHO_CLIENT + client->index, 0, 1, request->job, "> %s", sim_event_text(world, &event));
    sim_to_broker(world, request->broker, sim_peer_of_client(client->index), &event);
    request->sends++;
    request->state = SIM_REQUEST_SENT;
    request->due = world->now + ANSWER_MS * SIM_MS;
    request->broker = (request->broker + 1) % world->plan.broker_count;
}

static void follow(struct sim_world *world, struct sim_client *client, struct sim_request *request) {
    struct sim_job *job = &world->oracle->jobs[request->job];
    struct sl_event event = {.kind = SL_EV_WATCH};
    event.watch = (struct sl_ev_watch){.message_id = message_id(client, request, 0), .jobs = &job->id, .job_count = 1};
    sim_to_broker(world, request->broker, sim_peer_of_client(client->index), &event);
    request->due = world->now + FOLLOW_MS * SIM_MS;
    request->broker = (request->broker + 1) % world->plan.broker_count;
}

static void cancel(struct sim_world *world, struct sim_client *client, struct sim_request *request) {
    struct sim_job *job = &world->oracle->jobs[request->job];
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(job->id.bytes, text);
    if (sim_chance(world, SIM_RNG_QUESTION, 300000)) text[PREFIX_DIGITS] = 0;
    struct sl_event event = {.kind = SL_EV_CANCEL_JOB};
    event.cancel_job = (struct sl_ev_cancel_job){.message_id = message_id(client, request, SIM_ASKED_CANCEL),
                                                 .job = sl_text(text),
                                                 .reason = sl_text("not wanted any more")};
    job->wants_cancel = true;
    SIM_TRACE(world, SIM_WHO_CLIENT + client->index, 0, 2, request->job, "> CANCEL_JOB %s", sim_job_text(world, job->id));
    sim_to_broker(world, request->broker, sim_peer_of_client(client->index), &event);
    request->cancel_due = world->now + ANSWER_MS * SIM_MS;
    request->broker = (request->broker + 1) % world->plan.broker_count;
}

static void act(struct sim_world *world, struct sim_client *client, struct sim_request *request) {
    bool asks = request->state == SIM_REQUEST_NEW || request->state == SIM_REQUEST_SENT;
    if (asks && request->due <= world->now) submit(world, client, request);
    if (request->state != SIM_REQUEST_ACCEPTED) return;
    if (request->cancels && !request->cancelled && request->cancel_due <= world->now) cancel(world, client, request);
    if (request->due <= world->now) follow(world, client, request);
}

void sim_client_on_tick(struct sim_world *world, uint32_t index) {
    struct sim_client *client = world->clients[index];
    for (uint32_t i = 0; i < client->request_count; i++) act(world, client, &client->requests[i]);
    if (client->request_count && sim_chance(world, SIM_RNG_QUESTION, world->plan.percent_ask * 10000)) sim_question_ask(world, client);
    sim_at(world, world->now + TICK_MS * SIM_MS, SIM_CLIENT_TICK, index, 0, client->life, NULL);
}

/* A client that starts again knows which requests it made, and no answer. */
void sim_client_crash(struct sim_world *world, uint32_t index) {
    struct sim_client *client = world->clients[index];
    client->life++;
    client->paused_until = 0;
    for (uint32_t i = 0; i < client->request_count; i++) {
        struct sim_request *request = &client->requests[i];
        if (request->state == SIM_REQUEST_NEW || request->state == SIM_REQUEST_REFUSED) continue;
        request->state = SIM_REQUEST_SENT;
        request->due = world->now + 100 * SIM_MS;
    }
    sim_peer_wires_cut(world, sim_peer_of_client(index));
    sim_at(world, world->now + TICK_MS * SIM_MS, SIM_CLIENT_TICK, index, 0, client->life, NULL);
}

/* ---- answers ---- */

static struct sim_request *request_of(struct sim_client *client, uint64_t re) {
    uint32_t index = (uint32_t)(re & 0xff);
    return index < client->request_count ? &client->requests[index] : NULL;
}

static void on_accepted(struct sim_world *world, struct sim_client *client, const struct sl_effect *effect) {
    struct sim_request *request = request_of(client, effect->re);
    if (!request || request->state != SIM_REQUEST_SENT) return;
    struct sim_job *job = &world->oracle->jobs[request->job];
    if (!sl_job_id_equal(job->id, effect->accepted.job))
        sim_violated(world, "I2", "j%u: was accepted under another id", (unsigned)job->number + 1);
    bool known = !world->redis->went_back[sl_job_shard(job->id, (uint16_t)world->plan.shard_count)];
    if (known && sim_job_kind(job) == SIM_REQUEST_KEY && !sl_bytes_equal(job->payload, job->payloads[request->variant]))
        sim_violated(world, "I2", "j%u: a request with another payload under the same key was accepted", (unsigned)job->number + 1);
    if (!job->accepted) job->accepted_at = world->now;
    job->accepted = true;
    request->state = SIM_REQUEST_ACCEPTED;
    request->due = world->now;
}

/* A conflict must be one; a refusal for good needs damage. */
static void on_refused(struct sim_world *world, struct sim_request *request, const struct sl_effect *effect) {
    struct sim_job *job = &world->oracle->jobs[request->job];
    request->state = SIM_REQUEST_REFUSED;
    if (effect->rejected.code == SL_REJECT_CONFLICT && job->submitted &&
        !sl_bytes_equal(job->payload, job->payloads[request->variant])) return;
    if (sim_oracle_is_excused(world, job)) return;
    if (effect->rejected.code == SL_REJECT_DAMAGED && sim_redis_lost_pipeline_of(world, job)) { /* parked: asked for again later */
        request->state = SIM_REQUEST_SENT;
        request->due = world->now + SIM_SECOND;
        return;
    }
    sim_violated(world, "I2", "j%u: refused: %.*s", (unsigned)job->number + 1, (int)effect->rejected.message.size,
                 (const char *)effect->rejected.message.data);
}

static bool is_retryable(enum sl_reject code) {
    static const bool retryable[SL_REJECT_COUNT] = {
#define SL_REJECT(name, text, again, exit_code) [SL_REJECT_##name] = again,
#include "base/reject.def"
#undef SL_REJECT
    };
    return retryable[code];
}

static void on_rejected(struct sim_world *world, struct sim_client *client, const struct sl_effect *effect) {
    struct sim_request *request = request_of(client, effect->re);
    unsigned asked = effect->re >> 8 & 0xff;
    if (!request) return;
    enum sl_reject code = effect->rejected.code;
    bool may_be_told = (world->plan.percent_catalog || world->redis->ever_lost) && code == SL_REJECT_UNKNOWN_PIPELINE;
    if (is_retryable(code) || may_be_told) {
        uint64_t due = world->now + (effect->rejected.retry_after_ms ? effect->rejected.retry_after_ms : 50) * (uint64_t)SIM_MS;
        if (asked == SIM_ASKED_SUBMIT && request->state == SIM_REQUEST_SENT) request->due = due;
        if (asked == SIM_ASKED_CANCEL) request->cancel_due = due;
        return;
    }
    if (asked == SIM_ASKED_SUBMIT && request->state == SIM_REQUEST_SENT) on_refused(world, request, effect);
    if (asked == SIM_ASKED_CANCEL) request->cancelled = true;
}

static void on_changed(struct sim_world *world, struct sim_client *client, const struct sl_do_changed *changed) {
    for (uint32_t i = 0; i < client->request_count; i++) {
        struct sim_request *request = &client->requests[i];
        struct sim_job *job = &world->oracle->jobs[request->job];
        if (request->state != SIM_REQUEST_ACCEPTED || !sl_job_id_equal(job->id, changed->job)) continue;
        if (!changed->known && job->removed)
            request->state = SIM_REQUEST_ENDED; /* it ended, and is kept no more */
        else if (!changed->known && sim_oracle_is_excused(world, job))
            request->state = SIM_REQUEST_REFUSED; /* its record was read wrong */
        else if (!changed->known && sim_redis_lost_pipeline_of(world, job))
            continue; /* it is parked */
        else if (!changed->known)
            sim_violated(world, "I1", "j%u: was accepted and is not known any more", (unsigned)job->number + 1);
        else if (sl_job_state_is_terminal(changed->state)) request->state = SIM_REQUEST_ENDED;
    }
}

void sim_client_on_message(struct sim_world *world, uint32_t index, uint32_t broker, struct sim_message *message) {
    struct sim_client *client = world->clients[index];
    const struct sl_effect *effect = &message->effect;
    if (!sim_wire_stands(world, broker, sim_peer_of_client(index), message->peer)) return;
    SIM_TRACE(world, SIM_WHO_CLIENT + index, 0, 3, effect->kind, "%s", sim_effect_text(world, effect));
    if (effect->kind == SL_DO_ACCEPTED) on_accepted(world, client, effect);
    if (effect->kind == SL_DO_REJECTED) on_rejected(world, client, effect);
    if (effect->kind == SL_DO_CHANGED) on_changed(world, client, &effect->changed);
    if (effect->kind == SL_DO_ANSWER) sim_question_shown(world, client, effect);
    struct sim_request *request = effect->kind == SL_DO_CANCELLED ? request_of(client, effect->re) : NULL;
    if (request) request->cancelled = true;
}

bool sim_clients_are_quiet(const struct sim_world *world, char *why, size_t size) {
    for (uint32_t c = 0; c < world->plan.client_count; c++) {
        const struct sim_client *client = world->clients[c];
        for (uint32_t i = 0; i < client->request_count; i++) {
            const struct sim_request *request = &client->requests[i];
            const struct sim_job *job = &world->oracle->jobs[request->job];
            if (request->state == SIM_REQUEST_ENDED || request->state == SIM_REQUEST_REFUSED) continue;
            if (sim_oracle_is_excused(world, job)) continue;
            snprintf(why, size, "client %u waits for j%u (%s, durable: %s)", (unsigned)c + 1, (unsigned)job->number + 1,
                     request->state == SIM_REQUEST_ACCEPTED ? "accepted, not seen ended" : "not answered",
                     job->submitted ? sl_job_state_word((enum sl_job_state)job->state) : "not submitted");
            return false;
        }
    }
    return true;
}
