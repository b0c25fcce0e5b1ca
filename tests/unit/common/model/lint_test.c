/* What lint says: golden texts of every bad file, and the questions that need stage types and policies. */
#include "fixture.h"

#include "base/err.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>

static const char folder[] = "tests/unit/common/model/bad";

static void path_of(char *out, size_t size, const char *name, const char *ending) {
    snprintf(out, size, "%s/%s%s", folder, name, ending);
}

/* With SLUICE_WRITE_GOLDEN set the golden texts are written instead; read them before you commit them. */
static void write_golden(const char *path, const char *text) {
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", SOURCE_FOLDER, path);
    FILE *file = fopen(full, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    cr_assert_eq(fclose(file), 0);
}

static void check_file(const char *name) {
    char path[512], golden_path[512];
    path_of(path, sizeof path, name, ".yaml");
    path_of(golden_path, sizeof golden_path, name, ".txt");
    char *text = read_source_file(path);
    struct result result = pipeline_of(text);
    char *problems = shown(&result.problems, path + sizeof folder, text);
    if (getenv("SLUICE_WRITE_GOLDEN")) write_golden(golden_path, problems);
    char *golden = read_source_file(golden_path);
    cr_expect_eq(result.rc, SL_E_BAD_INPUT, "%s was accepted", name);
    cr_expect_str_eq(problems, golden, "%s:\n%s", name, problems);
    free(golden);
    free(problems);
    free(text);
    result_free(&result);
}

Test(lint, each_bad_file_gives_its_golden_text) {
    char full[4096];
    unsigned count = 0;
    snprintf(full, sizeof full, "%s/%s", SOURCE_FOLDER, folder);
    DIR *directory = opendir(full);
    cr_assert_not_null(directory);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char name[256];
        snprintf(name, sizeof name, "%s", entry->d_name);
        char *ending = strstr(name, ".yaml");
        if (!ending) continue;
        *ending = '\0';
        check_file(name);
        count++;
    }
    closedir(directory);
    cr_assert_geq(count, 20);
}

/* The text of what lint says about stages, with problems collected in one list. */
static char *lint(const char *text, const struct type_table *types, const struct sl_policies *policies, bool strict,
                  uint32_t *out_error_count) {
    struct result result = pipeline_of(text);
    cr_assert_eq(result.rc, 0);
    sl_pipeline_lint(result.pipeline, types ? &types->table : NULL, policies, strict, &result.problems);
    char *problems = shown(&result.problems, "p.yaml", text);
    *out_error_count = result.problems.error_count;
    result_free(&result);
    return problems;
}

static void assert_lint(const char *stages, const struct type_table *types, const struct sl_policies *policies,
                        bool strict, uint32_t error_count, const char *golden) {
    char text[4096];
    uint32_t errors;
    snprintf(text, sizeof text, "name: p\nversion: \"2026-01-15\"\n%s", stages);
    char *problems = lint(text, types, policies, strict, &errors);
    cr_assert_str_eq(problems, golden, "%s", problems);
    cr_assert_eq(errors, error_count);
    free(problems);
}

Test(lint, a_type_that_nobody_offers_is_a_warning_and_strictly_an_error) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "echo", "", "");
    const char *stages = "stages:\n  - {name: a, type: ehco}\n";
    assert_lint(stages, &types, NULL, false, 0,
                "p.yaml:4:21: warning: stage \"a\" has type \"ehco\", which nobody offers\n"
                "    4 |   - {name: a, type: ehco}\n"
                "      |                     ^~~~ did you mean \"echo\"?\n");
    assert_lint(stages, &types, NULL, true, 1,
                "p.yaml:4:21: error: stage \"a\" has type \"ehco\", which nobody offers\n"
                "    4 |   - {name: a, type: ehco}\n"
                "      |                     ^~~~ did you mean \"echo\"?\n");
    assert_lint(stages, NULL, NULL, true, 0, "");
}

Test(lint, a_callable_without_a_library_is_a_warning_and_strictly_an_error) {
    const char *stages = "plugins:\n  stages:\n    - callable: my_package.plugins:register\n"
                         "    - callable: libacme.so:register\nstages:\n  - {name: a, type: echo}\n";
    assert_lint(stages, NULL, NULL, false, 0,
                "p.yaml:5:17: warning: callable \"my_package.plugins:register\" names no library here and is skipped\n"
                "    5 |     - callable: my_package.plugins:register\n"
                "      |                 ^~~~~~~~~~~~~~~~~~~~~~~~~~~ a library's name ends in .so\n");
    assert_lint(stages, NULL, NULL, true, 1,
                "p.yaml:5:17: error: callable \"my_package.plugins:register\" names no library here and is skipped\n"
                "    5 |     - callable: my_package.plugins:register\n"
                "      |                 ^~~~~~~~~~~~~~~~~~~~~~~~~~~ a library's name ends in .so\n");
}

