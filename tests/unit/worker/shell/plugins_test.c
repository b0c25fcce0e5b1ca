/* Which plugins a worker finds, looked at by real probe processes. */
#include "shell/plugins.h"

#include "shell/environment.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "io/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sl_plugins plugins;

static void look_at(const char *const *files, uint32_t count, const char *path) {
    char **environment = sl_environment_for_stages(NULL, 0);
    cr_assert_eq(sl_plugins_find(files, count, path, &plugins), SL_OK);
    const struct sl_probing probing = {.program = SLUICE_BIN "/sluice-stagehost", .environment = environment, .timeout_ms = 2000};
    cr_assert_eq(sl_plugins_probe(&plugins, &probing), SL_OK);
    sl_plugins_rank(&plugins);
    free(environment);
}

static const struct sl_plugin *named(const char *name) {
    for (uint32_t i = 0; i < plugins.count; i++) {
        const char *slash = strrchr(plugins.items[i].path, '/');
        if (strcmp(slash + 1, name) == 0) return &plugins.items[i];
    }
    cr_assert_fail("no plugin %s", name);
    return NULL;
}

static void assert_failed(const char *name, const char *part) {
    const struct sl_plugin *plugin = named(name);
    cr_assert_eq(plugin->state, SL_PLUGIN_FAILED, "%s", name);
    cr_assert_not_null(strstr(plugin->reason, part), "%s", plugin->reason);
}

Test(plugins, of_a_directory_are_found_and_what_will_not_load_is_named) {
    uint64_t start = sl_clock_now_ns();
    look_at(NULL, 0, SLUICE_PLUGINS ":/nowhere:" SLUICE_BAD_PLUGINS);
    cr_assert_eq(named("probe.so")->state, SL_PLUGIN_LOADED);
    cr_assert_eq(named("misbehave.so")->state, SL_PLUGIN_LOADED);
    cr_assert_eq(named("exec_load.so")->state, SL_PLUGIN_LOADED, "%s", named("exec_load.so")->reason);
    assert_failed("no_entry.so", "has no function sluice_plugin_v1");
    assert_failed("other_abi.so", "was built for plugin ABI 2");
    assert_failed("crash_load.so", "killed the process that loaded it by SIGSEGV; it last wrote: about to fall over");
    assert_failed("exit_load.so", "ended the process that loaded it with exit status 4");
    assert_failed("hang_load.so", "did not finish loading within 2000 ms");
    assert_failed("bad_names.so", "has the state key \"123-key\"");
    assert_failed("bad_schema.so", "bad_schema.so: stage type \"a\" has a config schema that cannot be used: config_schema.properties.size.multipleOf is not a keyword that Sluice knows");
    cr_assert_lt(sl_clock_now_ns() - start, 30000000000u, "they are looked at side by side");
    sl_plugins_fini(&plugins);
}

/* A process that the plugin left behind held the probe up until its time was over, and stayed. */
Test(plugins, that_leave_a_process_behind_are_not_waited_for_and_it_is_ended) {
    const char *const files[] = {SLUICE_BAD_PLUGINS "/daemon_load.so"};
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); /* what is left becomes our child */
    look_at(files, 1, "");
    cr_assert_eq(plugins.items[0].state, SL_PLUGIN_LOADED, "%s", plugins.items[0].reason);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a process is left");
    cr_assert_eq(errno, ECHILD);
    sl_plugins_fini(&plugins);
}

Test(plugins, first_provider_of_a_type_wins) {
    char directory[] = "/tmp/sluice-plugins-XXXXXX", command[512];
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(command, sizeof command, "cp %s/probe.so %s/again.so && echo no > %s/text.so && mkdir %s/sub.so", SLUICE_PLUGINS, directory,
                   directory, directory);
    cr_assert_eq(system(command), 0);
    const char *const files[] = {SLUICE_PLUGINS "/probe.so"};
    look_at(files, 1, directory);
    cr_assert_eq(named("probe.so")->state, SL_PLUGIN_LOADED);
    cr_assert_eq(named("again.so")->state, SL_PLUGIN_SHADOWED);
    assert_failed("text.so", "is no shared object");
    assert_failed("sub.so", "is no file");
    for (uint32_t i = 0; i < named("again.so")->type_count; i++) cr_assert_not(named("again.so")->types[i].is_first);
    sl_plugins_fini(&plugins);
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

Test(plugins, same_file_twice_is_one) {
    const char *const files[] = {SLUICE_PLUGINS "/probe.so", SLUICE_PLUGINS "/../plugins/probe.so"};
    look_at(files, 2, "");
    cr_assert_eq(plugins.count, 1);
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    sl_plugins_to_text(&plugins, &text);
    cr_assert_not_null(memmem(text.data, text.size, "noop", 4));
    sl_buf_fini(&text);
    sl_plugins_fini(&plugins);
}

Test(plugins, what_no_probe_writes_is_refused) {
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"", 0}, {"\xc0", 1}, {"\x92\xc3\x91\xc0", 4}, {"\x92\xc3\xdd\xff\xff\xff\xff", 7}, {"\x92\xc2\xa1x\xc0", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_plugin plugin = {.path = "x"};
        sl_buf_init(&plugin.metadata, sl_alloc_system());
        cr_assert_eq(sl_buf_append(&plugin.metadata, cases[i].bytes, cases[i].size), SL_OK);
        cr_assert_neq(sl_plugin_read(&plugin), SL_OK, "case %zu", i);
        free(plugin.types);
        free(plugin.reason);
        sl_buf_fini(&plugin.metadata);
    }
}

