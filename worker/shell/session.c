/* What the worker says to the broker. The link may refuse a frame for a while; it waits here, in order, up to a limit, beyond which
 * the repetitions of the agent must do. */
#include "worker.h"

#include "base/err.h"
#include "base/limits.h"
#include "io/entropy.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

enum { UNSENT_MAX = 1024, UNSENT_BYTES_MAX = 64 << 20, RECEIVE_MAX = 64, LINGER_MS = 1000, SOCKETS = 4, ERROR_SIZE = 256 };

static void drop_unsent(struct sl_worker *self, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        self->unsent_bytes -= self->unsent[i].size;
        sl_buf_fini(&self->unsent[i]);
    }
    self->unsent_count -= count;
    memmove(self->unsent, self->unsent + count, self->unsent_count * sizeof *self->unsent);
}

static void send_unsent(struct sl_worker *self) {
    uint32_t sent = 0;
    while (sent < self->unsent_count && sl_dealer_send(self->dealer, sl_buf_bytes(&self->unsent[sent])) == SL_OK) sent++;
    if (sent) drop_unsent(self, sent);
}

/* Sends what stands in buf, and frees it. */
static void send_frame(struct sl_worker *self, struct sl_buf *buf) {
    if (buf->failed) sl_worker_out_of_memory();
    int rc = self->unsent_count ? SL_E_AGAIN : sl_dealer_send_buf(self->dealer, buf);
    bool fits = self->unsent_count < UNSENT_MAX && self->unsent_bytes + buf->size <= UNSENT_BYTES_MAX;
    if (rc == SL_E_AGAIN && fits) {
        self->unsent_bytes += buf->size;
        self->unsent[self->unsent_count++] = *buf;
        return;
    }
    if (rc == SL_E_LIMIT) sl_log(SL_LOG_ERROR, "a message of %zu bytes is too large for the broker and was not sent", buf->size);
    sl_buf_fini(buf);
}

static void on_link(void *context) {
    struct sl_worker *self = context;
    struct sl_bytes frame;
    send_unsent(self);
    for (int i = 0; i < RECEIVE_MAX; i++) {
        if (!self->dealer || sl_dealer_receive(self->dealer, &frame)) return;
        sl_session_receive(self, frame);
    }
}

static int connect_link(struct sl_worker *self, char *error, size_t error_size) {
    int rc = sl_dealer_open(self->context, self->options->broker, SL_WORKER_MESSAGE_MAX, &self->dealer, error, error_size);
    if (rc) return rc;
    rc = sl_loop_add_dealer(self->loop, self->dealer, on_link, self);
    if (rc) sl_dealer_free(&self->dealer, 0);
    return rc;
}

static void put_type(struct sl_worker *self, const struct sl_plugin_type *type, const char *callable) {
    const struct sl_bytes decisive[] = {type->name, type->state_keys, type->dependencies,
                                        sl_text(type->idempotent ? "idempotent" : "once")};
    const struct sl_wire_stage_type item = {
        .type = type->name,
        .state_keys = {type->state_key_count, type->state_keys},
        .dependencies = {type->dependency_count, type->dependencies},
        .description = type->description,
        .version = type->version,
        .config_schema = type->config_schema,
        .idempotent = type->idempotent,
        .inline_allowed = type->inline_allowed,
        .digest = sl_digest_parts(decisive, sizeof decisive / sizeof decisive[0]),
        .callable = sl_text(callable ? callable : ""),
    };
    sl_wire_stage_type_put(&self->types, &item);
    self->type_count++;
}

static void put_types(struct sl_worker *self, const struct sl_plugin *plugin) {
    for (uint32_t k = 0; k < plugin->type_count && self->type_count < SL_TYPES_MAX; k++) {
        if (plugin->types[k].is_first || plugin->callable) put_type(self, &plugin->types[k], plugin->callable);
    }
}

void sl_session_offer(struct sl_worker *self) {
    sl_buf_clear(&self->types);
    sl_buf_clear(&self->callables);
    self->type_count = 0;
    self->callable_count = self->functions_looked;
    for (uint32_t i = 0; i < self->plugins->count; i++) put_types(self, &self->plugins->items[i]);
    for (uint32_t i = 0; i < self->functions_looked; i++) {
        put_types(self, &self->functions.items[i]);
        sl_wire_str_put(&self->callables, sl_text(self->functions.items[i].callable));
    }
    if (self->types.failed || self->callables.failed) sl_worker_out_of_memory();
}

int sl_session_new(struct sl_worker *self, char *error, size_t error_size) {
    sl_buf_init(&self->types, sl_alloc_system());
    sl_buf_init(&self->callables, sl_alloc_system());
    sl_buf_init(&self->results, sl_alloc_system());
    self->unsent = calloc(UNSENT_MAX, sizeof *self->unsent);
    if (!self->unsent) return SL_E_NO_MEMORY;
    self->next_message_id = 1;
    sl_entropy(self->instance, sizeof self->instance);
    sl_session_offer(self);
    int rc = sl_link_context_new(SOCKETS, &self->context);
    return rc ? rc : connect_link(self, error, error_size);
}

void sl_session_free(struct sl_worker *self) {
    if (self->dealer) {
        send_unsent(self);
        sl_loop_remove_dealer(self->loop, self->dealer);
        sl_dealer_free(&self->dealer, LINGER_MS);
    }
    if (self->context) sl_link_context_free(&self->context);
    if (self->unsent) drop_unsent(self, self->unsent_count);
    free(self->unsent);
    sl_buf_fini(&self->types);
    sl_buf_fini(&self->callables);
    sl_buf_fini(&self->results);
}

