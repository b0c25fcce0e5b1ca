/* A broker for tests; see test_broker.h. */
#include "test_broker.h"

#include "base/err.h"
#include "base/limits.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/loop.h"
#include "io/yaml.h"
#include "model/pipeline.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_buf(struct test_broker *self, struct sl_buf *buf) {
    cr_assert_not(buf->failed);
    (void)sl_router_send(self->router, self->peer, sl_buf_bytes(buf)); /* a worker that was killed is the point of some tests */
    sl_buf_fini(buf);
}

static struct sl_buf new_buf(void) {
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    return buf;
}

static void send_define(struct test_broker *self) {
    if (self->canonical.size == 0 || self->peer == 0) return;
    struct sl_buf buf = new_buf();
    const struct sl_wire_define define = {.digest = self->digest, .definition = sl_buf_bytes(&self->canonical)};
    cr_assert_eq(sl_wire_define_encode(&buf, 7, &define), SL_OK);
    send_buf(self, &buf);
}

static void on_hello(struct test_broker *self, struct sl_bytes body) {
    struct sl_wire_hello hello;
    struct sl_wire_stage_type type;
    cr_assert_eq(sl_wire_hello_decode(body, &hello), SL_OK);
    self->hello_count++;
    self->slots = hello.slots;
    self->hello_in_flight = hello.in_flight.count;
    self->hello_results = hello.results.count;
    memcpy(self->instance, hello.instance, sizeof self->instance);
    self->types[0] = '\0';
    self->hello_callables = hello.callables.count;
    while (sl_wire_stage_type_next(&hello.types, &type)) {
        strncat(self->types, type.callable.size ? (const char *)type.callable.data : "", type.callable.size);
        strcat(self->types, type.callable.size ? "/" : "");
        strncat(self->types, (const char *)type.type.data, type.type.size);
        strcat(self->types, " ");
    }
    struct sl_buf buf = new_buf();
    const struct sl_wire_welcome welcome = {.proto = 1, .session = self->hello_count, .heartbeat_ms = self->heartbeat_ms,
                                            .lost_ms = self->lost_ms};
    cr_assert_eq(sl_wire_welcome_encode(&buf, 1, &welcome), SL_OK);
    send_buf(self, &buf);
    send_define(self);
}

static void copy_text(char *out, size_t size, struct sl_bytes text) {
    size_t taken = text.size < size - 1 ? text.size : size - 1;
    memcpy(out, text.data ? (const void *)text.data : "", taken);
    out[taken] = '\0';
}

static void keep_result(struct test_broker *self, struct sl_wire_attempt_result *item) {
    cr_assert_lt(self->result_count, TEST_RESULTS_MAX);
    struct test_result *result = &self->results[self->result_count++];
    struct sl_wire_state_value value;
    *result = (struct test_result){.token = item->token, .outcome = (enum sl_outcome)item->outcome, .count = item->count,
                                   .duration_ms = item->duration_ms, .value_count = item->values.count};
    result->output = new_buf();
    result->value = new_buf();
    (void)sl_buf_append(&result->output, item->output.data, item->output.size);
    copy_text(result->error, sizeof result->error, item->error);
    copy_text(result->detail, sizeof result->detail, item->detail);
    if (sl_wire_state_value_next(&item->values, &value)) {
        copy_text(result->key, sizeof result->key, value.key);
        (void)sl_buf_append(&result->value, value.value.data, value.value.size);
    }
}

static void on_result(struct test_broker *self, struct sl_bytes body) {
    struct sl_wire_result message;
    struct sl_wire_attempt_result item;
    struct sl_buf acks = new_buf(), buf = new_buf();
    uint32_t count = 0;
    cr_assert_eq(sl_wire_result_decode(body, &message), SL_OK);
    while (sl_wire_attempt_result_next(&message.results, &item)) {
        keep_result(self, &item);
        const struct sl_wire_ack ack = {.token = item.token};
        sl_wire_ack_put(&acks, &ack);
        count++;
    }
    const struct sl_wire_result_ack answer = {.acks = {count, sl_buf_bytes(&acks)}};
    cr_assert_eq(sl_wire_result_ack_encode(&buf, 2, &answer), SL_OK);
    if (self->acks) {
        send_buf(self, &buf);
    } else {
        sl_buf_fini(&buf);
    }
    sl_buf_fini(&acks);
}

