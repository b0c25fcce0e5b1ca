/* What workers say: frames to events. What cannot be read is refused here; what it means is the core's business. */
#include "broker.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "io/log.h"
#include "wire/wire.h"

enum { FRAMES_A_TURN = 64 };

/* Decoded tokens of up to three lists, one behind the other in self->decoded. */
static const struct sl_token *tokens_at(const struct sl_broker *self, size_t at) {
    return (const struct sl_token *)(const void *)(self->decoded.data + at);
}

static size_t put_tokens(struct sl_broker *self, struct sl_wire_list list) {
    size_t at = self->decoded.size;
    struct sl_token token;
    while (sl_wire_tokens_next(&list, &token)) (void)sl_buf_append(&self->decoded, &token, sizeof token);
    return at;
}

static int on_heartbeat(struct sl_broker *self, uint64_t peer, struct sl_bytes body) {
    struct sl_wire_heartbeat heartbeat;
    int rc = sl_wire_heartbeat_decode(body, &heartbeat);
    if (rc) return rc;
    sl_buf_clear(&self->decoded);
    size_t in_flight = put_tokens(self, heartbeat.in_flight);
    size_t waiting = put_tokens(self, heartbeat.waiting);
    size_t results = put_tokens(self, heartbeat.results);
    if (self->decoded.failed) return SL_E_NO_MEMORY;
    struct sl_event event = {.kind = SL_EV_HEARTBEAT};
    event.heartbeat = (struct sl_ev_heartbeat){.peer = peer,
                                               .slots = (uint32_t)heartbeat.slots,
                                               .in_flight = tokens_at(self, in_flight),
                                               .in_flight_count = heartbeat.in_flight.count,
                                               .waiting = tokens_at(self, waiting),
                                               .waiting_count = heartbeat.waiting.count,
                                               .results = tokens_at(self, results),
                                               .result_count = heartbeat.results.count};
    sl_broker_step(self, &event);
    return SL_OK;
}

static int on_result(struct sl_broker *self, uint64_t peer, struct sl_bytes body) {
    struct sl_wire_result message;
    struct sl_wire_attempt_result result;
    int rc = sl_wire_result_decode(body, &message);
    if (rc) return rc;
    while (sl_wire_attempt_result_next(&message.results, &result)) {
        struct sl_state_value values[SL_STATE_KEYS_MAX];
        struct sl_wire_state_value value;
        uint32_t count = 0;
        while (count < SL_STATE_KEYS_MAX && sl_wire_state_value_next(&result.values, &value)) {
            values[count++] = (struct sl_state_value){.key = value.key, .value = value.value};
        }
        struct sl_event event = {.kind = SL_EV_RESULT};
        event.result = (struct sl_ev_result){.peer = peer,
                                             .token = result.token,
                                             .outcome = (unsigned)result.outcome,
                                             .values = values,
                                             .value_count = count,
                                             .output = result.output,
                                             .count = result.count,
                                             .duration_ms = (uint32_t)result.duration_ms,
                                             .error = result.error,
                                             .detail = result.detail};
        sl_broker_step(self, &event);
    }
    return SL_OK;
}

static size_t put_texts(struct sl_broker *self, struct sl_wire_list list) {
    size_t at = self->decoded.size;
    struct sl_bytes text;
    while (sl_wire_strs_next(&list, &text)) (void)sl_buf_append(&self->decoded, &text, sizeof text);
    return at;
}

static struct sl_text_list texts_at(const struct sl_broker *self, size_t at, uint32_t count) {
    const struct sl_bytes *items = (const struct sl_bytes *)(const void *)(self->decoded.data + at);
    return (struct sl_text_list){.items = count ? items : NULL, .count = count};
}

/* Types as an array behind the texts of their lists. Room was reserved: the buffer does not move while views of it are made. */
static size_t put_types(struct sl_broker *self, struct sl_wire_list list) {
    struct sl_wire_list again = list;
    struct sl_wire_stage_type type;
    size_t texts = self->decoded.size;
    while (sl_wire_stage_type_next(&list, &type)) {
        (void)put_texts(self, type.state_keys);
        (void)put_texts(self, type.dependencies);
    }
    size_t types = self->decoded.size;
    while (sl_wire_stage_type_next(&again, &type)) {
        struct sl_stage_type decoded = {.type = type.type,
                                        .callable = type.callable,
                                        .description = type.description,
                                        .version = type.version,
                                        .idempotent = type.idempotent,
                                        .inline_allowed = type.inline_allowed,
                                        .digest = type.digest};
        decoded.state_keys = texts_at(self, texts, type.state_keys.count);
        texts += type.state_keys.count * sizeof(struct sl_bytes);
        decoded.dependencies = texts_at(self, texts, type.dependencies.count);
        texts += type.dependencies.count * sizeof(struct sl_bytes);
        sl_buf_put(&self->decoded, &decoded, sizeof decoded);
    }
    return types;
}

