/* A broker for tests of the worker: it speaks the wire, keeps what the worker said, and does nothing that the test did not ask for.
 * One thread: it works only while the test waits. */
#ifndef SL_TEST_BROKER_H
#define SL_TEST_BROKER_H

#include "base/buf.h"
#include "base/id.h"
#include "base/outcome.h"

enum { TEST_RESULTS_MAX = 8192, TEST_WAIT_MS = 20000 };

struct test_result {
    struct sl_token token;
    enum sl_outcome outcome;
    uint64_t count;
    uint64_t duration_ms;
    uint32_t value_count;
    char key[65];         /* of the first state value */
    struct sl_buf value;  /* of the first state value */
    struct sl_buf output;
    char error[1024];     /* their beginnings */
    char detail[8300];
};

struct test_beat {
    uint64_t count; /* heartbeats received */
    uint64_t slots;
    uint32_t in_flight;
    uint32_t waiting;
    uint32_t results;
};

struct test_broker {
    char endpoint[200];
    struct sl_link_context *context;
    struct sl_router *router;
    struct sl_loop *loop;
    uint64_t peer; /* the newest that said HELLO; 0: none */
    uint64_t next_beat_ns;

    bool acks;          /* answers RESULT and FIELD */
    bool beats;         /* sends HEARTBEAT */
    bool refuses_fields; /* answers FIELD with REJECTED */
    bool knows_nobody;  /* answers everything but HELLO with RESET */
    uint64_t heartbeat_ms;
    uint64_t lost_ms;

    uint32_t hello_count;
    uint64_t slots;
    uint32_t hello_in_flight;
    uint32_t hello_results;
    uint8_t instance[16];
    char types[2048]; /* names, those of functions as "libx.so:function/type", each followed by a space */
    uint32_t hello_callables; /* functions that it has looked at */
    uint32_t bye_count;
    struct test_beat beat;
    uint32_t field_count;
    char field_name[65];
    struct test_result *results; /* in the order received, repetitions too */
    uint32_t result_count;

    struct sl_buf canonical; /* of the pipeline in use */
    struct sl_digest digest;
    uint64_t next_nonce;
    uint64_t epoch; /* of the tokens of new tasks, as the shard */
    uint16_t shard;
};

/* Starts at an endpoint of its own. Everything here asserts by Criterion. */
void test_broker_start(struct test_broker *self, const char *directory);
void test_broker_stop(struct test_broker *self);

/* As kill -9 and a new start: the same endpoint, nothing remembered of any worker. */
void test_broker_restart(struct test_broker *self);

/* The pipeline of the tasks to come, from its YAML text. Sent once the worker is connected, and after each HELLO. */
void test_broker_define(struct test_broker *self, const char *yaml);

/* Sends one task for that stage; the token comes back. `input` is msgpack; empty: nil. */
struct sl_token test_broker_assign(struct test_broker *self, uint16_t stage, uint32_t timeout_ms, struct sl_bytes input);

/* Sends `count` tasks in one message; tokens go to out_tokens. */
void test_broker_assign_many(struct test_broker *self, uint16_t stage, uint32_t timeout_ms, struct sl_bytes input,
                             uint32_t count, struct sl_token *out_tokens);

/* Sends the very same task again. */
void test_broker_repeat(struct test_broker *self, const struct sl_token *token, uint32_t timeout_ms);

void test_broker_cancel(struct test_broker *self, const struct sl_token *token);

/* Tells the worker these functions. */
void test_broker_callables(struct test_broker *self, const char *const *callables, uint32_t count);

void test_broker_reset(struct test_broker *self);
void test_broker_raw(struct test_broker *self, struct sl_bytes frame);

/* Works until the condition holds; false after timeout_ms. */
typedef bool test_condition(struct test_broker *self, void *context);
bool test_broker_until(struct test_broker *self, uint64_t timeout_ms, test_condition *holds, void *context);

/* Works until the worker has said HELLO `count` times. */
void test_broker_wait_hello(struct test_broker *self, uint32_t count);

/* Works until that attempt's result is there, and returns it (the first one). */
const struct test_result *test_broker_wait_result(struct test_broker *self, const struct sl_token *token);

/* The first result of a token, or NULL; and how many came. */
const struct test_result *test_broker_find(const struct test_broker *self, const struct sl_token *token);
uint32_t test_broker_count(const struct test_broker *self, const struct sl_token *token);

#endif
