/* A core stepped by hand; see core_driver.h. */
#include "core_driver.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/outcome.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void dump(const struct core_driver *driver, struct sl_buf *buf) {
    sl_buf_clear(buf);
    for (uint16_t shard = 0; shard < 2; shard++) (void)sl_sched_dump(driver->core, shard, buf);
}

static void keep_text(char out[256], struct sl_bytes text) {
    size_t size = text.size < 255 ? text.size : 255;
    if (size) memcpy(out, text.data, size);
    out[size] = '\0';
}

static void note(struct core_driver *driver, const struct sl_effect *effect) {
    driver->said[effect->kind]++;
    if (effect->kind == SL_DO_ASSIGN) {
        driver->assigned = effect->assign.token;
        driver->assigned_to = effect->peer;
        (void)snprintf(driver->assigned_callable, sizeof driver->assigned_callable, "%.*s", (int)effect->assign.callable.size,
                       effect->assign.callable.size ? (const char *)effect->assign.callable.data : "");
    }
    if (effect->kind == SL_DO_CALLABLES) driver->callable_count = effect->callables.count;
    if (effect->kind == SL_DO_ACCEPTED) {
        struct sl_bytes missing = effect->accepted.missing_type_count ? effect->accepted.missing_types[0] : sl_text("");
        (void)snprintf(driver->missing, sizeof driver->missing, "%.*s", (int)missing.size, (const char *)missing.data);
    }
    if (effect->kind == SL_DO_CHANGED) driver->changed = effect->changed;
    if (effect->kind == SL_DO_ACCEPTED) driver->accepted = effect->accepted;
    driver->rests_on[effect->kind] = effect->n;
    if (effect->kind == SL_DO_WELCOME) driver->refused_count = effect->welcome.refused_count;
    if (effect->kind == SL_DO_ANSWER) {
        struct sl_mp_reader reader = sl_mp_reader(effect->answer.items);
        driver->answer_count = sl_mp_read_array(&reader, UINT32_MAX);
        cr_assert_lt(effect->answer.next.size, sizeof driver->next);
        snprintf(driver->next, sizeof driver->next, "%.*s", (int)effect->answer.next.size, (const char *)effect->answer.next.data);
        if (driver->on_answer) driver->on_answer(driver, effect->answer.items);
    }
    if (effect->kind == SL_DO_ALARM || effect->kind == SL_DO_KEEP) {
        struct sl_bytes text = effect->kind == SL_DO_KEEP ? effect->keep.why : effect->text;
        (void)snprintf(driver->alarm, sizeof driver->alarm, "%.*s", (int)text.size, (const char *)text.data);
    }
    if (effect->kind == SL_DO_KEEP) {
        cr_assert_leq(effect->keep.file.size, sizeof driver->kept);
        driver->kept_size = effect->keep.file.size;
        if (driver->kept_size) memcpy(driver->kept, effect->keep.file.data, driver->kept_size);
    }
    if (effect->kind == SL_DO_REJECTED) {
        driver->rejected = effect->rejected.code;
        keep_text(driver->rejected_text, effect->rejected.message);
    }
    if (effect->kind == SL_DO_CHANGED) keep_text(driver->changed_text, effect->changed.reason);
    if (effect->kind != SL_DO_CALL) return;
    driver->made[effect->call.verb]++;
    cr_assert_lt(driver->call_count, DRIVER_CALLS_MAX);
    struct sl_ledger_call *call = &driver->calls[(driver->first_call + driver->call_count++) % DRIVER_CALLS_MAX];
    *call = effect->call;
    uint8_t *body = malloc(call->body.size + 1);
    if (call->body.size) memcpy(body, call->body.data, call->body.size);
    call->body.data = body;
}

/* One step; a step that finds no memory has changed no job and is taken again. */
static void step(struct core_driver *driver, struct sl_event *event) {
    struct sl_buf before, after;
    struct sl_effects effects;
    char why[256] = "";
    sl_buf_init(&before, sl_alloc_system());
    sl_buf_init(&after, sl_alloc_system());
    dump(driver, &before);
    event->now = driver->now;
    event->wall_ms = 1700000000000u + driver->now / 1000000u - driver->wall_back_ms;
    int rc;
    while ((rc = sl_sched_step(driver->core, event, &effects)) != SL_OK) {
        cr_assert_eq(rc, SL_E_NO_MEMORY, "%s", sl_err_text(rc));
        cr_assert(driver->memory.has_failed);
        driver->memory.countdown = UINT64_MAX;
        driver->failures++;
        dump(driver, &after);
        cr_assert(sl_bytes_equal(sl_buf_bytes(&before), sl_buf_bytes(&after)), "a step that failed changed a job");
        cr_assert_eq(sl_sched_check(driver->core, why, sizeof why), SL_OK, "%s", why);
    }
    if (driver->memory.has_failed) driver->memory.countdown = UINT64_MAX;
    for (uint32_t i = 0; i < effects.count; i++) note(driver, &effects.items[i]);
    cr_assert_eq(sl_sched_check(driver->core, why, sizeof why), SL_OK, "event %d: %s", (int)event->kind, why);
    if (driver->after_step) driver->after_step(driver);
    sl_buf_fini(&before);
    sl_buf_fini(&after);
}

