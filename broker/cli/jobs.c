/* sluice jobs list, show, output, events, cancel. */
#include "output.h"
#include "plugins.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_LIMIT = 50, LIST_LIMIT_MAX = 1000000000, STATUSES_MAX = 8 };

/* Encodes the words of --status; an unknown one is a usage error with a suggestion. */
static int put_statuses(const struct sl_cli *cli, struct sl_buf *buf, struct sl_wire_list *out_list) {
    static const char *const names[] = {"queued", "processing", "completed", "failed", "cancelled"};
    enum { NAMES = sizeof names / sizeof *names };
    const char *at = sl_cli_flag(cli, SL_FLAG_STATUS);
    while (at && *at) {
        size_t size = strcspn(at, ",");
        size_t i = 0;
        while (i < NAMES && !sl_bytes_equal(sl_bytes(at, size), sl_text(names[i]))) i++;
        if (i == NAMES || out_list->count == STATUSES_MAX) {
            const char *near = sl_text_suggest(sl_bytes(at, size), names, NAMES);
            return sl_cli_fail(cli, SL_EXIT_USAGE, "there is no status \"%.*s\"; %s%s", (int)(size < 32 ? size : 32), at,
                               near ? "did you mean " : "they are queued, processing, completed, failed, cancelled",
                               near ? near : "");
        }
        sl_wire_str_put(buf, sl_bytes(at, size));
        out_list->count++;
        at += size + (at[size] == ',');
    }
    out_list->items = sl_buf_bytes(buf);
    return SL_EXIT_DONE;
}

static int print_jobs(const struct sl_cli *cli, const struct sl_records *jobs) {
    static const struct sl_column columns[] = {
        {"JOB", "job_id", SL_COLUMN_SHORT_ID},   {"PIPELINE", "pipeline", SL_COLUMN_TEXT},
        {"STATUS", "status", SL_COLUMN_STATUS},  {"STAGES", "stages", SL_COLUMN_STAGES},
        {"CREATED", "created_at", SL_COLUMN_AGO}, {"DOCUMENT", "doc_key", SL_COLUMN_DOCUMENT},
        {"REASON", "error_reason", SL_COLUMN_TEXT},
    };
    return sl_output_records(cli, jobs, columns, sizeof columns / sizeof *columns, "job_id");
}

/* A table and an array need all jobs at once; lines do not, so that a list may be longer than memory. */
static int list_jobs(struct sl_cli *cli, const struct sl_wire_query *query) {
    struct sl_records jobs;
    bool lines = cli->format == SL_FORMAT_JSONL || cli->format == SL_FORMAT_NAME || (cli->format == SL_FORMAT_TABLE && cli->quiet);
    if (lines) return sl_cli_ask_each(cli, query, print_jobs);
    int code = sl_cli_ask(cli, query, &jobs);
    if (code) return code;
    code = print_jobs(cli, &jobs);
    bool filtered = sl_cli_flag(cli, SL_FLAG_STATUS) || sl_cli_flag(cli, SL_FLAG_TENANT);
    sl_output_say_none(cli, jobs.items, filtered ? "no job matches; \"sluice jobs list\" shows them all"
                                                 : "no jobs yet; submit one with: sluice submit PIPELINE");
    sl_records_fini(&jobs);
    return code;
}

int sl_run_jobs_list(struct sl_cli *cli) {
    struct sl_wire_query query = {.what = sl_text("jobs")};
    struct sl_buf statuses;
    if (sl_cli_flag(cli, SL_FLAG_ALL) && sl_cli_flag(cli, SL_FLAG_LIMIT))
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--all and --limit contradict each other; say one of them");
    if (sl_cli_number(cli, SL_FLAG_LIMIT, LIST_LIMIT, 1, LIST_LIMIT_MAX, &query.limit)) return SL_EXIT_USAGE;
    if (sl_cli_flag(cli, SL_FLAG_ALL)) query.limit = UINT64_MAX;
    if (sl_cli_flag(cli, SL_FLAG_TENANT)) query.tenant = sl_text(sl_cli_flag(cli, SL_FLAG_TENANT));
    sl_buf_init(&statuses, sl_alloc_system());
    int code = put_statuses(cli, &statuses, &query.statuses);
    if (code == SL_EXIT_DONE) code = list_jobs(cli, &query);
    sl_buf_fini(&statuses);
    return code;
}