Test(lint, a_type_that_a_function_may_offer_is_never_an_error_before_it_was_looked_at) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "echo", "", "");
    const char *stages = "plugins: [{callable: \"libacme.so:register\"}]\nstages:\n  - {name: a, type: acme}\n";
    const char *asked = "p.yaml:5:21: warning: stage \"a\" has type \"acme\", which nobody offers yet; workers that have the library will be "
                        "asked what \"libacme.so:register\" offers\n"
                        "    5 |   - {name: a, type: acme}\n"
                        "      |                     ^~~~\n";
    assert_lint(stages, &types, NULL, false, 0, asked);
    assert_lint(stages, &types, NULL, true, 0, asked);
    types_add_of(&types, "libacme.so:register", "other", "", "");
    assert_lint(stages, &types, NULL, true, 1,
                "p.yaml:5:21: error: stage \"a\" has type \"acme\", which nobody offers\n"
                "    5 |   - {name: a, type: acme}\n"
                "      |                     ^~~~\n");
    types_add_of(&types, "libacme.so:register", "acme", "", "");
    assert_lint(stages, &types, NULL, true, 0, "");
}

Test(lint, an_unknown_policy_is_an_error_with_a_suggestion) {
    struct sl_policies policies;
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &policies), 0);
    assert_lint("stages:\n  - {name: a, type: echo, policy: polite-ap}\n  - {name: b, type: echo}\n", NULL, &policies, false, 1,
                "p.yaml:4:35: error: stage \"a\" names the policy \"polite-ap\", which is not defined\n"
                "    4 |   - {name: a, type: echo, policy: polite-ap}\n"
                "      |                                   ^~~~~~~~~ did you mean \"polite-api\"?\n");
    sl_policies_fini(&policies);
}

Test(lint, a_registered_dependency_must_be_an_ancestor) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "one", "", "");
    types_add(&types, "two", "", "one");
    assert_lint("stages:\n  - {name: a, type: one}\n  - {name: b, type: two}\n", &types, NULL, false, 1,
                "p.yaml:5:12: error: stage \"b\" takes the output of \"a\", which does not come before it: add \"a\" to its "
                "depends_on\n"
                "    5 |   - {name: b, type: two}\n"
                "      |            ^\n");
}

Test(lint, unordered_stages_must_not_write_the_same_key) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "one", "document", "");
    assert_lint("stages:\n  - {name: a, type: one}\n  - {name: b, type: one, depends_on: [a]}\n"
                "  - {name: c, type: one, depends_on: [a]}\n", &types, NULL, false, 1,
                "p.yaml:6:12: error: stages \"b\" and \"c\" both write the state key \"document\", and neither comes after the "
                "other: give one of them another state_key\n"
                "    6 |   - {name: c, type: one, depends_on: [a]}\n"
                "      |            ^\n");
    assert_lint("stages:\n  - {name: a, type: one}\n  - {name: b, type: one, depends_on: [a]}\n"
                "  - {name: c, type: one, depends_on: [a], metadata_overrides: {state_key: other}}\n"
                "  - {name: d, type: one, depends_on: [a], metadata_overrides: {state_key: null}}\n", &types, NULL, false, 0, "");
}

Test(lint, a_dependency_that_the_pipeline_does_not_have_is_noted) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "chunk", "chunks", "parse");
    types_add(&types, "echo", "", "");
    assert_lint("stages:\n  - {name: a, type: echo}\n  - {name: b, type: chunk, depends_on: [a]}\n"
                "  - {name: c, type: echo, metadata_overrides: {dependencies: [chunks, a]}}\n", &types, NULL, true, 0,
                "p.yaml:5:21: note: stage \"b\" goes without \"parse\": this pipeline has no stage and no other type of that name\n"
                "    5 |   - {name: b, type: chunk, depends_on: [a]}\n"
                "      |                     ^~~~~\n"
                "p.yaml:6:48: note: stage \"c\" goes without \"chunks\": this pipeline has no stage and no other type of that "
                "name\n"
                "    6 |   - {name: c, type: echo, metadata_overrides: {dependencies: [chunks, a]}}\n"
                "      |                                                ^~~~~~~~~~~~\n");
}

Test(lint, a_type_that_may_run_inside_the_worker_is_noted_once) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "noop", "", "")->inline_allowed = true;
    assert_lint("stages:\n  - {name: a, type: noop}\n  - {name: b, type: noop}\n", &types, NULL, true, 0,
                "p.yaml:4:21: note: type \"noop\" may run inside the worker, where its timeout is not enforced\n"
                "    4 |   - {name: a, type: noop}\n"
                "      |                     ^~~~\n");
}

