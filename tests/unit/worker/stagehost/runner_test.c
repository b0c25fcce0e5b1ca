/* The runner in one process: pipelines, overrides, instances, functions that a pipeline names. What crashes is in tests/system. */
#include "stagehost/runner.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "io/yaml.h"
#include "model/pipeline.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct sl_runner *runner;
static volatile sig_atomic_t stopping, cooperates;
static uint32_t field_count, progress_count;
static char last_log[128];
static uint64_t next_nonce = 1;

static void on_progress(void *context, const struct sl_pipe_note *note) {
    (void)context;
    (void)note;
    stopping = ++progress_count >= 1;
}

static int on_field(void *context, const struct sl_pipe_note *note) {
    (void)context;
    (void)note;
    field_count++;
    return SL_OK;
}

static void on_log(void *context, sluice_log_level level, const char *text) {
    (void)context;
    (void)level;
    strncpy(last_log, text, sizeof last_log - 1);
}

static const struct sl_attempt_sink sink = {.progress = on_progress, .field = on_field, .log = on_log, .stopping = &stopping,
                                            .cooperates = &cooperates};

static const char *const providers[][2] = {{"nothing", SLUICE_BAD_PLUGINS "/misbehave.so"},
                                           {"two_keys", SLUICE_BAD_PLUGINS "/misbehave.so"},
                                           {"one_key", SLUICE_BAD_PLUGINS "/misbehave.so"},
                                           {"field", SLUICE_BAD_PLUGINS "/misbehave.so"},
                                           {"cooperates", SLUICE_BAD_PLUGINS "/misbehave.so"},
                                           {"noop", SLUICE_PLUGINS "/probe.so"},
                                           {"echo", SLUICE_PLUGINS "/probe.so"},
                                           {"vanished", "/nowhere/vanished.so"}};

static void set_up(void) {
    struct sl_buf list, directories;
    sl_buf_init(&list, sl_alloc_system());
    sl_buf_init(&directories, sl_alloc_system());
    struct sl_pipe_setup setup = {.data_directory = sl_text("/tmp"), .directory_count = 1};
    sl_mp_key(&directories, SLUICE_BAD_PLUGINS);
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        sl_mp_key(&list, providers[i][0]);
        sl_mp_key(&list, providers[i][1]);
        setup.provider_count++;
    }
    setup.directories = sl_buf_bytes(&directories);
    setup.providers = sl_buf_bytes(&list);
    cr_assert_eq(sl_runner_new(&setup, &sink, &runner), SL_OK);
    sl_buf_fini(&list);
    sl_buf_fini(&directories);
}

static void tear_down(void) {
    sl_runner_free(&runner);
}

TestSuite(runner, .init = set_up, .fini = tear_down);

/* Makes a pipeline of these stages known to the runner. */
static struct sl_digest define(const char *stages, const char *further) {
    char yaml[16384];
    struct sl_tree tree;
    struct sl_yaml_error error;
    struct sl_problems problems;
    struct sl_pipeline *pipeline;
    (void)snprintf(yaml, sizeof yaml, "name: p\nversion: \"2026-01-15\"\nstages:\n%s%s", stages, further);
    sl_problems_init(&problems, sl_alloc_system());
    cr_assert_eq(sl_yaml_parse(sl_text(yaml), sl_alloc_system(), &tree, &error), SL_OK, "%s", error.sentence);
    cr_assert_eq(sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline), SL_OK);
    struct sl_digest digest = pipeline->digest;
    cr_assert_eq(sl_runner_define(runner, digest, pipeline->canonical), SL_OK);
    cr_assert_eq(sl_runner_define(runner, digest, pipeline->canonical), SL_OK, "again is harmless");
    sl_pipeline_free(&pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
    return digest;
}

static struct sl_pipe_result run_of(struct sl_digest digest, uint16_t stage, const char *callable) {
    const struct sl_pipe_task task = {.token = {.run = 1, .stage = stage, .attempt = 1, .nonce = next_nonce++}, .definition = digest,
                                      .timeout_ms = 1000, .input = sl_text("\xa5hello"), .tenant = sl_text("default"), .callable = sl_text(callable)};
    struct sl_pipe_result result;
    sl_runner_run(runner, &task, &result);
    cr_assert_eq(result.nonce, task.token.nonce);
    return result;
}

static struct sl_pipe_result run(struct sl_digest digest, uint16_t stage) {
    return run_of(digest, stage, "");
}

static void assert_error(const struct sl_pipe_result *result, enum sl_outcome outcome, const char *part) {
    char error[1024];
    (void)snprintf(error, sizeof error, "%.*s", (int)result->error.size, (const char *)result->error.data);
    cr_assert_eq(result->outcome, outcome, "%s", error);
    cr_assert_not_null(strstr(error, part), "%s", error);
}