static void print_line(const struct sl_cli *cli, const char *title, const char *text) {
    struct sl_buf safe;
    sl_buf_init(&safe, sl_alloc_system());
    sl_text_escape(&safe, sl_text(text));
    (void)printf("%s%-10s%s %.*s\n", sl_color_start(cli->color_out, SL_COLOR_DIM), title, sl_color_end(cli->color_out),
                 (int)safe.size, (char *)safe.data);
    sl_buf_fini(&safe);
}

static void print_member(const struct sl_cli *cli, const char *title, const json_t *job, const char *member) {
    const char *text = sl_output_member(job, member);
    if (*text) print_line(cli, title, text);
}

/* The stages as a table: a job's map of stages has their names as keys. */
static int print_stages(const struct sl_cli *cli, const json_t *stages) {
    static const struct sl_column columns[] = {
        {"STAGE", "name", SL_COLUMN_TEXT},       {"STATE", "state", SL_COLUMN_STATUS},
        {"ATTEMPTS", "attempts", SL_COLUMN_NUMBER}, {"OUTPUTS", "output_count", SL_COLUMN_NUMBER},
        {"MS", "duration_ms", SL_COLUMN_NUMBER},
    };
    json_t *rows = json_array();
    const char *name;
    json_t *stage;
    json_object_foreach((json_t *)(uintptr_t)stages, name, stage) {
        json_t *row = json_copy(stage);
        (void)json_object_set_new(row, "name", json_string(name));
        (void)json_array_append_new(rows, row);
    }
    struct sl_cli table = *cli;
    table.format = SL_FORMAT_TABLE;
    int code = sl_output_list(&table, rows, columns, sizeof columns / sizeof *columns, "name");
    json_decref(rows);
    return code;
}

static int print_job(const struct sl_cli *cli, const json_t *job) {
    const char *status = sl_output_member(job, "status");
    (void)printf("%s  %s%s%s\n", sl_output_member(job, "job_id"), sl_color_start(cli->color_out, sl_status_color(status)),
                 status, sl_color_end(cli->color_out));
    print_member(cli, "pipeline", job, "pipeline");
    print_member(cli, "version", job, "pipeline_version");
    print_member(cli, "document", job, "doc_key");
    print_member(cli, "stage", job, "current_stage");
    print_member(cli, "sub-state", job, "sub_state");
    print_member(cli, "created", job, "created_at");
    print_member(cli, "completed", job, "completed_at");
    print_member(cli, "reason", job, "error_reason");
    (void)putchar('\n');
    return print_stages(cli, json_object_get(job, "stages"));
}

/* What the last failed attempt of a stage left behind beside its reason: a signal, its last lines on stderr. */
static const char *last_words(const json_t *events, const char *stage) {
    const char *words = "";
    size_t index;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, index, event) {
        const char *detail = sl_output_member(event, "detail");
        if (*detail && strcmp(sl_output_member(event, "stage"), stage) == 0) words = detail;
    }
    return words;
}

static void print_indented(const char *text) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        struct sl_buf safe;
        sl_buf_init(&safe, sl_alloc_system());
        sl_text_escape(&safe, sl_bytes(text, size));
        (void)printf("    %.*s\n", (int)safe.size, (char *)safe.data);
        sl_buf_fini(&safe);
        text += size + (text[size] == '\n');
    }
}

/* The end of a failed job's story, which its record does not hold. */
static int print_last_words(struct sl_cli *cli, const json_t *job) {
    const char *stage = sl_output_member(job, "current_stage");
    if (strcmp(sl_output_member(job, "status"), "failed") != 0) return SL_EXIT_DONE;
    struct sl_wire_query query = {.what = sl_text("events"), .job = sl_text(sl_output_member(job, "job_id"))};
    struct sl_records events;
    int code = sl_cli_ask(cli, &query, &events);
    if (code) return code;
    const char *words = last_words(events.items, stage);
    if (*words) {
        (void)printf("\nthe last attempt of %s left behind:\n", stage);
        print_indented(words);
    }
    sl_records_fini(&events);
    return SL_EXIT_DONE;
}