/* What sl_pipeline_check says of a text that is refused. */
static void assert_all(const char *text, const char *golden) {
    struct type_table types;
    struct sl_policies policies;
    struct sl_problems problems;
    struct sl_pipeline *pipeline = NULL;
    types_init(&types);
    types_add(&types, "echo", "", "");
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &policies), 0);
    sl_problems_init(&problems, sl_alloc_system());
    const struct sl_pipeline_rules rules = {.types = &types.table, .policies = &policies};
    struct sl_tree tree = tree_of(text);
    cr_assert_eq(sl_pipeline_check(&tree, &rules, sl_alloc_system(), &problems, &pipeline), SL_E_BAD_INPUT);
    cr_assert_null(pipeline);
    char *all = shown(&problems, "p.yaml", text);
    cr_assert_str_eq(all, golden, "%s", all);
    free(all);
    sl_tree_fini(&tree);
    sl_problems_fini(&problems);
    sl_policies_fini(&policies);
}

Test(lint, types_and_policies_of_a_file_with_other_errors_are_checked_in_the_same_pass) {
    assert_all("name: p\nversion: 2026-01-15\ncolour: red\nstages:\n  - {name: a, type: ehco, policy: polite-ap}\n",
               "p.yaml:3:1: error: the pipeline has an unknown key \"colour\"\n"
               "    3 | colour: red\n"
               "      | ^~~~~~\n"
               "p.yaml:5:21: warning: stage \"a\" has type \"ehco\", which nobody offers\n"
               "    5 |   - {name: a, type: ehco, policy: polite-ap}\n"
               "      |                     ^~~~ did you mean \"echo\"?\n"
               "p.yaml:5:35: error: stage \"a\" names the policy \"polite-ap\", which is not defined\n"
               "    5 |   - {name: a, type: ehco, policy: polite-ap}\n"
               "      |                                   ^~~~~~~~~ did you mean \"polite-api\"?\n");
    assert_all("name: p\nversion: 2026-01-15\nstages:\n  - {type: ehco}\n",
               "p.yaml:4:5: error: stage number 1 has no \"name\"\n"
               "    4 |   - {type: ehco}\n"
               "      |     ^\n"
               "p.yaml:4:12: warning: stage \"(no name)\" has type \"ehco\", which nobody offers\n"
               "    4 |   - {type: ehco}\n"
               "      |            ^~~~ did you mean \"echo\"?\n");
    /* What draft.c refuses is not doubted once more. */
    assert_all("name: p\nversion: 2026-01-15\nstages:\n  - {name: a, type: \"e cho\", policy: \"\"}\n  - {name: b, type: 5}\n",
               "p.yaml:4:21: error: stage type \"e cho\" must be 1 to 64 letters, digits, \"-\" or \"_\"\n"
               "    4 |   - {name: a, type: \"e cho\", policy: \"\"}\n"
               "      |                     ^~~~~~~\n"
               "p.yaml:4:38: error: policy name \"\" must be 1 to 64 letters, digits, \"-\" or \"_\"\n"
               "    4 |   - {name: a, type: \"e cho\", policy: \"\"}\n"
               "      |                                      ^~\n"
               "p.yaml:5:21: error: type of stage \"b\" must be text, and is a number\n"
               "    5 |   - {name: b, type: 5}\n"
               "      |                     ^ put it in quotes to make it text\n");
}

Test(lint, the_shipped_pipelines_are_clean) {
    static const char *const names[] = {"auto", "hello", "chain8", "flaky"};
    struct type_table types;
    struct sl_policies policies;
    types_init(&types);
    types_add_builtin(&types);
    types_add(&types, "echo", "", "");
    types_add(&types, "noop", "", "");
    types_add(&types, "fail", "", "");
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &policies), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        uint32_t errors;
        snprintf(path, sizeof path, "deploy/pipelines/%s.yaml", names[i]);
        char *text = read_source_file(path);
        cr_assert_not_null(strstr(text, "# yaml-language-server: $schema=../../common/schema/pipeline.schema.json\n"));
        char *problems = lint(text, &types, &policies, true, &errors);
        cr_assert_str_empty(problems, "%s: %s", names[i], problems);
        free(problems);
        free(text);
    }
    sl_policies_fini(&policies);
}

Test(lint, memory_that_runs_out_is_told_and_nothing_leaks) {
    struct type_table types;
    types_init(&types);
    types_add(&types, "one", "document", "");
    struct sl_pipeline *pipeline = stages_of("  - {name: a, type: one}\n  - {name: b, type: onne, policy: x}\n");
    struct sl_policies policies;
    cr_assert_eq(sl_policies_builtin(sl_alloc_system(), &policies), 0);
    bool completed = false;
    for (uint64_t countdown = 0; !completed; countdown++) {
        struct sl_failing_alloc failing;
        struct sl_problems problems;
        sl_failing_alloc_init(&failing, countdown);
        sl_problems_init(&problems, &failing.alloc);
        sl_pipeline_lint(pipeline, &types.table, &policies, false, &problems);
        completed = !failing.has_failed;
        cr_assert(completed || problems.no_memory);
        sl_problems_fini(&problems);
        cr_assert_eq(failing.live_blocks, 0);
    }
    sl_policies_fini(&policies);
    sl_pipeline_free(&pipeline);
}