static void on_heartbeat(struct test_broker *self, struct sl_bytes body) {
    struct sl_wire_heartbeat beat;
    cr_assert_eq(sl_wire_heartbeat_decode(body, &beat), SL_OK);
    self->beat = (struct test_beat){.count = self->beat.count + 1, .slots = beat.slots, .in_flight = beat.in_flight.count,
                                    .waiting = beat.waiting.count, .results = beat.results.count};
}

static void on_field(struct test_broker *self, struct sl_bytes body, uint64_t message_id) {
    struct sl_wire_field field;
    struct sl_buf buf = new_buf();
    cr_assert_eq(sl_wire_field_decode(body, &field), SL_OK);
    self->field_count++;
    copy_text(self->field_name, sizeof self->field_name, field.name);
    if (self->refuses_fields) {
        const struct sl_wire_rejected rejected = {.re = message_id, .code = sl_text("UNSUPPORTED"), .message = sl_text("no")};
        cr_assert_eq(sl_wire_rejected_encode(&buf, 3, &rejected), SL_OK);
    } else {
        const struct sl_wire_field_ack ack = {.re = message_id};
        cr_assert_eq(sl_wire_field_ack_encode(&buf, 3, &ack), SL_OK);
    }
    if (self->acks) {
        send_buf(self, &buf);
    } else {
        sl_buf_fini(&buf);
    }
}

static void on_frame(struct test_broker *self, uint64_t peer, struct sl_bytes frame) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    cr_assert_eq(sl_wire_open(frame, &prefix, &body), SL_OK);
    if (prefix.type == SL_WIRE_HELLO) {
        self->peer = peer;
        self->knows_nobody = false;
        on_hello(self, body);
        return;
    }
    if (self->knows_nobody) {
        self->peer = peer;
        test_broker_reset(self);
        return;
    }
    switch (prefix.type) {
    case SL_WIRE_RESULT: on_result(self, body); break;
    case SL_WIRE_HEARTBEAT: on_heartbeat(self, body); break;
    case SL_WIRE_FIELD: on_field(self, body, prefix.message_id); break;
    case SL_WIRE_BYE: self->bye_count++; break;
    default: cr_assert_fail("the worker said %u", prefix.type);
    }
}

static void on_router(void *context) {
    struct test_broker *self = context;
    uint64_t peer;
    struct sl_bytes frame;
    for (int i = 0; i < 64 && sl_router_receive(self->router, &peer, &frame) == SL_OK; i++) on_frame(self, peer, frame);
}

static void beat_if_due(struct test_broker *self) {
    uint64_t now = sl_clock_now_ns();
    if (!self->beats || self->peer == 0 || now < self->next_beat_ns) return;
    self->next_beat_ns = now + self->heartbeat_ms * 1000000u;
    struct sl_buf buf = new_buf();
    const struct sl_wire_heartbeat beat = {.session = self->hello_count};
    cr_assert_eq(sl_wire_heartbeat_encode(&buf, 4, &beat), SL_OK);
    send_buf(self, &buf);
}

static void open_router(struct test_broker *self) {
    char error[256];
    int rc = SL_E_EXISTS;
    for (int i = 0; rc == SL_E_EXISTS && i < 500; i++) { /* the router before it is closed by ZeroMQ's thread, a little later */
        rc = sl_router_open(self->context, self->endpoint, SL_WORKER_MESSAGE_MAX, &self->router, error, sizeof error);
        if (rc == SL_E_EXISTS) (void)poll(NULL, 0, 10);
    }
    cr_assert_eq(rc, SL_OK, "%s", error);
    cr_assert_eq(sl_loop_add_router(self->loop, self->router, on_router, self), SL_OK);
}