int sl_run_jobs_show(struct sl_cli *cli) {
    struct sl_wire_query query = {.what = sl_text("job"), .job = sl_text(sl_cli_argument(cli, 0))};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    const json_t *job = json_array_get(records.items, 0);
    if (!job) {
        code = sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "there is no job %.64s; \"sluice jobs list\" shows them", sl_cli_argument(cli, 0));
    } else if (cli->format == SL_FORMAT_NAME || (cli->format == SL_FORMAT_TABLE && cli->quiet)) {
        (void)puts(sl_output_member(job, "job_id"));
    } else if (cli->format == SL_FORMAT_TABLE) {
        code = print_job(cli, job);
        if (code == SL_EXIT_DONE) code = print_last_words(cli, job);
    } else {
        code = sl_output_msgpack(cli, sl_buf_bytes(&records.raw));
    }
    sl_records_fini(&records);
    return code;
}

/* The value of an item {key, value} as bytes. */
static struct sl_bytes value_of(struct sl_bytes item, struct sl_bytes *out_key) {
    struct sl_mp_reader reader = sl_mp_reader(item);
    struct sl_bytes value = {0};
    uint32_t count = sl_mp_read_map(&reader, SL_CONTROL_NODES_MAX);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        struct sl_bytes name = sl_mp_read_str(&reader, SL_NAME_MAX);
        if (sl_bytes_is(name, "key")) {
            *out_key = sl_mp_read_str(&reader, SL_KEY_MAX);
        } else {
            struct sl_bytes raw = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
            if (sl_bytes_is(name, "value")) value = raw;
        }
    }
    return value;
}

/* The run state as one map: state key to value. */
static int print_state(const struct sl_cli *cli, const struct sl_records *records) {
    struct sl_buf map;
    sl_buf_init(&map, sl_alloc_system());
    size_t count = json_array_size(records->items);
    sl_mp_map(&map, (uint32_t)count);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&records->raw));
    for (size_t i = 0; i < count; i++) {
        struct sl_bytes key = {0};
        struct sl_bytes value = value_of(sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX + SL_CONTROL_DEPTH_MAX), &key);
        sl_mp_str(&map, key);
        if (value.size) sl_mp_raw(&map, value);
        if (!value.size) sl_mp_nil(&map);
    }
    int code = map.failed ? sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory") : sl_output_msgpack(cli, sl_buf_bytes(&map));
    sl_buf_fini(&map);
    return code;
}

static void print_keys_of(const struct sl_plugins *plugins, const char *type) {
    const struct sl_stage_type *known = sl_stage_types_find(sl_plugins_types(plugins), sl_text(type));
    for (uint32_t i = 0; known && i < known->state_keys.count; i++)
        (void)fprintf(stderr, " %.*s", (int)known->state_keys.items[i].size, (const char *)known->state_keys.items[i].data);
}

/* The whole run state does not fit into a message: names the keys to ask for, as far as the plugins of this machine tell them. */
static void advise_keys(struct sl_cli *cli, const char *job) {
    struct sl_wire_query query = {.what = sl_text("job"), .job = sl_text(job)};
    struct sl_records jobs, pipelines;
    if (sl_cli_ask(cli, &query, &jobs)) return;
    const char *pipeline = sl_output_member(json_array_get(jobs.items, 0), "pipeline");
    query = (struct sl_wire_query){.what = sl_text("pipelines"), .name = sl_text(pipeline)};
    if (*pipeline && sl_cli_ask(cli, &query, &pipelines) == SL_EXIT_DONE) {
        struct sl_plugins plugins;
        size_t index;
        json_t *stage;
        sl_plugins_load(cli, &plugins);
        (void)fprintf(stderr, "        one key at a time: sluice jobs output %.64s KEY; keys of its stages' types:", job);
        json_array_foreach(json_object_get(json_array_get(pipelines.items, 0), "stages"), index, stage)
            print_keys_of(&plugins, sl_output_member(stage, "type"));
        (void)fputc('\n', stderr);
        sl_plugins_fini(&plugins);
        sl_records_fini(&pipelines);
    }
    sl_records_fini(&jobs);
}

