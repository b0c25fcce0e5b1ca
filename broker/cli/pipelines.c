/* sluice pipelines list, show, lint, apply, graph. */
#include "graph.h"
#include "output.h"
#include "pipeline_file.h"
#include "plugins.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

enum { NEAR_MAX = 256 }; /* names that a suggestion is looked for in */

static int refuse_name(struct sl_cli *cli, const char *word) {
    struct sl_wire_query query = {.what = sl_text("pipelines")};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    const char *names[NEAR_MAX];
    size_t count = 0, index;
    json_t *pipeline;
    json_array_foreach(records.items, index, pipeline)
        if (count < NEAR_MAX) names[count++] = sl_output_member(pipeline, "name");
    const char *near = sl_text_suggest(sl_text(word), names, count);
    code = near ? sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "there is no pipeline \"%.64s\"; did you mean \"%s\"?", word, near)
                : sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "there is no pipeline \"%.130s\"; \"sluice pipelines list\" shows them", word);
    sl_records_fini(&records);
    return code;
}

/* The pipeline that NAME[@VERSION] means, as for a submission: without a version the newest one (versions sort as text). It lies in
 * the records, which the caller owns when 0 is returned. */
static int ask_pipeline(struct sl_cli *cli, const char *word, struct sl_records *out_records, const json_t **out_pipeline) {
    const char *at = strchr(word, '@');
    struct sl_wire_query query = {.what = sl_text("pipelines"), .name = sl_bytes(word, strcspn(word, "@"))};
    if (query.name.size == 0) return refuse_name(cli, word);
    int code = sl_cli_ask(cli, &query, out_records);
    if (code) return code;
    const json_t *found = NULL;
    size_t index;
    json_t *pipeline;
    json_array_foreach(out_records->items, index, pipeline) {
        const char *version = sl_output_member(pipeline, "version");
        if (at && strcmp(version, at + 1) != 0) continue;
        if (!found || strcmp(version, sl_output_member(found, "version")) > 0) found = pipeline;
    }
    *out_pipeline = found;
    if (found) return SL_EXIT_DONE;
    sl_records_fini(out_records);
    return refuse_name(cli, word);
}

/* The number of stages of each, for the table. */
static void count_stages(json_t *pipelines) {
    size_t index;
    json_t *pipeline;
    json_array_foreach(pipelines, index, pipeline)
        (void)json_object_set_new(pipeline, "stage_count",
                                  json_integer((json_int_t)json_array_size(json_object_get(pipeline, "stages"))));
}

int sl_run_pipelines_list(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"PIPELINE", "name", SL_COLUMN_TEXT},
        {"VERSION", "version", SL_COLUMN_TEXT},
        {"STAGES", "stage_count", SL_COLUMN_NUMBER},
        {"DIGEST", "digest", SL_COLUMN_SHORT_ID},
    };
    struct sl_wire_query query = {.what = sl_text("pipelines")};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    count_stages(records.items);
    code = sl_output_records(cli, &records, columns, sizeof columns / sizeof *columns, "name");
    sl_output_say_none(cli, records.items, "no pipelines yet; store one with: sluice pipelines apply FILE");
    sl_records_fini(&records);
    return code;
}

static int print_graph(const struct sl_cli *cli, const json_t *pipeline, enum sl_graph_format format) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    int rc = sl_graph_show(pipeline, format, &text);
    if (rc == SL_OK) (void)fwrite(text.data, 1, text.size, stdout);
    sl_buf_fini(&text);
    return rc ? sl_cli_fail(cli, SL_EXIT_FAILURE, "the pipeline cannot be drawn: %s", sl_err_text(rc)) : SL_EXIT_DONE;
}

int sl_run_pipelines_show(struct sl_cli *cli) {
    struct sl_records records;
    const json_t *pipeline;
    int code = ask_pipeline(cli, sl_cli_argument(cli, 0), &records, &pipeline);
    if (code) return code;
    if (cli->format == SL_FORMAT_NAME) {
        (void)puts(sl_output_member(pipeline, "name"));
    } else if (cli->format != SL_FORMAT_TABLE) {
        code = sl_output_json(cli, pipeline);
    } else {
        code = print_graph(cli, pipeline, SL_GRAPH_TREE);
    }
    sl_records_fini(&records);
    return code;
}

static const char *plural(uint32_t count) {
    return count == 1 ? "" : "s";
}

int sl_run_pipelines_lint(struct sl_cli *cli) {
    uint32_t errors = 0, warnings = 0;
    struct sl_plugins plugins;
    struct sl_policies policies = {0};
    sl_plugins_load(cli, &plugins); /* without them types are not checked */
    json_t *records = json_array();
    int worst = sl_pipeline_policies_load(cli, records, &policies);
    const struct sl_pipeline_check check = {.types = sl_plugins_types(&plugins), .schemas = sl_plugins_types(&plugins),
                                            .policies = worst ? NULL : &policies, .records = records, .strict = sl_cli_flag(cli, SL_FLAG_STRICT) != NULL};
    for (int i = 0; i < cli->parsed.argument_count; i++) {
        struct sl_pipeline_file file;
        int code = sl_pipeline_file_check(cli, sl_cli_argument(cli, i), &check, &file);
        if (worst == SL_EXIT_DONE) worst = code;
        errors += file.error_count;
        warnings += file.warning_count;
        sl_pipeline_file_fini(&file);
    }
    if (check.policies) sl_policies_fini(&policies);
    sl_plugins_fini(&plugins);
    if (errors || warnings || worst == SL_EXIT_DONE)
        (void)fprintf(stderr, "%u error%s, %u warning%s\n", errors, plural(errors), warnings, plural(warnings));
    int code = cli->format == SL_FORMAT_TABLE ? (int)SL_EXIT_DONE : sl_output_list(cli, records, NULL, 0, "file");
    json_decref(records);
    return worst ? worst : code;
}