void test_broker_start(struct test_broker *self, const char *directory) {
    memset(self, 0, sizeof *self);
    self->acks = self->beats = true;
    self->heartbeat_ms = 50;
    self->lost_ms = 1000;
    self->canonical = new_buf();
    self->results = calloc(TEST_RESULTS_MAX, sizeof *self->results);
    sl_entropy(&self->next_nonce, sizeof self->next_nonce);
    self->epoch = 1;
    self->shard = 3;
    (void)snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/workers", directory);
    cr_assert_eq(sl_loop_new(&self->loop), SL_OK);
    cr_assert_eq(sl_link_context_new(8, &self->context), SL_OK);
    open_router(self);
}

static void close_router(struct test_broker *self) {
    sl_loop_remove_router(self->loop, self->router);
    sl_router_free(&self->router, 0);
}

void test_broker_restart(struct test_broker *self) {
    close_router(self);
    self->peer = 0;
    self->knows_nobody = true;
    open_router(self);
}

void test_broker_stop(struct test_broker *self) {
    close_router(self);
    sl_link_context_free(&self->context);
    sl_loop_free(&self->loop);
    for (uint32_t i = 0; i < self->result_count; i++) {
        sl_buf_fini(&self->results[i].value);
        sl_buf_fini(&self->results[i].output);
    }
    free(self->results);
    sl_buf_fini(&self->canonical);
}

void test_broker_define(struct test_broker *self, const char *yaml) {
    struct sl_tree tree;
    struct sl_yaml_error error;
    struct sl_problems problems;
    struct sl_pipeline *pipeline;
    struct sl_buf shown = new_buf();
    sl_problems_init(&problems, sl_alloc_system());
    cr_assert_eq(sl_yaml_parse(sl_text(yaml), sl_alloc_system(), &tree, &error), SL_OK, "%s", error.sentence);
    int rc = sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline);
    sl_problems_show(&problems, "pipeline", sl_text(yaml), &shown);
    cr_assert_eq(rc, SL_OK, "%.*s", (int)shown.size, (const char *)shown.data);
    sl_buf_clear(&self->canonical);
    (void)sl_buf_append(&self->canonical, pipeline->canonical.data, pipeline->canonical.size);
    self->digest = pipeline->digest;
    sl_pipeline_free(&pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
    sl_buf_fini(&shown);
    send_define(self);
}

static void put_task(struct test_broker *self, struct sl_buf *items, const struct sl_token *token, uint32_t timeout_ms,
                     struct sl_bytes input) {
    const struct sl_wire_task task = {
        .token = *token,
        .definition = self->digest,
        .input = input.size ? input : sl_bytes("\xc0", 1),
        .timeout_ms = timeout_ms,
        .tenant = sl_text("default"),
    };
    sl_wire_task_put(items, &task);
}

static void send_assign(struct test_broker *self, struct sl_buf *items, uint32_t count) {
    struct sl_buf buf = new_buf();
    const struct sl_wire_assign assign = {.tasks = {count, sl_buf_bytes(items)}};
    cr_assert_eq(sl_wire_assign_encode(&buf, 5, &assign), SL_OK);
    send_buf(self, &buf);
}

void test_broker_assign_many(struct test_broker *self, uint16_t stage, uint32_t timeout_ms, struct sl_bytes input,
                             uint32_t count, struct sl_token *out_tokens) {
    struct sl_buf items = new_buf();
    for (uint32_t i = 0; i < count; i++) {
        struct sl_token token = {.shard = self->shard, .epoch = self->epoch, .run = 1, .stage = stage, .attempt = 1,
                                 .nonce = self->next_nonce++};
        memcpy(token.job.bytes, &token.nonce, sizeof token.nonce);
        put_task(self, &items, &token, timeout_ms, input);
        out_tokens[i] = token;
    }
    send_assign(self, &items, count);
    sl_buf_fini(&items);
}

