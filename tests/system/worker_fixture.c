/* A worker and its broker; see worker_fixture.h. */
#include "worker_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 48 };

void fixture_start(struct fixture *self) {
    memset(self, 0, sizeof *self);
    test_process_adopt();
    strcpy(self->directory, "/tmp/sluice-worker-XXXXXX");
    cr_assert_not_null(mkdtemp(self->directory));
    (void)snprintf(self->log, sizeof self->log, "%s/log", self->directory);
    test_broker_start(&self->broker, self->directory);
}

void fixture_worker(struct fixture *self, const char *yaml, const char *const *further) {
    char data[96];
    const char *arguments[ARGUMENTS_MAX] = {
        SLUICE_BIN "/sluice-worker", "--broker", self->broker.endpoint, "--data", data, "--slots", "2",
        "--plugin-path", SLUICE_PLUGINS, "--plugin", SLUICE_BAD_PLUGINS "/misbehave.so", "--grace", "300ms",
        "--drain-timeout", "5s", "--heartbeat", "50ms", "--lost", "1s"};
    size_t count = 0;
    (void)snprintf(data, sizeof data, "%s/data", self->directory);
    while (arguments[count]) count++;
    for (size_t i = 0; further && further[i]; i++) arguments[count++] = further[i];
    cr_assert_lt(count, ARGUMENTS_MAX);
    if (yaml) test_broker_define(&self->broker, yaml);
    self->worker = test_process_start((char *const *)(uintptr_t)arguments, self->log);
    test_broker_wait_hello(&self->broker, self->broker.hello_count + 1);
}

static bool has_left(struct test_broker *broker, void *context) {
    (void)context;
    return broker->bye_count > 0;
}

int fixture_leave(struct fixture *self) {
    cr_assert_eq(kill(self->worker, SIGTERM), 0);
    cr_assert(test_broker_until(&self->broker, TEST_WAIT_MS, has_left, NULL), "the worker does not say BYE");
    int status = test_process_wait(self->worker, TEST_WAIT_MS);
    self->worker = 0;
    cr_assert(WIFEXITED(status), "the worker did not end by itself: %d", status);
    cr_assert_eq(test_process_count(NULL), 0, "something of the worker is left");
    return WEXITSTATUS(status);
}

void fixture_stop(struct fixture *self) {
    char command[128];
    if (self->worker) {
        (void)kill(self->worker, SIGKILL);
        (void)test_process_wait(self->worker, TEST_WAIT_MS);
    }
    cr_expect(test_process_gone(NULL, TEST_WAIT_MS), "something of the worker is left");
    test_broker_stop(&self->broker);
    (void)snprintf(command, sizeof command, "rm -rf %s", self->directory);
    cr_expect_eq(system(command), 0);
}

const struct test_result *fixture_attempt(struct fixture *self, uint16_t stage, uint32_t timeout_ms) {
    struct sl_token token = test_broker_assign(&self->broker, stage, timeout_ms, sl_bytes(NULL, 0));
    return test_broker_wait_result(&self->broker, &token);
}
