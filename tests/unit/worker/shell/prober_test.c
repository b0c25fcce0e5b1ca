/* Functions that pipelines name, looked at by a real prober, and by one that says what it likes. */
#include "shell/prober.h"

#include "shell/environment.h"

#include "base/err.h"
#include "model/pipeline.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char bad_plugins[] = SLUICE_BAD_PLUGINS, nowhere[] = "/nowhere";
static char *directories[] = {nowhere, bad_plugins};
static const struct sl_plugins where = {.directories = directories, .directory_count = 2};
static struct sl_plugins functions;
static struct sl_prober prober;

static void add(const char *callable) {
    cr_assert(sl_callable_names_library(sl_text(callable)));
    cr_assert_eq(sl_plugins_add_function(&functions, &where, sl_text(callable)), SL_OK);
}

static void start(void) {
    char **environment = sl_environment_for_stages(NULL, 0), error[256];
    const struct sl_probing probing = {.program = SLUICE_BIN "/sluice-stagehost", .environment = environment, .timeout_ms = 10000};
    cr_assert_eq(sl_prober_start(&probing, &prober, error, sizeof error), SL_OK);
    free(environment);
}

static int wait_answer(void) {
    int rc;
    do {
        struct pollfd wait = {.fd = prober.fd, .events = POLLIN};
        cr_assert_eq(poll(&wait, 1, 20000), 1, "no answer");
        rc = sl_prober_read(&prober);
    } while (rc == SL_E_AGAIN);
    return rc;
}

static void assert_failed(uint32_t index, const char *part) {
    const struct sl_plugin *plugin = &functions.items[index];
    cr_assert_eq(plugin->state, SL_PLUGIN_FAILED, "%s", plugin->callable);
    cr_assert_not_null(strstr(plugin->reason, part), "%s", plugin->reason);
    cr_assert_eq(plugin->type_count, 0);
}

Test(prober, tells_what_functions_register_and_what_is_wrong_with_others) {
    add("misbehave.so:replacement");
    add("misbehave.so:nowhere");
    add("absent.so:register");
    add("crash_load.so:register");
    start();
    for (uint32_t from = 0; from < 4; from += 2) {
        cr_assert_eq(sl_prober_ask(&prober, &functions, from, from + 2), SL_OK);
        cr_assert(prober.busy);
        cr_assert_eq(wait_answer(), SL_OK);
        cr_assert_eq(sl_prober_take(&prober, &functions, from, from + 2), SL_OK);
        cr_assert_not(prober.busy);
    }
    cr_assert_eq(functions.items[0].type_count, 1);
    cr_assert(sl_bytes_is(functions.items[0].types[0].name, "nothing"));
    cr_assert_str_eq(sl_plugin_function(&functions.items[0]), "replacement");
    assert_failed(1, "has no function nowhere");
    assert_failed(2, "absent.so is in no directory of the plugin path");
    assert_failed(3, "killed the process that loaded it by SIGSEGV");
    sl_prober_stop(&prober);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a process is left");
    sl_plugins_fini(&functions);
}

Test(prober, that_is_gone_fails_what_it_was_asked) {
    add("misbehave.so:replacement");
    start();
    cr_assert_eq(kill(prober.pid, SIGKILL), 0);
    cr_assert_eq(wait_answer(), SL_E_CLOSED);
    cr_assert_eq(sl_prober_ask(&prober, &functions, 0, 1), SL_E_CLOSED);
    cr_assert_eq(sl_prober_take(&prober, &functions, 0, 1), SL_E_BAD_INPUT);
    assert_failed(0, "the prober gave no answer");
    sl_prober_stop(&prober);
    sl_prober_stop(&prober); /* again is harmless */
    sl_plugins_fini(&functions);
}

static void say(int fd, const char *bytes, size_t size) {
    cr_assert_eq(send(fd, bytes, size, 0), (ssize_t)size);
}

Test(prober, whose_answer_is_none_is_not_believed) {
    static const struct {
        const char *bytes;
        size_t size;
    } bodies[] = {{"", 0}, {"\xc0", 1}, {"\x90", 1}, {"\x91\xc0", 2}, {"\x91\x92\xc3\xc4\x00", 5}, {"\x91\x92\xc3\xc4\x01\xc0", 6},
                  {"\x91\x92\xc3\xc6\xff\xff\xff\xff", 8}, {"\xdd\xff\xff\xff\xff", 5}};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        int pair[2];
        uint32_t size = (uint32_t)bodies[i].size;
        add("misbehave.so:replacement");
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        prober = (struct sl_prober){.fd = pair[0], .pid = -1, .busy = true};
        sl_buf_init(&prober.in, sl_alloc_system());
        say(pair[1], (const char *)&size, 3);
        cr_assert_eq(sl_prober_read(&prober), SL_E_AGAIN);
        say(pair[1], (const char *)&size + 3, 1);
        if (size) cr_assert_eq(sl_prober_read(&prober), SL_E_AGAIN);
        if (size) say(pair[1], bodies[i].bytes, size);
        cr_assert_eq(sl_prober_read(&prober), SL_OK);
        cr_assert_eq(sl_prober_take(&prober, &functions, 0, 1), SL_E_BAD_INPUT, "answer %zu", i);
        assert_failed(0, "the prober gave no answer");
        sl_buf_fini(&prober.in);
        sl_plugins_fini(&functions);
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
}
