/* Deep copies; see message.h. */
#include "message.h"

void *sim_copy(struct sim_world *world, const void *data, size_t size) {
    if (size == 0) return NULL;
    void *copy = sim_arena_take(world->arena, size);
    memcpy(copy, data, size);
    return copy;
}

struct sl_bytes sim_bytes(struct sim_world *world, struct sl_bytes bytes) {
    return sl_bytes(sim_copy(world, bytes.data, bytes.size), bytes.size);
}

static void copy_hello(struct sim_world *world, struct sl_ev_hello *hello) {
    hello->name = sim_bytes(world, hello->name);
    hello->in_flight = sim_copy(world, hello->in_flight, hello->in_flight_count * sizeof *hello->in_flight);
    hello->results = sim_copy(world, hello->results, hello->result_count * sizeof *hello->results);
    hello->types = sim_copy(world, hello->types, hello->type_count * sizeof *hello->types); /* texts are static */
}

static void copy_heartbeat(struct sim_world *world, struct sl_ev_heartbeat *beat) {
    beat->in_flight = sim_copy(world, beat->in_flight, beat->in_flight_count * sizeof *beat->in_flight);
    beat->waiting = sim_copy(world, beat->waiting, beat->waiting_count * sizeof *beat->waiting);
    beat->results = sim_copy(world, beat->results, beat->result_count * sizeof *beat->results);
}

static void copy_result(struct sim_world *world, struct sl_ev_result *result) {
    struct sl_state_value *values = sim_copy(world, result->values, result->value_count * sizeof *values);
    for (uint32_t i = 0; i < result->value_count; i++) {
        values[i].key = sim_bytes(world, values[i].key);
        values[i].value = sim_bytes(world, values[i].value);
    }
    result->values = values;
    result->output = sim_bytes(world, result->output);
    result->error = sim_bytes(world, result->error);
    result->detail = sim_bytes(world, result->detail);
}

static void copy_submit(struct sim_world *world, struct sl_ev_submit *submit) {
    struct sl_bytes *texts[] = {&submit->pipeline, &submit->version, &submit->tenant,  &submit->key,
                                &submit->doc_key,  &submit->payload, &submit->labels, &submit->traceparent};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = sim_bytes(world, *texts[i]);
}

struct sim_message *sim_message_event(struct sim_world *world, const struct sl_event *event) {
    struct sim_message *message = sim_arena_take(world->arena, sizeof *message);
    message->event = *event;
    switch (event->kind) {
    case SL_EV_SUBMIT:
        copy_submit(world, &message->event.submit);
        break;
    case SL_EV_CANCEL_JOB:
        message->event.cancel_job.job = sim_bytes(world, event->cancel_job.job);
        message->event.cancel_job.reason = sim_bytes(world, event->cancel_job.reason);
        break;
    case SL_EV_QUERY:
        message->event.query.job = sim_bytes(world, event->query.job);
        message->event.query.name = sim_bytes(world, event->query.name);
        message->event.query.tenant = sim_bytes(world, event->query.tenant);
        message->event.query.cursor = sim_bytes(world, event->query.cursor);
        break;
    case SL_EV_WATCH:
        message->event.watch.jobs =
            sim_copy(world, event->watch.jobs, event->watch.job_count * sizeof *event->watch.jobs);
        break;
    case SL_EV_HELLO:
        copy_hello(world, &message->event.hello);
        break;
    case SL_EV_HEARTBEAT:
        copy_heartbeat(world, &message->event.heartbeat);
        break;
    case SL_EV_FIELD:
        message->event.field.name = sim_bytes(world, event->field.name);
        message->event.field.value = sim_bytes(world, event->field.value);
        break;
    case SL_EV_RESULT:
        copy_result(world, &message->event.result);
        break;
    default:
        break; /* nothing borrowed, or static */
    }
    return message;
}

struct sim_message *sim_message_effect(struct sim_world *world, const struct sl_effect *effect) {
    struct sim_message *message = sim_arena_take(world->arena, sizeof *message);
    struct sl_effect *copy = &message->effect;
    *copy = *effect;
    switch (effect->kind) {
    case SL_DO_REJECTED:
        copy->rejected.message = sim_bytes(world, effect->rejected.message);
        break;
    case SL_DO_ACCEPTED:
        copy->accepted.missing_types = NULL;
        break;
    case SL_DO_ANSWER:
        copy->answer.items = sim_bytes(world, effect->answer.items);
        copy->answer.next = sim_bytes(world, effect->answer.next);
        break;
    case SL_DO_CHANGED:
        copy->changed.pipeline = sim_bytes(world, effect->changed.pipeline);
        copy->changed.stages = sim_bytes(world, effect->changed.stages);
        copy->changed.reason = sim_bytes(world, effect->changed.reason);
        copy->changed.waiting = sim_bytes(world, effect->changed.waiting);
        break;
    case SL_DO_WELCOME:
        copy->welcome.refused = NULL;
        break;
    case SL_DO_DEFINE:
        copy->define.canonical = sim_bytes(world, effect->define.canonical);
        break;
    case SL_DO_ASSIGN:
        copy->assign.input = sim_bytes(world, effect->assign.input);
        copy->assign.tenant = sim_bytes(world, effect->assign.tenant);
        copy->assign.doc_key = sim_bytes(world, effect->assign.doc_key);
        copy->assign.callable = sim_bytes(world, effect->assign.callable);
        break;
    case SL_DO_BYE:
    case SL_DO_RESET:
        copy->text = sim_bytes(world, effect->text);
        break;
    default:
        break;
    }
    return message;
}

struct sim_message *sim_message_call(struct sim_world *world, const struct sl_ledger_call *call) {
    struct sim_message *message = sim_arena_take(world->arena, sizeof *message);
    message->call = *call;
    message->call.body = sim_bytes(world, call->body);
    return message;
}

struct sim_message *sim_message_reply(struct sim_world *world, const struct sl_ledger_reply *reply) {
    struct sim_message *message = sim_arena_take(world->arena, sizeof *message);
    message->answer = *reply;
    message->answer.text = sim_bytes(world, reply->text);
    struct sl_ledger_item *items = sim_copy(world, reply->items, reply->item_count * sizeof *items);
    for (size_t i = 0; i < reply->item_count; i++) {
        items[i].key = sim_bytes(world, items[i].key);
        items[i].value = sim_bytes(world, items[i].value);
    }
    message->answer.items = items;
    return message;
}
