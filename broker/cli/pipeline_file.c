/* YAML text to a checked pipeline, with every problem said in one pass. */
#include "pipeline_file.h"

#include "base/err.h"
#include "io/file.h"
#include "io/pattern.h"
#include "io/yaml.h"
#include "model/lint.h"

#include <string.h>
#include <sys/stat.h>

static json_t *text(struct sl_bytes bytes) {
    return json_stringn((const char *)bytes.data, bytes.size);
}

static json_t *to_record(const char *path, const struct sl_problem *problem) {
    static const char *const severities[] = {
        [SL_PROBLEM_ERROR] = "error", [SL_PROBLEM_WARNING] = "warning", [SL_PROBLEM_NOTE] = "note"};
    return json_pack("{s:s, s:i, s:i, s:s, s:o, s:o}", "file", path, "line", (int)problem->mark.line, "column",
                     (int)problem->mark.column, "severity", severities[problem->severity], "sentence", text(problem->sentence), "hint",
                     problem->hint.size ? text(problem->hint) : json_null());
}

static void record(const struct sl_pipeline_file *file, const struct sl_problems *problems, json_t *records) {
    for (uint32_t i = 0; records && i < problems->count; i++)
        (void)json_array_append_new(records, to_record(file->path, &problems->items[i]));
}

static void show(const struct sl_pipeline_file *file, struct sl_problems *problems) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    sl_problems_show(problems, file->path, sl_buf_bytes(&file->text), &text);
    if (text.size > 0) (void)fwrite(text.data, 1, text.size, stderr);
    sl_buf_fini(&text);
}

/* Adds the policies that the program ships, for names that the file leaves to them, as the broker does. */
static int add_shipped(struct sl_policies *policies) {
    struct sl_policies shipped;
    if (sl_policies_builtin(sl_alloc_system(), &shipped)) return SL_E_NO_MEMORY;
    struct sl_policy *items = sl_tree_take(&policies->texts, (policies->count + shipped.count) * sizeof *items);
    uint32_t count = policies->count;
    for (uint32_t i = 0; items && i < count; i++) items[i] = policies->items[i];
    for (uint32_t i = 0; items && i < shipped.count; i++) {
        if (sl_policies_find(policies, shipped.items[i].name)) continue;
        items[count] = shipped.items[i];
        items[count].name = sl_tree_copy(&policies->texts, shipped.items[i].name);
        if (!items[count++].name.data) items = NULL;
    }
    sl_policies_fini(&shipped);
    if (!items) return SL_E_NO_MEMORY;
    policies->items = items;
    policies->count = count;
    return SL_OK;
}

int sl_pipeline_policies_load(const struct sl_cli *cli, json_t *records, struct sl_policies *out_policies) {
    const char *path = sl_cli_flag(cli, SL_FLAG_POLICIES);
    if (!path) return sl_policies_builtin(sl_alloc_system(), out_policies) ? SL_EXIT_FAILURE : SL_EXIT_DONE;
    struct sl_pipeline_file file = {.path = path};
    struct sl_problems problems;
    struct sl_tree tree;
    struct sl_yaml_error why;
    char error[512];
    sl_buf_init(&file.text, sl_alloc_system());
    sl_problems_init(&problems, sl_alloc_system());
    int code = SL_EXIT_INVALID;
    if (sl_file_read(path, SL_PIPELINE_TEXT_MAX, &file.text, error, sizeof error)) {
        code = sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "%s", error);
    } else if (sl_yaml_parse(sl_buf_bytes(&file.text), sl_alloc_system(), &tree, &why)) {
        sl_problems_add(&problems, SL_PROBLEM_ERROR, why.mark, NULL, "%s", why.sentence);
    } else {
        if (sl_policies_from_tree(&tree, sl_alloc_system(), &problems, out_policies) == SL_OK) code = SL_EXIT_DONE;
        sl_tree_fini(&tree);
    }
    show(&file, &problems);
    record(&file, &problems, records);
    sl_problems_fini(&problems);
    sl_buf_fini(&file.text);
    if (code == SL_EXIT_DONE && add_shipped(out_policies)) {
        sl_policies_fini(out_policies);
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    }
    return code;
}

static void note_repeat(void *context, const struct sl_yaml_error *error) {
    sl_problems_add(context, SL_PROBLEM_ERROR, error->mark, NULL, "%s", error->sentence);
}