static void answer_all(struct core_driver *driver) {
    while (driver->call_count && !driver->holds) {
        struct sl_ledger_call call = driver->calls[driver->first_call];
        struct sl_ledger_reply reply;
        driver->first_call = (driver->first_call + 1) % DRIVER_CALLS_MAX;
        driver->call_count--;
        cr_assert_eq(ledger_twin_call(driver->twin, &call, &reply), 0);
        free((void *)(uintptr_t)call.body.data);
        struct sl_event event = {.kind = SL_EV_LEDGER_REPLY, .reply = &reply};
        step(driver, &event);
        struct sl_event flush = {.kind = SL_EV_FLUSH};
        step(driver, &flush);
    }
}

void driver_step(struct core_driver *driver, struct sl_event *event) {
    struct sl_event flush = {.kind = SL_EV_FLUSH};
    driver->now += 100000;
    step(driver, event);
    step(driver, &flush);
    answer_all(driver);
}

void driver_wait(struct core_driver *driver, uint32_t ms) {
    for (uint32_t passed = 0; passed < ms; passed += 10) {
        struct sl_event tick = {.kind = SL_EV_TICK};
        driver->now += 10 * 1000000u;
        step(driver, &tick);
        answer_all(driver);
    }
}

static void tell_catalog(struct core_driver *driver, uint32_t pipelines) {
    for (uint32_t i = 0; i < pipelines; i++) {
        struct sl_event pipeline = {.kind = SL_EV_PIPELINE};
        pipeline.pipeline = (struct sl_ev_pipeline){
            .digest = sim_shape(i)->digest, .canonical = sim_shape(i)->canonical, .current = true};
        driver_step(driver, &pipeline);
    }
    struct sl_event policy = {.kind = SL_EV_POLICY};
    policy.policy = (struct sl_policy){.name = sl_text("default"), .attempts_max = 3, .timeout_ms = 1000,
                                       .backoff = {SL_BACKOFF_LINEAR, 20, 100, false}};
    driver_step(driver, &policy);
}

void driver_hello(struct core_driver *driver) {
    struct sl_stage_type types[4];
    struct sl_event hello = {.kind = SL_EV_HELLO};
    for (uint32_t i = 0; i < 4; i++) types[i] = *sim_type(i);
    hello.hello = (struct sl_ev_hello){.peer = DRIVER_PEER_WORKER, .name = sl_text("w1"), .instance = {{7}},
                                       .slots = 4, .types = types, .type_count = 4};
    driver_step(driver, &hello);
}

static void new_core(struct core_driver *driver) {
    uint8_t incarnation = ++driver->incarnation;
    struct sl_sched_config config = sl_sched_config_default();
    config.settle_ms = 50;
    config.incarnation = (struct sl_incarnation){{incarnation}};
    config.succeeds = (struct sl_incarnation){{(uint8_t)(incarnation - 1)}};
    config.seed = 5;
    config.shard_count = 2;
    config.lost_ms = 60000;
    config.retention_ms = driver->retention_ms;
    config.retention_bytes = driver->retention_bytes;
    if (driver->tombstone_ms) config.tombstone_ms = driver->tombstone_ms;
    uint64_t countdown = driver->memory.countdown;
    driver->memory.countdown = UINT64_MAX; /* a process that finds no memory at its start is just started again */
    cr_assert_eq(sl_sched_new(&driver->memory.alloc, &config, &driver->core), 0);
    driver->memory.countdown = countdown;
}

void driver_put_pipeline(struct core_driver *driver, uint32_t shape, bool there) {
    const struct sl_pipeline *pipeline = sim_shape(shape);
    ledger_twin_put_pipeline(driver->twin, pipeline->digest, there ? pipeline->canonical : sl_bytes(NULL, 0));
}

void driver_init(struct core_driver *driver, uint64_t fail_at) {
    memset(driver, 0, sizeof *driver);
    sl_failing_alloc_init(&driver->memory, UINT64_MAX);
    driver->now = 1000000000u;
    cr_assert_eq(ledger_twin_new(sl_alloc_system(), &driver->twin), 0);
    for (uint32_t i = 0; i < DRIVER_SHAPES; i++) driver_put_pipeline(driver, i, true);
    new_core(driver);
    if (fail_at) driver->memory.countdown = fail_at - 1;
    tell_catalog(driver, DRIVER_SHAPES);
    struct sl_event up = {.kind = SL_EV_LEDGER_UP};
    driver_step(driver, &up);
    driver_wait(driver, 20);
    driver_hello(driver);
}