void sl_session_reconnect(struct sl_worker *self) {
    char error[ERROR_SIZE] = "";
    sl_log(SL_LOG_WARNING, "the broker at %s does not answer; connecting again", self->options->broker);
    drop_unsent(self, self->unsent_count);
    sl_buf_clear(&self->results);
    self->result_count = 0;
    sl_loop_remove_dealer(self->loop, self->dealer);
    sl_dealer_free(&self->dealer, 0);
    if (connect_link(self, error, sizeof error)) {
        sl_log(SL_LOG_ERROR, "no link to the broker can be opened: %s", error);
        exit(1); /* the endpoint was fine at the start: the process is out of something */
    }
}

static struct sl_wire_list token_list(struct sl_buf *buf, const struct sl_token *tokens, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) sl_wire_token_put(buf, &tokens[i]);
    return (struct sl_wire_list){.count = count, .items = sl_buf_bytes(buf)};
}

struct beat_lists {
    struct sl_buf in_flight;
    struct sl_buf waiting;
    struct sl_buf results;
};

static void init_lists(struct beat_lists *lists) {
    sl_buf_init(&lists->in_flight, sl_alloc_system());
    sl_buf_init(&lists->waiting, sl_alloc_system());
    sl_buf_init(&lists->results, sl_alloc_system());
}

static void fini_lists(struct beat_lists *lists) {
    sl_buf_fini(&lists->in_flight);
    sl_buf_fini(&lists->waiting);
    sl_buf_fini(&lists->results);
}

void sl_session_hello(struct sl_worker *self, const struct sl_agent_beat *beat) {
    struct beat_lists lists;
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    init_lists(&lists);
    struct sl_wire_hello hello = {.proto_min = SL_WIRE_VERSION, .proto_max = SL_WIRE_VERSION, .slots = beat->slots};
    hello.name = sl_text(self->options->name);
    memcpy(hello.instance, self->instance, sizeof hello.instance);
    hello.types = (struct sl_wire_list){self->type_count, sl_buf_bytes(&self->types)};
    hello.probes = true;
    hello.callables = (struct sl_wire_list){self->callable_count, sl_buf_bytes(&self->callables)};
    hello.in_flight = token_list(&lists.in_flight, beat->in_flight, beat->in_flight_count);
    hello.results = token_list(&lists.results, beat->results, beat->result_count);
    if (sl_wire_hello_encode(&buf, self->next_message_id++, &hello)) sl_worker_out_of_memory();
    send_frame(self, &buf);
    fini_lists(&lists);
}

void sl_session_heartbeat(struct sl_worker *self, const struct sl_agent_beat *beat) {
    struct beat_lists lists;
    struct sl_buf buf;
    sl_session_flush(self); /* a result must not be behind the beat that no longer lists its attempt */
    sl_buf_init(&buf, sl_alloc_system());
    init_lists(&lists);
    struct sl_wire_heartbeat heartbeat = {.session = beat->session, .slots = beat->slots};
    heartbeat.in_flight = token_list(&lists.in_flight, beat->in_flight, beat->in_flight_count);
    heartbeat.waiting = token_list(&lists.waiting, beat->waiting, beat->waiting_count);
    heartbeat.results = token_list(&lists.results, beat->results, beat->result_count);
    if (sl_wire_heartbeat_encode(&buf, self->next_message_id++, &heartbeat)) sl_worker_out_of_memory();
    send_frame(self, &buf);
    fini_lists(&lists);
}

void sl_session_result(struct sl_worker *self, const struct sl_token *token, const struct sl_agent_result *result) {
    size_t size = result->values.size + result->output.size + result->error.size + result->detail.size;
    if (self->result_count && self->results.size + size > SL_BATCH_MESSAGE_MAX) sl_session_flush(self);
    uint64_t duration_ms = result->duration_us / 1000;
    const struct sl_wire_attempt_result item = {
        .token = *token,
        .outcome = result->outcome,
        .values = {result->value_count, result->values},
        .output = result->output,
        .count = result->count,
        .duration_ms = duration_ms < UINT32_MAX ? duration_ms : UINT32_MAX,
        .error = result->error,
        .detail = result->detail,
    };
    sl_wire_attempt_result_put(&self->results, &item);
    if (++self->result_count == SL_SLOTS_MAX) sl_session_flush(self);
}

void sl_session_flush(struct sl_worker *self) {
    if (self->result_count == 0) return;
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    if (self->results.failed) sl_worker_out_of_memory();
    const struct sl_wire_result message = {.results = {self->result_count, sl_buf_bytes(&self->results)}};
    if (sl_wire_result_encode(&buf, self->next_message_id++, &message)) sl_worker_out_of_memory();
    if (self->results.capacity > SL_BATCH_MESSAGE_MAX) sl_buf_fini(&self->results);
    sl_buf_clear(&self->results);
    self->result_count = 0;
    send_frame(self, &buf);
}

void sl_session_field(struct sl_worker *self, const struct sl_agent_effect *effect) {
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    const struct sl_wire_field field = {.token = effect->token, .name = effect->field.name, .value = effect->field.value};
    if (sl_wire_field_encode(&buf, effect->field.message_id, &field)) sl_worker_out_of_memory();
    send_frame(self, &buf);
}

void sl_session_bye(struct sl_worker *self) {
    struct sl_buf buf;
    sl_session_flush(self);
    sl_buf_init(&buf, sl_alloc_system());
    const struct sl_wire_bye bye = {.reason = sl_text("the worker leaves")};
    if (sl_wire_bye_encode(&buf, self->next_message_id++, &bye)) sl_worker_out_of_memory();
    send_frame(self, &buf);
}