Test(runner, gives_the_stage_its_input) {
    struct sl_digest digest = define("  - {name: a, type: echo}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    cr_assert_eq(result.outcome, SL_OUTCOME_DONE);
    cr_assert(sl_bytes_is(result.output, "\xa5hello"));
    cr_assert_eq(result.count, 1);
}

Test(runner, returns_what_it_cannot_know) {
    struct sl_pipe_result result = run((struct sl_digest){{9}}, 0);
    assert_error(&result, SL_OUTCOME_RETURNED, "definition has not arrived");
    struct sl_digest digest = define("  - {name: a, type: unheard-of}\n  - {name: b, type: vanished}\n", "");
    result = run(digest, 0);
    assert_error(&result, SL_OUTCOME_RETURNED, "no plugin of this worker offers the stage type \"unheard-of\"");
    result = run(digest, 1);
    assert_error(&result, SL_OUTCOME_RETURNED, "/nowhere/vanished.so cannot be opened");
}

Test(runner, refuses_a_stage_whose_config_is_wrong) {
    struct sl_digest digest = define("  - {name: a, type: noop, config: {byts: 3}}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    assert_error(&result, SL_OUTCOME_PERMANENT, "byts");
}

Test(runner, splits_a_map_over_several_state_keys) {
    struct sl_digest digest = define("  - {name: a, type: two_keys}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    cr_assert_eq(result.outcome, SL_OUTCOME_DONE);
    cr_assert_eq(result.value_count, 2);
    struct sl_wire_list list = {2, result.values};
    struct sl_wire_state_value value;
    cr_assert(sl_wire_state_value_next(&list, &value));
    cr_assert(sl_bytes_is(value.key, "a") && value.value.size == 1);
    cr_assert(sl_wire_state_value_next(&list, &value));
    cr_assert(sl_bytes_is(value.key, "b") && value.value.size == 4);
}

Test(runner, follows_an_override_of_the_state_keys) {
    struct sl_digest digest = define("  - {name: a, type: two_keys, metadata_overrides: {state_key: b}}\n"
                                     "  - {name: b, type: one_key, metadata_overrides: {state_key: null}}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    cr_assert_eq(result.value_count, 1);
    cr_assert_eq(result.output.size, 0);
    result = run(digest, 1);
    cr_assert_eq(result.value_count, 0, "none is an override too");
    cr_assert_eq(result.output.size, 4);
}

Test(runner, runs_the_registration_that_the_task_names) {
    struct sl_digest digest = define("  - {name: a, type: nothing}\n", "");
    struct sl_pipe_result result = run_of(digest, 0, "misbehave.so:replacement");
    cr_assert(sl_bytes_is(result.output, "\xa8replaced"));
    result = run(digest, 0);
    cr_assert(sl_bytes_is(result.output, "\xc0"), "the instance of another registration is not used");
    result = run_of(digest, 0, "misbehave.so:replacement");
    cr_assert(sl_bytes_is(result.output, "\xa8replaced"));
    result = run_of(digest, 0, "absent.so:register");
    assert_error(&result, SL_OUTCOME_RETURNED, "absent.so is in no directory of the plugin path");
    result = run_of(digest, 0, "misbehave.so:nowhere");
    assert_error(&result, SL_OUTCOME_RETURNED, "has no function nowhere");
    result = run_of(digest, 0, "../misbehave.so:replacement");
    assert_error(&result, SL_OUTCOME_RETURNED, "no plugin of this worker offers the stage type");
}

Test(runner, keeps_at_most_so_many_instances_open) {
    char stages[8192] = "";
    for (int i = 0; i < SL_INSTANCES_MAX + 10; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "  - {name: s%d, type: noop, config: {bytes: %d}}\n", i, i);
        strcat(stages, line);
    }
    struct sl_digest digest = define(stages, "");
    for (int round = 0; round < 2; round++) {
        for (uint16_t i = 0; i < SL_INSTANCES_MAX + 10; i++) {
            struct sl_pipe_result result = run(digest, i);
            cr_assert_eq(result.outcome, SL_OUTCOME_DONE);
            cr_assert_eq(result.output.size, (size_t)i + 2, "each has the config of its own stage");
        }
    }
}

Test(runner, passes_fields_on_and_refuses_bad_ones) {
    struct sl_digest digest = define("  - {name: a, type: field}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    cr_assert_eq(result.outcome, SL_OUTCOME_DONE);
    cr_assert_eq(field_count, 1);
}

Test(runner, tells_a_stage_that_asks_to_stop) {
    struct sl_digest digest = define("  - {name: a, type: cooperates}\n", "");
    struct sl_pipe_result result = run(digest, 0);
    assert_error(&result, SL_OUTCOME_RETRYABLE, "failed without saying why");
    cr_assert_eq(progress_count, 1);
    cr_assert_eq(cooperates, 1);
}
