/* The probe's stage types do what they say, and count by the attempt's number. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin_fixture.h"

static sluice_outcome run_number(struct fixture *self, uint32_t number, bool is_cancelled) {
    const struct sl_bench_attempt attempt = {.number = number, .is_cancelled = is_cancelled};
    sl_bench_result_fini(&self->result);
    sl_bench_run(self->stage, &attempt, sl_bytes("\xc0", 1), &self->result);
    return self->result.outcome;
}

Test(probe, lists_five_stage_types_with_what_a_host_needs) {
    struct fixture self = fixture_open("probe", "noop", "{}", NULL);
    cr_assert_eq(sl_bench_type_count(self.bench), 5);
    for (uint32_t i = 0; i < 5; i++) {
        const sluice_registration *type = sl_bench_type_at(self.bench, i);
        cr_assert_eq(type->size, sizeof *type);
        cr_assert(type->description && type->version && type->execute && type->config_schema);
    }
    fixture_close(&self);
}

Test(probe, noop_gives_nil_or_so_many_bytes) {
    struct fixture self = fixture_open("probe", "noop", "{}", NULL);
    cr_assert_eq(fixture_run_json(&self, "{\"any\": 1}"), SLUICE_DONE);
    cr_assert_eq(self.result.output.size, 1);
    cr_assert_eq(self.result.output.data[0], 0xc0);
    cr_assert_eq(self.result.count, 0);
    fixture_close(&self);
    self = fixture_open("probe", "noop", "{\"bytes\": 100}", NULL);
    cr_assert_eq(fixture_run_json(&self, "null"), SLUICE_DONE);
    cr_assert_eq(self.result.output.size, 102);
    fixture_close(&self);
}

Test(probe, noop_reaches_the_limit_of_a_value_and_not_one_byte_more) {
    struct fixture self = fixture_open("probe", "noop", "{\"bytes\": 4194299}", NULL);
    cr_assert_eq(fixture_run_json(&self, "null"), SLUICE_DONE);
    cr_assert_eq(self.result.output.size, SLUICE_VALUE_BYTES_MAX);
    fixture_close(&self);
    fixture_refuses("probe", "noop", "{\"bytes\": 4194300}", "`config.bytes` must be an integer from 0 to 4194299");
    fixture_refuses("probe", "noop", "{\"bytes\": 1000000000000}", "config.bytes");
}

Test(probe, echo_gives_back_what_it_got) {
    struct fixture self = fixture_open("probe", "echo", "{}", NULL);
    cr_assert_eq(fixture_run_json(&self, "{\"a\": [1, \"b\"]}"), SLUICE_DONE);
    cr_assert_eq(fixture_get_int(sl_bench_value(&self.result, NULL), "a.0"), 1);
    cr_assert_eq(sl_bench_type_at(self.bench, 1)->isolation, SLUICE_ISOLATION_INLINE);
    fixture_close(&self);
}

Test(probe, sleep_takes_its_time_and_reports) {
    struct fixture self = fixture_open("probe", "sleep", "{\"seconds\": 0.12}", NULL);
    cr_assert_eq(fixture_run_json(&self, "null"), SLUICE_DONE);
    cr_assert_geq(self.result.progress_count, 2);
    fixture_close(&self);
}

Test(probe, sleep_stops_when_cancelled) {
    struct fixture self = fixture_open("probe", "sleep", "{\"seconds\": 3600}", NULL);
    cr_assert_eq(run_number(&self, 1, true), SLUICE_FAILED_RETRYABLE);
    fixture_failed(&self, SLUICE_FAILED_RETRYABLE, "cancelled");
    fixture_close(&self);
}

Test(probe, fail_fails_so_many_attempts) {
    struct fixture self = fixture_open("probe", "fail", "{\"times\": 2}", NULL);
    cr_assert_eq(run_number(&self, 1, false), SLUICE_FAILED_RETRYABLE);
    cr_assert_eq(run_number(&self, 2, false), SLUICE_FAILED_RETRYABLE);
    fixture_failed(&self, SLUICE_FAILED_RETRYABLE, "Attempt 2 fails because config.times is 2.");
    cr_assert_eq(run_number(&self, 3, false), SLUICE_DONE);
    fixture_close(&self);
    self = fixture_open("probe", "fail", "{\"kind\": \"permanent\"}", NULL);
    cr_assert_eq(run_number(&self, 1, false), SLUICE_FAILED_PERMANENT);
    fixture_close(&self);
}

/* Ends a forked child at the first of its exit handlers: a leak check makes no sense in a copy of a process with threads. */
static void quit(int status, void *context) {
    (void)context;
    _exit(status);
}

/* How a child ends that makes one attempt of `crash`. */
static int crash_status(const char *config, uint32_t number) {
    pid_t child = fork();
    if (child == 0) {
        (void)on_exit(quit, NULL);
        struct fixture self = fixture_open("probe", "crash", config, NULL);
        sluice_outcome outcome = run_number(&self, number, false);
        _exit(outcome == SLUICE_DONE ? 0 : 99);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

Test(probe, crash_dies_as_it_was_told) {
    static const struct {
        const char *config;
        int number;
    } rows[] = {{"{}", SIGSEGV}, {"{\"signal\": \"KILL\"}", SIGKILL}, {"{\"signal\": \"ABRT\"}", SIGABRT},
                {"{\"signal\": \"BUS\"}", SIGBUS}, {"{\"signal\": 11}", SIGSEGV}, {"{\"signal\": 9}", SIGKILL}, {"{\"signal\": \"TERM\"}", SIGTERM}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = crash_status(rows[i].config, 1);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == rows[i].number, "%s: %d", rows[i].config, status);
    }
    int status = crash_status("{\"signal\": \"exit\"}", 1);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    cr_assert_eq(crash_status("{\"signal\": \"KILL\", \"times\": 1}", 2), 0);
}

Test(probe, wrong_configs_are_refused_by_name) {
    fixture_refuses("probe", "noop", "{\"size\": 1}", "`config.size` is not known here");
    fixture_refuses("probe", "noop", "[]", "`config` must be a map");
    fixture_refuses("probe", "sleep", "{\"seconds\": -1}", "`config.seconds` must be a number from 0 to 3600");
    fixture_refuses("probe", "sleep", "{\"seconds\": \"1\"}", "not a text");
    fixture_refuses("probe", "fail", "{\"kind\": \"maybe\"}", "must be one of: retryable, permanent");
    fixture_refuses("probe", "fail", "{\"times\": -1}", "config.times");
    fixture_refuses("probe", "crash", "{\"signal\": \"HUP\"}", "must be one of: SEGV, KILL");
    fixture_refuses("probe", "crash", "{\"signal\": 12}", "`config.signal` is 12, which is the number of none of SEGV, KILL");
    fixture_refuses("probe", "crash", "{\"signal\": 0}", "`config.signal` is 0");
    fixture_refuses("probe", "crash", "{\"signal\": true}", "must be a text");
}