static int parse(struct sl_pipeline_file *file, const struct sl_pipeline_rules *rules, struct sl_problems *problems) {
    struct sl_tree tree;
    struct sl_yaml_error error;
    const struct sl_yaml_repeats repeats = {.add = note_repeat, .context = problems};
    int rc = sl_yaml_parse_whole(sl_buf_bytes(&file->text), sl_alloc_system(), &repeats, &tree, &error);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc) {
        sl_problems_add(problems, SL_PROBLEM_ERROR, error.mark, NULL, "%s", error.sentence);
        return SL_E_BAD_INPUT;
    }
    rc = sl_pipeline_check(&tree, rules, sl_alloc_system(), problems, &file->pipeline);
    sl_tree_fini(&tree);
    return rc;
}

static int check_text(const struct sl_cli *cli, struct sl_pipeline_file *file, const struct sl_pipeline_check *how) {
    struct sl_problems problems;
    sl_problems_init(&problems, sl_alloc_system());
    const struct sl_pipeline_rules rules = {.types = how->types, .schemas = how->schemas, .match = sl_pattern_match,
                                            .policies = how->policies, .strict = how->strict};
    int rc = parse(file, &rules, &problems);
    file->error_count = problems.error_count;
    for (uint32_t i = 0; i < problems.count; i++) file->warning_count += problems.items[i].severity == SL_PROBLEM_WARNING;
    if (rc || !how->errors_only) show(file, &problems);
    record(file, &problems, how->records);
    sl_problems_fini(&problems);
    if (rc == SL_OK) return SL_EXIT_DONE;
    sl_pipeline_free(&file->pipeline);
    if (rc == SL_E_BAD_INPUT || rc == SL_E_LIMIT) return SL_EXIT_INVALID;
    return sl_cli_fail(cli, SL_EXIT_FAILURE, "%s cannot be checked: %s", file->path, sl_err_text(rc));
}

int sl_pipeline_file_check(const struct sl_cli *cli, const char *path, const struct sl_pipeline_check *check,
                           struct sl_pipeline_file *out_file) {
    *out_file = (struct sl_pipeline_file){.path = path};
    sl_buf_init(&out_file->text, sl_alloc_system());
    char error[512];
    int rc = sl_file_read(path, SL_PIPELINE_TEXT_MAX, &out_file->text, error, sizeof error);
    if (rc == SL_OK) return check_text(cli, out_file, check);
    out_file->error_count = 1;
    if (check->records)
        (void)json_array_append_new(check->records, json_pack("{s:s, s:n, s:n, s:s, s:s, s:n}", "file", path, "line", "column",
                                                              "severity", "error", "sentence", error, "hint"));
    if (rc == SL_E_NOT_FOUND) return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "%s", error);
    if (rc == SL_E_LIMIT || rc == SL_E_BAD_INPUT) return sl_cli_fail(cli, SL_EXIT_INVALID, "%s", error);
    return sl_cli_fail(cli, SL_EXIT_FAILURE, "%s", error);
}

void sl_pipeline_file_fini(struct sl_pipeline_file *self) {
    sl_pipeline_free(&self->pipeline);
    sl_buf_fini(&self->text);
}

bool sl_pipeline_file_is_meant(const char *word) {
    struct stat facts;
    size_t size = strlen(word);
    bool by_name = (size > 5 && strcmp(word + size - 5, ".yaml") == 0) || (size > 4 && strcmp(word + size - 4, ".yml") == 0);
    return by_name || strchr(word, '/') || (stat(word, &facts) == 0 && S_ISREG(facts.st_mode));
}

json_t *sl_pipeline_file_to_json(const struct sl_pipeline_file *self) {
    const struct sl_pipeline *pipeline = self->pipeline;
    json_t *stages = json_array();
    for (uint16_t i = 0; i < pipeline->stage_count; i++) {
        const struct sl_stage *stage = &pipeline->stages[i];
        json_t *needs = json_array();
        for (uint16_t j = 0; j < stage->predecessor_count; j++)
            (void)json_array_append_new(needs, text(pipeline->stages[stage->predecessors[j]].name));
        (void)json_array_append_new(stages, json_pack("{s:o, s:o, s:o}", "name", text(stage->name), "type", text(stage->type),
                                                      "depends_on", needs));
    }
    return json_pack("{s:o, s:o, s:o}", "name", text(pipeline->name), "version", text(pipeline->version), "stages", stages);
}