static void print_applied(const struct sl_cli *cli, const struct sl_wire_applied *applied, json_t *records) {
    char digest[SL_ID_TEXT_SIZE];
    sl_id_to_text(applied->digest.bytes, digest);
    struct sl_bytes name = applied->name, version = applied->version;
    if (applied->warnings.size > 0)
        (void)fprintf(stderr, "%.*s\n", (int)applied->warnings.size, (const char *)applied->warnings.data);
    if (cli->format == SL_FORMAT_TABLE) {
        (void)printf("%.*s %.*s  %s\n", (int)name.size, (const char *)name.data, (int)version.size, (const char *)version.data,
                     applied->changed ? "applied" : "unchanged");
    } else if (cli->format == SL_FORMAT_NAME) {
        (void)printf("%.*s\n", (int)name.size, (const char *)name.data);
    } else {
        (void)json_array_append_new(records, json_pack("{s:s%, s:s%, s:s, s:b}", "name", name.data, name.size, "version",
                                                       version.data, version.size, "digest", digest, "changed",
                                                       (int)applied->changed));
    }
}

static int send_file(struct sl_cli *cli, const struct sl_pipeline_file *file, json_t *records) {
    struct sl_wire_apply apply = {.text = sl_buf_bytes(&file->text), .path = sl_text(file->path),
                                  .strict = sl_cli_flag(cli, SL_FLAG_STRICT) != NULL};
    uint64_t id;
    int rc = sl_client_apply(cli->client, &apply, sl_cli_write_ms(cli), &id);
    if (rc) return sl_cli_client_failure(cli, rc, "apply the pipeline");
    struct sl_session_done done;
    int code = sl_cli_call(cli, id, true, &done);
    if (code) return code;
    struct sl_wire_applied applied;
    if (done.type != SL_WIRE_APPLIED || sl_wire_applied_decode(done.body, &applied))
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the broker's answer is not understood");
    print_applied(cli, &applied, records);
    return SL_EXIT_DONE;
}

int sl_run_pipelines_apply(struct sl_cli *cli) {
    struct sl_plugins plugins; /* for configs; of types the cluster's workers know more than this machine */
    sl_plugins_load(cli, &plugins);
    const struct sl_pipeline_check check = {.schemas = sl_plugins_types(&plugins),
                                            .strict = sl_cli_flag(cli, SL_FLAG_STRICT) != NULL, .errors_only = true};
    json_t *records = json_array();
    int worst = sl_cli_connect(cli, 0);
    for (int i = 0; cli->client && worst != SL_EXIT_UNREACHABLE && i < cli->parsed.argument_count; i++) {
        struct sl_pipeline_file file;
        int code = sl_pipeline_file_check(cli, sl_cli_argument(cli, i), &check, &file);
        if (code == SL_EXIT_DONE) code = send_file(cli, &file, records);
        if (worst == SL_EXIT_DONE || code == SL_EXIT_UNREACHABLE) worst = code;
        sl_pipeline_file_fini(&file);
    }
    sl_plugins_fini(&plugins);
    int code = sl_output_each(cli, records);
    json_decref(records);
    return worst == SL_EXIT_DONE ? code : worst;
}

static int graph_format(const struct sl_cli *cli, enum sl_graph_format *out_format) {
    const char *text = sl_cli_flag(cli, SL_FLAG_OUTPUT);
    if (!text) text = sl_graph_formats[SL_GRAPH_TREE];
    for (int i = 0; i < SL_GRAPH_FORMAT_COUNT; i++) {
        if (strcmp(text, sl_graph_formats[i]) != 0) continue;
        *out_format = (enum sl_graph_format)i;
        return SL_EXIT_DONE;
    }
    const char *near = sl_text_suggest(sl_text(text), sl_graph_formats, SL_GRAPH_FORMAT_COUNT);
    return sl_cli_fail(cli, SL_EXIT_USAGE, "a graph cannot be drawn as \"%.32s\"; %s%s", text,
                       near ? "did you mean " : "say tree, dot or mermaid", near ? near : "");
}

static int graph_of_file(const struct sl_cli *cli, const char *path, enum sl_graph_format format) {
    struct sl_pipeline_file file;
    int code = sl_pipeline_file_check(cli, path, &(struct sl_pipeline_check){.errors_only = true}, &file);
    if (code == SL_EXIT_DONE) {
        json_t *pipeline = sl_pipeline_file_to_json(&file);
        code = print_graph(cli, pipeline, format);
        json_decref(pipeline);
    }
    sl_pipeline_file_fini(&file);
    return code;
}

int sl_run_pipelines_graph(struct sl_cli *cli) {
    enum sl_graph_format format = SL_GRAPH_TREE;
    const char *word = sl_cli_argument(cli, 0);
    int code = graph_format(cli, &format);
    if (code) return code;
    if (sl_pipeline_file_is_meant(word)) return graph_of_file(cli, word, format);
    struct sl_records records;
    const json_t *pipeline;
    code = ask_pipeline(cli, word, &records, &pipeline);
    if (code) return code;
    code = print_graph(cli, pipeline, format);
    sl_records_fini(&records);
    return code;
}
