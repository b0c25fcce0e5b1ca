/* sluice stages, workers, status. */
#include "output.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static int list(struct sl_cli *cli, const char *what, const struct sl_column *columns, size_t column_count, const char *name) {
    struct sl_wire_query query = {.what = sl_text(what)};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    code = sl_output_records(cli, &records, columns, column_count, name);
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
    return list(cli, "stages", columns, sizeof columns / sizeof *columns, "type");
}

int sl_run_workers_list(struct sl_cli *cli) {
    static const struct sl_column columns[] = {
        {"WORKER", "name", SL_COLUMN_TEXT},          {"SLOTS", "slots", SL_COLUMN_NUMBER},
        {"BUSY", "in_flight", SL_COLUMN_NUMBER},     {"SINCE", "since", SL_COLUMN_AGO},
        {"TYPES", "types", SL_COLUMN_LIST},
    };
    return list(cli, "workers", columns, sizeof columns / sizeof *columns, "name");
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

/* One fact of the status, a map as its members on one line. */
static void print_fact(const struct sl_cli *cli, const char *name, const json_t *value) {
    (void)printf("%s%-16s%s", sl_color_start(cli->color_out, SL_COLOR_DIM), name, sl_color_end(cli->color_out));
    if (json_is_object(value)) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            char *text = json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT);
            (void)printf(" %s %s", text ? text : "?", key);
            free(text);
        }
    } else if (json_is_string(value)) {
        (void)printf(" %s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        (void)printf(" %s", json_is_true(value) ? "yes" : "no");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        (void)printf(" %s", text ? text : "?");
        free(text);
    }
    (void)putchar('\n');
}

static int print_status(const struct sl_cli *cli, const struct sl_records *records) {
    const json_t *status = json_array_get(records->items, 0);
    if (cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL) return sl_output_msgpack(cli, sl_buf_bytes(&records->raw));
    if (cli->format == SL_FORMAT_NAME) {
        (void)puts(sl_output_member(status, "broker"));
        return SL_EXIT_DONE;
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)status, name, value) print_fact(cli, name, value);
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