static int on_hello(struct sl_broker *self, uint64_t peer, struct sl_bytes body) {
    struct sl_wire_hello hello;
    int rc = sl_wire_hello_decode(body, &hello);
    if (rc) return rc;
    if (hello.proto_min > SL_WIRE_VERSION || hello.proto_max < SL_WIRE_VERSION) {
        sl_log(SL_LOG_WARNING, "a worker speaks protocol %u to %u; this broker speaks %d", (unsigned)hello.proto_min,
               (unsigned)hello.proto_max, SL_WIRE_VERSION);
        return SL_E_VERSION;
    }
    sl_buf_clear(&self->decoded);
    /* Room for all, so that nothing moves the buffer while views of it are made: a text takes a byte of the body at least. */
    size_t room = (hello.in_flight.count + hello.results.count) * sizeof(struct sl_token) +
                  hello.types.count * sizeof(struct sl_stage_type) + (body.size + 1) * sizeof(struct sl_bytes);
    if (sl_buf_reserve(&self->decoded, room)) return SL_E_NO_MEMORY;
    size_t in_flight = put_tokens(self, hello.in_flight);
    size_t results = put_tokens(self, hello.results);
    size_t callables = put_texts(self, hello.callables);
    size_t types = put_types(self, hello.types);
    if (self->decoded.failed) return SL_E_NO_MEMORY;
    struct sl_event event = {.kind = SL_EV_HELLO};
    event.hello = (struct sl_ev_hello){.peer = peer,
                                       .name = hello.name,
                                       .slots = (uint32_t)hello.slots,
                                       .types = (const struct sl_stage_type *)(const void *)(self->decoded.data + types),
                                       .type_count = hello.types.count,
                                       .in_flight = tokens_at(self, in_flight),
                                       .in_flight_count = hello.in_flight.count,
                                       .results = tokens_at(self, results),
                                       .result_count = hello.results.count,
                                       .probes = hello.probes,
                                       .callables = texts_at(self, callables, hello.callables.count).items,
                                       .callable_count = hello.callables.count};
    memcpy(event.hello.instance.bytes, hello.instance, sizeof hello.instance);
    sl_log(SL_LOG_INFO, "worker %.*s said HELLO: %u tasks with it at most, %u stage types", (int)hello.name.size,
           (const char *)hello.name.data, (unsigned)hello.slots, hello.types.count);
    sl_broker_step(self, &event);
    return SL_OK;
}

static int on_field(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_field field;
    int rc = sl_wire_field_decode(body, &field);
    if (rc) return rc;
    if (!sl_text_is_field(field.name) || sl_mp_check(field.value, SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX)) {
        return SL_E_BAD_INPUT;
    }
    struct sl_event event = {.kind = SL_EV_FIELD};
    event.field = (struct sl_ev_field){
        .peer = peer, .message_id = message_id, .token = field.token, .name = field.name, .value = field.value};
    sl_broker_step(self, &event);
    return SL_OK;
}

/* Refusals of what cannot be read. A worker that is of no session is another matter: the core answers that by RESET. */
static void refuse(struct sl_broker *self, uint64_t peer, const struct sl_wire_prefix *prefix, int rc) {
    if (rc == SL_E_VERSION) {
        self->refused_frames++;
        sl_reply_rejected(self, peer, prefix->message_id, SL_REJECT_UNSUPPORTED, "this broker speaks version 1 only");
    } else if (rc == SL_E_NOT_FOUND) {
        self->refused_frames++;
        sl_reply_rejected(self, peer, prefix->message_id, SL_REJECT_UNSUPPORTED,
                          "workers do not send this type of message here");
    } else {
        sl_reply_malformed(self, peer, prefix->message_id, prefix->type, rc);
    }
}

static void take_frame(struct sl_broker *self, uint64_t peer, struct sl_bytes frame) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    int rc = sl_wire_open(frame, &prefix, &body);
    struct sl_event bye = {.kind = SL_EV_BYE, .peer = peer};
    if (rc == SL_OK) {
        switch (prefix.type) {
        case SL_WIRE_HELLO:
            rc = on_hello(self, peer, body);
            break;
        case SL_WIRE_HEARTBEAT:
            rc = on_heartbeat(self, peer, body);
            break;
        case SL_WIRE_RESULT:
            rc = on_result(self, peer, body);
            break;
        case SL_WIRE_FIELD:
            rc = on_field(self, peer, prefix.message_id, body);
            break;
        case SL_WIRE_BYE:
            sl_broker_step(self, &bye);
            break;
        default:
            rc = SL_E_NOT_FOUND;
        }
    } else if (rc != SL_E_VERSION) {
        self->refused_frames++; /* without a prefix there is nothing to answer */
        return;
    }
    if (rc == SL_OK) return;
    bool said = self->refused_frames & (self->refused_frames + 1); /* at the 1st, 2nd, 4th, ...: never a flood */
    if (!said) {
        sl_log(SL_LOG_WARNING, "a worker's %s was refused: %s (%llu messages so far)",
               sl_wire_type_text(prefix.type), sl_err_text(rc), (unsigned long long)self->refused_frames + 1);
    }
    refuse(self, peer, &prefix, rc);
}

void sl_back_ready(void *broker) {
    struct sl_broker *self = broker;
    uint64_t peer;
    struct sl_bytes frame;
    for (int i = 0; i < FRAMES_A_TURN && sl_router_receive(self->back, &peer, &frame) == SL_OK; i++) {
        take_frame(self, peer << 1 | SL_PEER_OF_WORKER, frame);
    }
}
