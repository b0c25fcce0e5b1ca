/* Whose code runs a stage: a function that the pipeline names, or a plugin's own. */
#include "core_driver.h"
#include "io/yaml.h"
#include "model/pipeline.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION "libacme.so:register"
#define REPLACING "plugins: [{callable: \"" FUNCTION "\", replace: true}]\n"
#define KEEPING "plugins: [{callable: \"" FUNCTION "\"}]\n"

enum { PROBER = 5, OTHER = 6 };

static struct core_driver driver;

static void apply(const char *name, const char *type, const char *plugins) {
    static char text[64 << 10];
    struct sl_tree tree;
    struct sl_yaml_error error;
    struct sl_problems problems;
    struct sl_pipeline *pipeline;
    snprintf(text, sizeof text, "name: %s\nversion: \"2026-01-15\"\nstages:\n  - {name: a, type: %s}\n%s", name, type, plugins);
    cr_assert_eq(sl_yaml_parse(sl_text(text), sl_alloc_system(), &tree, &error), 0);
    sl_problems_init(&problems, sl_alloc_system());
    cr_assert_eq(sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline), 0);
    struct sl_event event = {.kind = SL_EV_PIPELINE};
    event.pipeline = (struct sl_ev_pipeline){.digest = pipeline->digest, .canonical = pipeline->canonical, .current = true};
    driver_step(&driver, &event);
    sl_pipeline_free(&pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
}

/* A type of that name; the state key is "said". */
static struct sl_stage_type type_of(const char *callable, const char *name) {
    static const struct sl_bytes keys[] = {{(const uint8_t *)"said", 4}};
    return (struct sl_stage_type){.type = sl_text(name), .callable = sl_text(callable), .state_keys = {.items = keys, .count = 1},
                                  .digest = {{1, (uint8_t)*callable}}};
}

/* A worker with one slot that looks at functions; type NULL: it offers none. */
static void hello(uint64_t peer, const struct sl_stage_type *type, const char *looked) {
    struct sl_bytes callable = sl_text(looked);
    struct sl_event event = {.kind = SL_EV_HELLO};
    event.hello = (struct sl_ev_hello){.peer = peer, .name = sl_text("p"), .instance = {{(uint8_t)peer}}, .slots = 1, .types = type,
                                       .type_count = type != NULL, .probes = true, .callables = &callable, .callable_count = *looked != 0};
    driver_step(&driver, &event);
}

static void submit(const char *pipeline, const char *key) {
    struct sl_event event = {.kind = SL_EV_SUBMIT};
    event.submit = (struct sl_ev_submit){.peer = DRIVER_PEER_CLIENT, .message_id = 1, .pipeline = sl_text(pipeline),
                                         .tenant = sl_text("default"), .key = sl_text(key),
                                         .id = sl_job_id_make(sl_text("salt"), sl_text("default"), "key", sl_text(key)),
                                         .payload = sl_text("\xc0")};
    uint32_t accepted = driver.said[SL_DO_ACCEPTED];
    for (int tries = 0; tries < 3 && driver.said[SL_DO_ACCEPTED] == accepted; tries++) { /* as a client does */
        driver_step(&driver, &event);
        event.submit.again = true;
    }
}

static void result(uint64_t peer, const char *key) {
    struct sl_state_value value = {.key = sl_text(key), .value = sl_text("\xa5value")};
    struct sl_event event = {.kind = SL_EV_RESULT};
    event.result = (struct sl_ev_result){.peer = peer, .token = driver.assigned, .outcome = SL_OUTCOME_DONE, .values = &value,
                                         .value_count = 1, .count = 1};
    driver_step(&driver, &event);
}

static void gone(uint64_t peer) {
    struct sl_event event = {.kind = SL_EV_WORKER_GONE, .peer = peer};
    driver_step(&driver, &event);
}

static uint64_t count_of(enum sl_job_state state) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    return figures.jobs[state];
}

static void start(void) {
    driver_init(&driver, 0);
}

static void stop(void) {
    driver_fini(&driver);
}

TestSuite(bindings, .init = start, .fini = stop);

Test(bindings, workers_that_look_are_told_each_function_until_they_have_looked) {
    hello(PROBER, NULL, "");
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 0, "there is nothing to look at");
    apply("p", "acme", KEEPING);
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 1, "the driver's own worker does not look");
    cr_assert_eq(driver.callable_count, 1);
    apply("again", "acme", REPLACING);
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 1, "it was told");
    struct sl_event beat = {.kind = SL_EV_HEARTBEAT};
    beat.heartbeat = (struct sl_ev_heartbeat){.peer = PROBER, .slots = 1};
    driver_step(&driver, &beat);
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 2, "what was lost is said again");
    hello(PROBER, NULL, FUNCTION);
    beat.heartbeat = (struct sl_ev_heartbeat){.peer = PROBER, .slots = 1};
    driver_step(&driver, &beat);
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 2);
    hello(OTHER, NULL, "");
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 3, "one that comes later is told at once");
    apply("python", "acme", "plugins: [{callable: \"package.module:register\"}]\n");
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 3, "that names no library");
}

