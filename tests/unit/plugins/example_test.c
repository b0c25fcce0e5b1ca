/* The example builds outside the tree with the header alone, in three languages, and loads; every plugin exports one symbol. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "plugin_fixture.h"

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...) {
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* A directory like an installed one: include/sluice/stage.h, and the example beside it. */
static char *install(void) {
    char *directory = fixture_directory();
    run("mkdir -p %s/include && cp -r %s/plugins/include/sluice %s/include/ && cp %s/plugins/example/echo.c %s/", directory, SL_SOURCE,
        directory, SL_SOURCE, directory);
    return directory;
}

Test(example, builds_as_c99_c11_and_cxx17_and_loads) {
    static const char *const compilers[] = {SL_CC " -std=c99", SL_CC " -std=c11", SL_CXX " -x c++ -std=c++17"};
    char *directory = install(), path[512], error[512] = "";
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/echo%zu.so", directory, i);
        run("cd %s && %s -Wall -Wextra -Wpedantic -Wconversion -Werror -shared -fPIC -I include echo.c -o %s", directory, compilers[i], path);
        struct sl_bench *bench = sl_bench_load(path, error, sizeof error);
        cr_assert_not_null(bench, "%s", error);
        cr_assert_eq(sl_bench_type_count(bench), 1);
        cr_assert_eq(sl_bench_type_at(bench, 0)->size, sizeof(sluice_registration));
        struct sl_bench_stage *stage = sl_bench_open(bench, "example-stage", "{}", directory, error, sizeof error);
        cr_assert_not_null(stage, "%s", error);
        struct sl_bench_result result;
        sl_bench_run(stage, NULL, sl_bytes("\xa2hi", 3), &result);
        cr_assert_eq(result.outcome, SLUICE_DONE);
        cr_assert(sl_bytes_equal(sl_bench_value(&result, "echoed"), sl_bytes("\xa2hi", 3)));
        sl_bench_result_fini(&result);
        const struct sl_bench_attempt cancelled = {.is_cancelled = true};
        sl_bench_run(stage, &cancelled, sl_bytes("\xa2hi", 3), &result);
        cr_assert_eq(result.outcome, SLUICE_FAILED_RETRYABLE);
        sl_bench_result_fini(&result);
        sl_bench_close(&stage);
        sl_bench_free(&bench);
    }
    fixture_remove(directory);
}

Test(example, has_thirty_lines_of_code) {
    struct sl_buf text = fixture_file(SL_SOURCE "/plugins/example/echo.c");
    int line_count = 0;
    bool is_comment = false;
    char *rest = NULL;
    cr_assert_eq(sl_buf_append(&text, "", 1), 0);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "/*", 2) == 0) is_comment = true;
        line_count += !is_comment;
        if (strstr(line, "*/")) is_comment = false;
    }
    cr_assert_leq(line_count, 30);
    sl_buf_fini(&text);
}

Test(example, a_plugin_that_is_none_is_refused) {
    char error[512] = "";
    cr_assert_null(sl_bench_load("/nonexistent.so", error, sizeof error));
    cr_assert(strstr(error, "nonexistent"));
    char *directory = fixture_directory(), path[512];
    (void)snprintf(path, sizeof path, "%s/none.so", directory);
    run("echo 'int nothing;' | %s -shared -fPIC -x c - -o %s", SL_CC, path);
    cr_assert_null(sl_bench_load(path, error, sizeof error));
    cr_assert(strstr(error, "no entry"));
    fixture_remove(directory);
}

Test(example, every_built_in_plugin_exports_its_entry_and_nothing_else) {
    static const char *const plugins[] = {"probe", "ingest", "parse", "ir-validation", "chunk", "embed", "index", "extract", "knowledge-graph"};
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
        run("test \"$(nm -D --defined-only %s/%s.so | awk '{print $3}' | grep -v -e '^__odr_asan' -e '^_init$' -e '^_fini$')\" = sluice_plugin_v1",
            SL_PLUGINS, plugins[i]);
    }
}
