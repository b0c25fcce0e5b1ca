/* sluice stages, workers, status. */
#include "output.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static int list(struct sl_cli *cli, const char *what, const struct sl_column *columns, size_t column_count, const char *name,
                const char *none) {
    struct sl_wire_query query = {.what = sl_text(what)};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    code = sl_output_records(cli, &records, columns, column_count, name);
    sl_output_say_none(cli, records.items, none);
    sl_records_fini(&records);
    return code;
}

int sl_run_stages_list(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"TYPE", "type", SL_COLUMN_TEXT},
        {"VERSION", "version", SL_COLUMN_TEXT},
        {"WORKERS", "workers", SL_COLUMN_LIST},
        {"DESCRIPTION", "description", SL_COLUMN_TEXT},
    };
    return list(cli, "stages", columns, sizeof columns / sizeof *columns, "type",
                "no stage types yet; the first worker brings them: sluice-worker, or sluice dev");
}

int sl_run_workers_list(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"WORKER", "name", SL_COLUMN_TEXT},          {"TASKS", "tasks", SL_COLUMN_NUMBER},
        {"AT MOST", "tasks_max", SL_COLUMN_NUMBER},  {"SINCE", "since", SL_COLUMN_AGO},
        {"TYPES", "types", SL_COLUMN_LIST},
    };
    return list(cli, "workers", columns, sizeof columns / sizeof *columns, "name",
                "no worker is connected; start one: sluice-worker, or sluice dev");
}

int sl_run_stages_accept(struct sl_cli *cli) {
    const char *type = sl_cli_argument(cli, 0);
    int code = sl_cli_connect(cli, 0);
    if (code) return code;
    uint64_t id;
    struct sl_wire_accept_type message = {.type = sl_text(type)};
    int rc = sl_client_accept_type(cli->client, &message, sl_cli_write_ms(cli), &id);
    if (rc == SL_E_LIMIT || rc == SL_E_BAD_INPUT)
        return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "\"%.64s\" is no name of a stage type; \"sluice stages list\" shows them", type);
    if (rc) return sl_cli_client_failure(cli, rc, "accept the type");
    struct sl_session_done done;
    code = sl_cli_call(cli, id, true, &done);
    if (code) return code;
    struct sl_wire_type_accepted accepted;
    if (done.type != SL_WIRE_TYPE_ACCEPTED || sl_wire_type_accepted_decode(done.body, &accepted))
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the broker's answer is not understood");
    char digest[SL_ID_TEXT_SIZE];
    sl_id_to_text(accepted.digest.bytes, digest);
    (void)printf("%s  %.8s\n", type, digest);
    return SL_EXIT_DONE;
}

/* What people read of the status: a line each, of members with the words behind them. */
static const struct {
    const char *label;
    struct {
        const char *member;
        const char *words;
    } parts[3];
} status_lines[] = {
    {"broker", {{"incarnation", ""}}},
    {"ready", {{"ready", ""}}},
    {"Redis", {{"redis", ""}}},
    {"shards", {{"shards", " in the cluster"}, {"shards_owned", " owned by this broker"}}},
    {"jobs", {{"queued", " queued"}, {"processing", " processing"}, {"ended_since_start", " ended since the broker started"}}},
    {"stages", {{"stages_ready", " ready"}, {"stages_running", " running"}}},
    {"workers", {{"workers", " connected"}, {"tasks_max", " tasks with them at most"}}},
    {"ledger", {{"commits", " commits"}, {"transitions", " transitions"}, {"settles", " settles"}}},
    {"to write", {{"undurable_bytes", " bytes not durable yet"}}},
    {"too late", {{"stale_results", " results of attempts that counted no more"}}},
};

enum { STATUS_LINES = sizeof status_lines / sizeof *status_lines, STATUS_PARTS = 3 };

static void print_value(const json_t *value, const char *words) {
    if (json_is_string(value)) {
        (void)printf("%s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        (void)printf("%s", json_is_true(value) ? "yes" : "no");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        (void)printf("%s", text ? text : "?");
        free(text);
    }
    (void)fputs(words, stdout);
}

static void print_label(const struct sl_cli *cli, const char *label) {
    (void)printf("%s%-10s%s", sl_color_start(cli->color_out, SL_COLOR_DIM), label, sl_color_end(cli->color_out));
}

static bool has_line(const char *member) {
    for (int i = 0; i < STATUS_LINES; i++)
        for (int k = 0; k < STATUS_PARTS; k++)
            if (status_lines[i].parts[k].member && strcmp(status_lines[i].parts[k].member, member) == 0) return true;
    return false;
}

/* What a broker tells beyond the lines above is shown under its own name. */
static void print_facts(const struct sl_cli *cli, const json_t *status) {
    for (int i = 0; i < STATUS_LINES; i++) {
        bool begun = false;
        for (int k = 0; k < STATUS_PARTS && status_lines[i].parts[k].member; k++) {
            const json_t *value = json_object_get(status, status_lines[i].parts[k].member);
            if (!value) continue;
            if (!begun) print_label(cli, status_lines[i].label);
            (void)fputs(begun ? ", " : " ", stdout);
            print_value(value, status_lines[i].parts[k].words);
            begun = true;
        }
        if (begun) (void)putchar('\n');
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)status, name, value) {
        if (has_line(name)) continue;
        print_label(cli, name);
        (void)putchar(' ');
        print_value(value, "\n");
    }
}

static int print_status(const struct sl_cli *cli, const struct sl_records *records) {
    const json_t *status = json_array_get(records->items, 0);
    if (cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL) return sl_output_msgpack(cli, sl_buf_bytes(&records->raw));
    if (cli->format == SL_FORMAT_NAME) {
        (void)puts(sl_output_member(status, "incarnation"));
        return SL_EXIT_DONE;
    }
    print_facts(cli, status);
    return SL_EXIT_DONE;
}

int sl_run_status(struct sl_cli *cli) {
    struct sl_wire_query query = {.what = sl_text("status")};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    bool ready = json_is_true(json_object_get(json_array_get(records.items, 0), "ready"));
    if (!cli->quiet) code = print_status(cli, &records);
    sl_records_fini(&records);
    if (code == SL_EXIT_DONE && sl_cli_flag(cli, SL_FLAG_READY) && !ready)
        return sl_cli_fail(cli, SL_EXIT_UNREACHABLE, "the broker answers, but the cluster is not ready yet");
    return code;
}