int sl_run_jobs_output(struct sl_cli *cli) {
    const char *job = sl_cli_argument(cli, 0), *key = sl_cli_argument(cli, 1);
    struct sl_wire_query query = {.what = sl_text("output"), .job = sl_text(job), .name = sl_text(key ? key : "")};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code == SL_EXIT_FAILURE && !key) advise_keys(cli, job);
    if (code) return code;
    size_t count = json_array_size(records.items);
    if (cli->format == SL_FORMAT_NAME) {
        code = sl_output_list(cli, records.items, NULL, 0, "key");
    } else if (key && count == 0) {
        code = sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "job %.64s has no output \"%.64s\" (yet); sluice jobs output %.64s -o name lists what it has",
                           job, key, job);
    } else if (key) {
        struct sl_bytes name;
        code = sl_output_msgpack(cli, value_of(sl_buf_bytes(&records.raw), &name));
    } else {
        code = print_state(cli, &records);
    }
    sl_records_fini(&records);
    return code;
}

int sl_run_jobs_events(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"AT", "at", SL_COLUMN_TEXT},           {"EVENT", "event", SL_COLUMN_TEXT},
        {"STAGE", "stage", SL_COLUMN_TEXT},     {"ATTEMPT", "attempt", SL_COLUMN_NUMBER},
        {"OUTCOME", "outcome", SL_COLUMN_TEXT}, {"WORKER", "worker", SL_COLUMN_TEXT},
        {"REASON", "reason", SL_COLUMN_TEXT},
    };
    struct sl_wire_query query = {.what = sl_text("events"), .job = sl_text(sl_cli_argument(cli, 0))};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    code = sl_output_records(cli, &records, columns, sizeof columns / sizeof *columns, "event");
    sl_records_fini(&records);
    return code;
}

static int print_cancelled(const struct sl_cli *cli, const struct sl_wire_cancelled *cancelled, json_t *records) {
    char id[SL_ID_TEXT_SIZE], status[SL_NAME_MAX + 1];
    sl_id_to_text(cancelled->job.bytes, id);
    (void)snprintf(status, sizeof status, "%.*s", (int)cancelled->status.size, (const char *)cancelled->status.data);
    bool is_cancelled = strcmp(status, "cancelled") == 0;
    if (cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL) {
        (void)json_array_append_new(records, json_pack("{s:s, s:s}", "job_id", id, "status", status));
    } else if (is_cancelled) { /* what stdout names was cancelled */
        (void)puts(id);
    }
    if (!is_cancelled)
        return sl_cli_fail(cli, SL_EXIT_CONFLICT, "job %.8s has ended already: %s; nothing is cancelled", id, status);
    if (!cli->quiet) (void)fprintf(stderr, "cancelled %.8s\n", id);
    return SL_EXIT_DONE;
}

static int cancel_one(struct sl_cli *cli, const char *job, json_t *records) {
    const char *reason = sl_cli_flag(cli, SL_FLAG_REASON);
    struct sl_wire_cancel_job cancel = {.job = sl_text(job), .reason = sl_text(reason ? reason : "")};
    uint64_t id;
    int rc = sl_client_cancel(cli->client, &cancel, sl_cli_write_ms(cli), &id);
    if (rc == SL_E_LIMIT || rc == SL_E_BAD_INPUT)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "\"%.64s\" is no job id, or the reason is too long", job);
    if (rc) return sl_cli_client_failure(cli, rc, "cancel");
    struct sl_session_done done;
    int code = sl_cli_call(cli, id, true, &done);
    if (code) return code;
    struct sl_wire_cancelled cancelled;
    if (done.type != SL_WIRE_CANCELLED || sl_wire_cancelled_decode(done.body, &cancelled))
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the broker's answer is not understood");
    return print_cancelled(cli, &cancelled, records);
}

int sl_run_jobs_cancel(struct sl_cli *cli) {
    json_t *records = json_array();
    int worst = sl_cli_connect(cli, 0);
    for (int i = 0; worst != SL_EXIT_UNREACHABLE && cli->client && i < cli->parsed.argument_count; i++) {
        int code = cancel_one(cli, sl_cli_argument(cli, i), records);
        if (worst == SL_EXIT_DONE) worst = code;
    }
    int code = sl_output_each(cli, records);
    json_decref(records);
    return worst == SL_EXIT_DONE ? code : worst;
}