Test(bindings, a_stage_goes_to_a_worker_that_offers_the_functions_type) {
    struct sl_stage_type acme = type_of(FUNCTION, "acme");
    apply("p", "acme", KEEPING);
    submit("p", "1");
    cr_assert_str_eq(driver.missing, FUNCTION "/acme");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 0);
    hello(PROBER, &acme, FUNCTION);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1);
    cr_assert_eq(driver.assigned_to, PROBER);
    cr_assert_str_eq(driver.assigned_callable, FUNCTION);
    cr_assert_eq(driver.said[SL_DO_TYPE], 5, "it is recorded, like the four of the driver's worker");
    result(PROBER, "said");
    cr_assert_eq(count_of(SL_JOB_COMPLETED), 1, "its registered state key counts");
    apply("q", "acme", "");
    submit("q", "2");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1, "to a pipeline that does not name it nobody offers it");
    cr_assert_str_eq(driver.missing, "acme");
}

Test(bindings, ready_stages_go_with_their_type) {
    struct sl_stage_type acme = type_of(FUNCTION, "acme"), plain = type_of("", "acme");
    apply("p", "acme", KEEPING);
    hello(PROBER, &acme, FUNCTION);
    submit("p", "1");
    struct sl_event beat = {.kind = SL_EV_HEARTBEAT}; /* it drains: no slot, and what it has it gives back */
    beat.heartbeat = (struct sl_ev_heartbeat){.peer = PROBER, .in_flight = &driver.assigned, .in_flight_count = 1};
    driver_step(&driver, &beat);
    struct sl_event returned = {.kind = SL_EV_RESULT};
    returned.result = (struct sl_ev_result){.peer = PROBER, .token = driver.assigned, .outcome = SL_OUTCOME_RETURNED};
    driver_step(&driver, &returned);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1);
    hello(OTHER, &plain, FUNCTION);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 2);
    cr_assert_eq(driver.assigned_to, OTHER, "the plugin's own goes before a function that does not replace");
    cr_assert_str_eq(driver.assigned_callable, "");
}

Test(bindings, what_may_be_replaced_waits_for_those_that_look) {
    struct sl_stage_type other = type_of(FUNCTION, "t0");
    hello(PROBER, NULL, "");
    apply("p", "t0", REPLACING);
    submit("p", "1");
    cr_assert_str_eq(driver.missing, FUNCTION "/t0");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 0, "the plugin's own must not run meanwhile");
    hello(PROBER, &other, FUNCTION);
    cr_assert_eq(driver.assigned_to, PROBER);
    cr_assert_str_eq(driver.assigned_callable, FUNCTION);
    hello(OTHER, NULL, "");
    submit("p", "2");
    result(PROBER, "said");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 2, "who comes later is not waited for: what the function offers is known");
    cr_assert_eq(driver.assigned_to, PROBER);
}

Test(bindings, a_function_that_nobody_can_load_is_passed_over) {
    hello(PROBER, NULL, "");
    apply("p", "t0", REPLACING);
    submit("p", "1");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 0);
    hello(PROBER, NULL, FUNCTION);
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER);
    cr_assert_str_eq(driver.assigned_callable, "");
}

Test(bindings, a_worker_that_is_gone_is_not_waited_for) {
    hello(PROBER, NULL, "");
    apply("p", "t0", REPLACING);
    submit("p", "1");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 0);
    gone(PROBER);
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER);
}

Test(bindings, a_function_that_registers_other_types_is_not_waited_for) {
    struct sl_stage_type acme = type_of(FUNCTION, "acme");
    apply("p", "t0", REPLACING);
    hello(PROBER, &acme, FUNCTION);
    hello(OTHER, NULL, "");
    submit("p", "1");
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER);
}

Test(bindings, without_replace_the_plugins_own_stays) {
    struct sl_stage_type other = type_of(FUNCTION, "t0");
    hello(PROBER, NULL, "");
    apply("p", "t0", KEEPING);
    submit("p", "1");
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER, "nobody is waited for");
    hello(PROBER, &other, FUNCTION);
    submit("p", "2");
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 2);
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER);
}

Test(bindings, an_attempt_keeps_the_state_keys_that_it_began_with) {
    struct sl_stage_type other = type_of(FUNCTION, "t0");
    apply("p", "t0", REPLACING);
    submit("p", "1");
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER);
    hello(PROBER, &other, FUNCTION);
    result(DRIVER_PEER_WORKER, "k0");
    cr_assert_eq(count_of(SL_JOB_COMPLETED), 1);
}