void driver_succeed(struct core_driver *driver, uint32_t pipelines) {
    sl_sched_free(&driver->core);
    new_core(driver);
    tell_catalog(driver, pipelines);
    struct sl_event up = {.kind = SL_EV_LEDGER_UP};
    driver_step(driver, &up);
    driver_wait(driver, 200);
    driver_hello(driver);
}

void driver_keep(struct core_driver *driver, uint64_t ms, uint64_t bytes, uint64_t tombstone_ms) {
    driver->retention_ms = ms;
    driver->retention_bytes = bytes;
    driver->tombstone_ms = tombstone_ms;
    driver_succeed(driver, DRIVER_SHAPES);
}

bool driver_take(struct core_driver *driver, enum sl_ledger_verb verb, struct sl_ledger_call *out_call) {
    for (uint32_t i = 0; i < driver->call_count; i++) {
        uint32_t place = (driver->first_call + i) % DRIVER_CALLS_MAX;
        if (driver->calls[place].verb != verb) continue;
        *out_call = driver->calls[place];
        for (uint32_t k = i; k + 1 < driver->call_count; k++) {
            driver->calls[(driver->first_call + k) % DRIVER_CALLS_MAX] = driver->calls[(driver->first_call + k + 1) % DRIVER_CALLS_MAX];
        }
        driver->call_count--;
        return true;
    }
    return false;
}

void driver_perform(struct core_driver *driver, const struct sl_ledger_call *call, struct sl_ledger_reply *out_reply) {
    cr_assert_eq(ledger_twin_call(driver->twin, call, out_reply), 0);
    free((void *)(uintptr_t)call->body.data);
}

void driver_deliver(struct core_driver *driver, const struct sl_ledger_reply *reply) {
    struct sl_event event = {.kind = SL_EV_LEDGER_REPLY, .reply = reply};
    driver_step(driver, &event);
}

void driver_await(struct core_driver *driver, enum sl_ledger_verb verb, struct sl_ledger_call *out_call) {
    for (int i = 0; i < 100; i++) {
        if (driver_take(driver, verb, out_call)) return;
        driver_wait(driver, 10);
    }
    cr_assert_fail("no call of verb %d came", (int)verb);
}

void driver_fini(struct core_driver *driver) {
    for (; driver->call_count; driver->call_count--) {
        free((void *)(uintptr_t)driver->calls[driver->first_call].body.data);
        driver->first_call = (driver->first_call + 1) % DRIVER_CALLS_MAX;
    }
    sl_sched_free(&driver->core);
    ledger_twin_free(&driver->twin);
    cr_assert_eq(driver->memory.live_blocks, 0, "%zu bytes were not given back", driver->memory.live_bytes);
}

struct sl_job_id driver_submit(struct core_driver *driver, uint32_t shape, const char *key, bool again) {
    struct sl_event submit = {.kind = SL_EV_SUBMIT};
    struct sl_job_id id = sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text(key));
    submit.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .again = again,
                                          .pipeline = sim_shape(shape)->name, .tenant = sl_text("default"),
                                          .key = sl_text(key), .id = id, .payload = driver->payload.size ? driver->payload : sl_text("\xa7payload")};
    uint32_t accepted = driver->said[SL_DO_ACCEPTED];
    for (int tries = 0; tries < 3 && driver->said[SL_DO_ACCEPTED] == accepted; tries++) { /* as a client does */
        driver_step(driver, &submit);
        submit.submit.again = true;
    }
    return id;
}

void driver_result(struct core_driver *driver, enum sl_outcome outcome) {
    char key[4] = {'k', (char)('0' + driver->assigned.stage), 0};
    struct sl_state_value value = {.key = sl_text(key), .value = sl_text("\xa5value")};
    struct sl_event result = {.kind = SL_EV_RESULT};
    result.result = (struct sl_ev_result){.peer = DRIVER_PEER_WORKER, .token = driver->assigned, .outcome = outcome,
                                          .values = &value, .value_count = outcome == SL_OUTCOME_DONE, .count = 1,
                                          .error = outcome == SL_OUTCOME_DONE ? sl_text("") : sl_text("no")};
    driver_step(driver, &result);
}

void driver_ended(struct core_driver *driver, uint64_t jobs, uint64_t stale) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver->core, &figures);
    cr_assert_eq(figures.ended_total, jobs);
    cr_assert_eq(figures.stale, stale);
}

void driver_query(struct core_driver *driver, enum sl_query_what what, struct sl_job_id job) {
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(job.bytes, text);
    struct sl_event query = {.kind = SL_EV_QUERY};
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = what, .job = sl_text(text), .limit = 10};
    driver_step(driver, &query);
}