struct sl_token test_broker_assign(struct test_broker *self, uint16_t stage, uint32_t timeout_ms, struct sl_bytes input) {
    struct sl_token token;
    test_broker_assign_many(self, stage, timeout_ms, input, 1, &token);
    return token;
}

void test_broker_repeat(struct test_broker *self, const struct sl_token *token, uint32_t timeout_ms) {
    struct sl_buf items = new_buf();
    put_task(self, &items, token, timeout_ms, sl_bytes(NULL, 0));
    send_assign(self, &items, 1);
    sl_buf_fini(&items);
}

void test_broker_cancel(struct test_broker *self, const struct sl_token *token) {
    struct sl_buf items = new_buf(), buf = new_buf();
    const struct sl_wire_task_ref ref = {.token = *token};
    sl_wire_task_ref_put(&items, &ref);
    const struct sl_wire_cancel cancel = {.tasks = {1, sl_buf_bytes(&items)}};
    cr_assert_eq(sl_wire_cancel_encode(&buf, 6, &cancel), SL_OK);
    send_buf(self, &buf);
    sl_buf_fini(&items);
}

void test_broker_callables(struct test_broker *self, const char *const *callables, uint32_t count) {
    struct sl_buf items = new_buf(), buf = new_buf();
    for (uint32_t i = 0; i < count; i++) sl_wire_str_put(&items, sl_text(callables[i]));
    const struct sl_wire_callables message = {.callables = {count, sl_buf_bytes(&items)}};
    cr_assert_eq(sl_wire_callables_encode(&buf, 7, &message), SL_OK);
    send_buf(self, &buf);
    sl_buf_fini(&items);
}

void test_broker_reset(struct test_broker *self) {
    struct sl_buf buf = new_buf();
    const struct sl_wire_reset reset = {.reason = sl_text("unknown session")};
    cr_assert_eq(sl_wire_reset_encode(&buf, 8, &reset), SL_OK);
    send_buf(self, &buf);
}

void test_broker_raw(struct test_broker *self, struct sl_bytes frame) {
    (void)sl_router_send(self->router, self->peer, frame); /* as send_buf */
}

bool test_broker_until(struct test_broker *self, uint64_t timeout_ms, test_condition *holds, void *context) {
    uint64_t end = sl_clock_now_ns() + timeout_ms * 1000000u;
    while (!holds(self, context)) {
        if (sl_clock_now_ns() >= end) return false;
        beat_if_due(self);
        cr_assert_eq(sl_loop_turn(self->loop, 10), SL_OK);
    }
    return true;
}

static bool has_hello(struct test_broker *self, void *context) {
    return self->hello_count >= *(const uint32_t *)context;
}

void test_broker_wait_hello(struct test_broker *self, uint32_t count) {
    cr_assert(test_broker_until(self, TEST_WAIT_MS, has_hello, &count), "the worker said HELLO %u times", self->hello_count);
}

const struct test_result *test_broker_find(const struct test_broker *self, const struct sl_token *token) {
    for (uint32_t i = 0; i < self->result_count; i++) {
        if (sl_token_equal(&self->results[i].token, token)) return &self->results[i];
    }
    return NULL;
}

uint32_t test_broker_count(const struct test_broker *self, const struct sl_token *token) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->result_count; i++) count += sl_token_equal(&self->results[i].token, token);
    return count;
}

static bool has_result(struct test_broker *self, void *context) {
    return test_broker_find(self, context) != NULL;
}

const struct test_result *test_broker_wait_result(struct test_broker *self, const struct sl_token *token) {
    struct sl_token wanted = *token;
    cr_assert(test_broker_until(self, TEST_WAIT_MS, has_result, &wanted), "no result came");
    return test_broker_find(self, token);
}