Test(bindings, another_registration_is_accepted_by_its_key) {
    struct sl_stage_type acme = type_of(FUNCTION, "acme"), newer = acme;
    newer.digest.bytes[0] ^= 1;
    apply("p", "acme", KEEPING);
    hello(PROBER, &acme, FUNCTION);
    hello(OTHER, &newer, FUNCTION);
    cr_assert_eq(driver.refused_count, 1);
    struct sl_event accept = {.kind = SL_EV_ACCEPT_TYPE};
    accept.accept_type = (struct sl_ev_accept_type){.peer = DRIVER_PEER_CLIENT, .message_id = 7, .type = sl_text("acme")};
    driver_step(&driver, &accept);
    cr_assert_eq(driver.rejected, SL_REJECT_UNKNOWN_TYPE);
    accept.accept_type = (struct sl_ev_accept_type){.peer = DRIVER_PEER_CLIENT, .message_id = 7, .type = sl_text(FUNCTION "/acme")};
    driver_step(&driver, &accept);
    cr_assert_eq(driver.said[SL_DO_REPLACE_TYPE], 1);
}

Test(bindings, what_no_pipeline_names_is_not_taken) {
    uint32_t recorded = driver.said[SL_DO_TYPE];
    struct sl_stage_type unnamed = type_of(FUNCTION, "acme"), forged = type_of("", FUNCTION "/t0");
    hello(PROBER, &unnamed, FUNCTION);
    apply("p", "t0", REPLACING);
    cr_assert_eq(driver.said[SL_DO_CALLABLES], 1, "what it looked at for somebody else it says again");
    hello(OTHER, &forged, FUNCTION);
    cr_assert_eq(driver.said[SL_DO_TYPE], recorded, "a plain type cannot pass for a function's");
}

/* As many functions as a cluster may have, one more, and many more. */
Test(bindings, there_are_at_most_so_many_functions) {
    static char plugins[16 << 10];
    hello(PROBER, NULL, "");
    for (uint32_t made = 0; made < 2 * SL_CALLABLES_MAX;) {
        char name[32];
        size_t size = (size_t)snprintf(plugins, sizeof plugins, "plugins:\n");
        uint32_t count = made == SL_CALLABLES_MAX ? 1 : SL_PLUGIN_REFERENCES_MAX;
        for (uint32_t i = 0; i < count; i++, made++) size += (size_t)snprintf(plugins + size, sizeof plugins - size, "  - {callable: \"lib%u.so:f\"}\n", made);
        snprintf(name, sizeof name, "p%u", made);
        apply(name, "t0", plugins);
        cr_assert_eq(driver.callable_count, made < SL_CALLABLES_MAX ? made : SL_CALLABLES_MAX);
        cr_assert_eq(driver.said[SL_DO_ALARM] > 0, made > SL_CALLABLES_MAX);
    }
    submit("p1", "1");
    apply("p1", "t0", "plugins: [{callable: \"libmore.so:f\", replace: true}]\n");
    driver.assigned_to = 0;
    submit("p1", "2");
    cr_assert_eq(driver.assigned_to, 0, "no other code runs in its place");
    apply("p1", "t0", "plugins: [{callable: \"libmore.so:f\"}]\n");
    submit("p1", "3");
    cr_assert_eq(driver.assigned_to, DRIVER_PEER_WORKER, "what is there already goes before");
}

static void live(uint64_t fail_at) {
    struct sl_stage_type acme = type_of(FUNCTION, "acme"), other = type_of("libother.so:f", "t0");
    driver_init(&driver, 0);
    driver.memory.take_count = 0;
    if (fail_at) driver.memory.countdown = fail_at - 1;
    hello(PROBER, NULL, "");
    apply("p", "acme", KEEPING);
    apply("q", "t0", "plugins: [{callable: \"libother.so:f\", replace: true}]\n");
    submit("p", "1");
    submit("q", "2");
    hello(PROBER, &acme, FUNCTION);
    hello(OTHER, &other, "libother.so:f");
    driver.memory.countdown = UINT64_MAX;
    driver_wait(&driver, 20);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 2, "allocation %llu", (unsigned long long)fail_at);
    cr_assert_eq(driver.assigned_to, OTHER, "allocation %llu", (unsigned long long)fail_at);
}

Test(bindings_without_memory, nothing_is_lost) {
    live(0);
    uint64_t count = driver.memory.take_count;
    driver_fini(&driver);
    cr_assert_gt(count, 0);
    for (uint64_t fail_at = 1; fail_at <= count; fail_at++) {
        live(fail_at);
        driver_fini(&driver);
    }
}