/* As a probe writes it, of one type. */
static int read_schema(struct sl_plugin *plugin, const char *schema) {
    *plugin = (struct sl_plugin){.path = "x"};
    sl_buf_init(&plugin->metadata, sl_alloc_system());
    sl_mp_array(&plugin->metadata, 2);
    sl_mp_bool(&plugin->metadata, true);
    sl_mp_array(&plugin->metadata, 1);
    sl_mp_map(&plugin->metadata, 2);
    sl_mp_key(&plugin->metadata, "type");
    sl_mp_key(&plugin->metadata, "a");
    sl_mp_key(&plugin->metadata, "config_schema");
    sl_mp_key(&plugin->metadata, schema);
    return sl_plugin_read(plugin);
}

static void forget(struct sl_plugin *plugin) {
    free(plugin->types);
    free(plugin->reason);
    sl_buf_fini(&plugin->metadata);
}

Test(plugins, with_a_schema_that_cannot_be_used_are_failed_with_its_problem) {
    static const struct {
        const char *schema, *reason; /* NULL: none */
    } cases[] = {
        {"", NULL},
        {"{\"type\":\"object\"}", NULL},
        {"{", "x: stage type \"a\" has a config schema that is not valid JSON: "},
        {"{\"type\":1}", "x: stage type \"a\" has a config schema that cannot be used: config_schema.type must be null, "},
        {"{\"if\":{}}", "x: stage type \"a\" has a config schema that cannot be used: config_schema.if is not a keyword that Sluice knows"},
        {"{\"enum\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "x: stage type \"a\" has a config schema that cannot be used: config_schema is nested deeper than 16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_plugin plugin;
        cr_assert_eq(read_schema(&plugin, cases[i].schema), SL_OK);
        cr_assert_eq(plugin.state, cases[i].reason ? SL_PLUGIN_FAILED : SL_PLUGIN_LOADED, "%s", cases[i].schema);
        if (cases[i].reason) cr_assert_eq(strncmp(plugin.reason, cases[i].reason, strlen(cases[i].reason)), 0, "%s", plugin.reason);
        forget(&plugin);
    }
}

Test(plugins, schema_has_at_most_64_KiB) {
    enum { FAR = 1 << 20 };
    static const size_t sizes[] = {SL_SCHEMA_BYTES_MAX, SL_SCHEMA_BYTES_MAX + 1, FAR};
    static char schema[FAR + 1];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sl_plugin plugin;
        memset(schema, ' ', sizes[i]);
        memcpy(schema, "{}", 2);
        schema[sizes[i]] = '\0';
        cr_assert_eq(read_schema(&plugin, schema) == SL_OK, sizes[i] == SL_SCHEMA_BYTES_MAX, "%zu bytes", sizes[i]);
        forget(&plugin);
    }
}

Test(plugins, environment_of_a_stage_holds_what_it_may_see) {
    setenv("SLUICE_SOMETHING", "1", 1);
    setenv("SECRET", "2", 1);
    setenv("CHOSEN", "3", 1);
    const char *const names[] = {"CHOSEN"};
    char **list = sl_environment_for_stages(names, 1);
    bool something = false, secret = false, chosen = false, path = false;
    for (size_t i = 0; list[i]; i++) {
        something |= strcmp(list[i], "SLUICE_SOMETHING=1") == 0;
        secret |= strncmp(list[i], "SECRET=", 7) == 0;
        chosen |= strcmp(list[i], "CHOSEN=3") == 0;
        path |= strncmp(list[i], "PATH=", 5) == 0;
    }
    cr_assert(something && chosen && path);
    cr_assert_not(secret);
    free(list);
}
