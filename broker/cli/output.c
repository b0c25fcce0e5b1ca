/* libsmartcols for tables, jansson for JSON. Texts come from anywhere; libsmartcols escapes what a terminal must not be sent. */
#include "output.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "io/json.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHORT_ID = 8, CELL_MAX = 200 };

double sl_output_time(const char *text) {
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return 0;
    double fraction = *rest == '.' ? strtod(rest, NULL) : 0;
    return (double)timegm(&parts) + fraction;
}

void sl_output_distance(double seconds, char out_text[16]) {
    if (seconds < 0) seconds = 0;
    static const struct {
        double limit, unit;
        const char *name;
    } steps[] = {{60, 1, "s"}, {3600, 60, "m"}, {86400, 3600, "h"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (seconds >= steps[i].limit) continue;
        (void)snprintf(out_text, 16, "%d%s", (int)(seconds / steps[i].unit), steps[i].name);
        return;
    }
    (void)snprintf(out_text, 16, "%dd", (int)(seconds / 86400 < 1e6 ? seconds / 86400 : 1e6));
}

static const json_t *member_of(const json_t *record, const char *path) {
    char word[64];
    const char *dot;
    while (record && (dot = strchr(path, '.'))) {
        (void)snprintf(word, sizeof word, "%.*s", (int)(dot - path), path);
        record = json_object_get(record, word);
        path = dot + 1;
    }
    return record ? json_object_get(record, path) : NULL;
}

const char *sl_output_member(const json_t *record, const char *name) {
    const char *text = json_string_value(member_of(record, name));
    return text ? text : "";
}

/* A cell ends at its first NUL, so another sign stands for it. */
static void put_text(struct sl_buf *buf, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) (void)sl_buf_append(buf, text[i] ? &text[i] : "?", 1);
}

static void put_scalar(struct sl_buf *buf, const json_t *value) {
    if (json_is_string(value)) {
        put_text(buf, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        (void)sl_buf_format(buf, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        (void)sl_buf_format(buf, "%.3g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        (void)sl_buf_format(buf, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_object(value) || json_is_array(value)) {
        (void)sl_buf_format(buf, "(%zu)", json_is_object(value) ? json_object_size(value) : json_array_size(value));
    } else {
        (void)sl_buf_format(buf, "-");
    }
}

/* The key of a document by path and content: of the digest so much as tells two versions apart. */
static void put_document(struct sl_buf *buf, const json_t *value) {
    const char *text = json_string_value(value);
    const char *digest = text ? strstr(text, "@sha256:") : NULL;
    size_t size = digest ? strspn(digest + 8, "0123456789abcdef") : 0;
    if (size != 64) {
        put_scalar(buf, value);
        return;
    }
    put_text(buf, text, (size_t)(digest - text) + 8 + SHORT_ID);
    put_text(buf, digest + 8 + size, strlen(digest + 8 + size));
}

static void put_ago(struct sl_buf *buf, const json_t *value) {
    double at = json_is_string(value) ? sl_output_time(json_string_value(value)) : 0;
    char distance[16];
    sl_output_distance((double)time(NULL) - at, distance);
    (void)sl_buf_format(buf, at > 0 ? "%s ago" : "-", distance);
}

static void put_list(struct sl_buf *buf, const json_t *value) {
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)value, index, item) {
        if (index) (void)sl_buf_format(buf, " ");
        put_scalar(buf, item);
    }
    if (json_array_size(value) == 0) (void)sl_buf_format(buf, "-");
}

static void put_stages(struct sl_buf *buf, const json_t *value) {
    size_t done = 0, failed = 0;
    const char *name;
    json_t *stage;
    json_object_foreach((json_t *)(uintptr_t)value, name, stage) {
        const char *state = sl_output_member(stage, "state");
        done += strcmp(state, "succeeded") == 0;
        failed += strcmp(state, "failed") == 0;
    }
    (void)sl_buf_format(buf, "%zu/%zu", done, json_object_size(value));
    if (failed) (void)sl_buf_format(buf, " \xe2\x9c\x98%zu", failed);
}

static void put_cell(struct sl_buf *buf, enum sl_column_kind kind, const json_t *value) {
    sl_buf_clear(buf);
    switch (kind) {
    case SL_COLUMN_AGO: put_ago(buf, value); break;
    case SL_COLUMN_LIST: put_list(buf, value); break;
    case SL_COLUMN_STAGES: put_stages(buf, value); break;
    case SL_COLUMN_DOCUMENT: put_document(buf, value); break;
    case SL_COLUMN_SHORT_ID:
        put_scalar(buf, value);
        if (buf->size > SHORT_ID) buf->size = SHORT_ID;
        break;
    case SL_COLUMN_TEXT:
    case SL_COLUMN_NUMBER:
    case SL_COLUMN_STATUS: put_scalar(buf, value); break;
    }
    if (buf->size > CELL_MAX) {
        buf->size = CELL_MAX;
        while (buf->size > 0 && (buf->data[buf->size] & 0xc0) == 0x80) buf->size--; /* not inside a character */
        (void)sl_buf_format(buf, "...");
    }
    (void)sl_buf_append(buf, "", 1);
}

static void fill_line(struct libscols_line *line, const json_t *record, const struct sl_column *columns, size_t count,
                      bool color, struct sl_buf *buf) {
    for (size_t i = 0; i < count; i++) {
        put_cell(buf, columns[i].kind, member_of(record, columns[i].member));
        if (buf->failed) continue;
        (void)scols_line_set_data(line, i, (char *)buf->data);
        const char *start = sl_color_start(color, sl_status_color((char *)buf->data));
        if (columns[i].kind == SL_COLUMN_STATUS && *start)
            (void)scols_cell_set_color(scols_line_get_cell(line, i), start);
    }
}

static int fill_table(struct libscols_table *table, const json_t *records, const struct sl_column *columns, size_t count,
                      bool color) {
    for (size_t i = 0; i < count; i++) {
        bool right = columns[i].kind == SL_COLUMN_NUMBER;
        bool cut = i + 1 == count || columns[i].kind == SL_COLUMN_DOCUMENT;
        if (!scols_table_new_column(table, columns[i].title, 0, (right ? SCOLS_FL_RIGHT : 0) | (cut ? SCOLS_FL_TRUNC : 0)))
            return -1;
    }
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    size_t index;
    json_t *record;
    int rc = 0;
    json_array_foreach((json_t *)(uintptr_t)records, index, record) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        if (!line) rc = -1;
        if (line) fill_line(line, record, columns, count, color, &buf);
    }
    sl_buf_fini(&buf);
    return rc;
}

static int print_table(const struct sl_cli *cli, const json_t *records, const struct sl_column *columns, size_t count) {
    struct libscols_table *table = scols_new_table();
    int rc = table ? fill_table(table, records, columns, count, cli->color_out) : -1;
    if (rc == 0) {
        (void)scols_table_enable_colors(table, cli->color_out);
        rc = scols_print_table(table);
    }
    if (table) scols_unref_table(table);
    return rc ? sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory for the table") : SL_EXIT_DONE;
}

int sl_output_json(const struct sl_cli *cli, const json_t *value) {
    size_t flags = JSON_ENCODE_ANY;
    flags |= cli->format == SL_FORMAT_JSONL ? JSON_COMPACT : JSON_INDENT(2);
    char *text = json_dumps(value, flags);
    if (!text) return SL_EXIT_FAILURE;
    struct sl_bytes left = sl_text(text);
    while (left.size > 0) { /* jansson leaves DEL and C1 as they are, and stdout may be a terminal */
        size_t size = left.data[0] < 0x20 ? 0 : sl_text_control(left); /* below that it is only the layout */
        if (size > 0) (void)printf("\\u%04x", left.data[size - 1]);
        if (size == 0) (void)putchar(left.data[0]);
        left = sl_bytes(left.data + (size ? size : 1), left.size - (size ? size : 1));
    }
    free(text);
    return putchar('\n') == EOF ? SL_EXIT_FAILURE : SL_EXIT_DONE;
}

int sl_output_list(const struct sl_cli *cli, const json_t *records, const struct sl_column *columns, size_t column_count,
                   const char *name) {
    size_t index;
    json_t *record;
    int code = SL_EXIT_DONE;
    switch (cli->format == SL_FORMAT_TABLE && cli->quiet ? SL_FORMAT_NAME : cli->format) {
    case SL_FORMAT_JSON: return sl_output_json(cli, records);
    case SL_FORMAT_JSONL:
        json_array_foreach((json_t *)(uintptr_t)records, index, record) code |= sl_output_json(cli, record);
        return code;
    case SL_FORMAT_NAME:
        json_array_foreach((json_t *)(uintptr_t)records, index, record)(void) puts(sl_output_member(record, name));
        return SL_EXIT_DONE;
    case SL_FORMAT_TABLE: break;
    }
    return print_table(cli, records, columns, column_count);
}

void sl_output_say_none(const struct sl_cli *cli, const json_t *records, const char *sentence) {
    if (json_array_size(records) == 0 && !cli->quiet) (void)fprintf(stderr, "%s\n", sentence);
}

int sl_output_each(const struct sl_cli *cli, const json_t *records) {
    if (cli->format != SL_FORMAT_JSON && cli->format != SL_FORMAT_JSONL) return SL_EXIT_DONE;
    bool single = cli->parsed.argument_count == 1 && json_array_size(records) == 1;
    if (cli->parsed.argument_count == 1 && !single) return SL_EXIT_DONE; /* it failed, and a sentence said so */
    return single ? sl_output_json(cli, json_array_get(records, 0)) : sl_output_list(cli, records, NULL, 0, "");
}

int sl_output_msgpack(const struct sl_cli *cli, struct sl_bytes value) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    int rc = sl_msgpack_to_json(value, cli->format != SL_FORMAT_JSONL, &text);
    if (rc == SL_OK) {
        (void)fwrite(text.data, 1, text.size, stdout);
        (void)putchar('\n');
    }
    sl_buf_fini(&text);
    return rc ? sl_cli_fail(cli, SL_EXIT_FAILURE, "the value cannot be written as JSON: %s", sl_err_text(rc)) : SL_EXIT_DONE;
}

/* All records as one msgpack array, printed as JSON. */
static int print_array(const struct sl_cli *cli, const struct sl_records *records) {
    struct sl_buf array;
    sl_buf_init(&array, sl_alloc_system());
    sl_mp_array(&array, (uint32_t)json_array_size(records->items));
    sl_mp_raw(&array, sl_buf_bytes(&records->raw));
    int code = array.failed ? sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory")
                            : sl_output_msgpack(cli, sl_buf_bytes(&array));
    sl_buf_fini(&array);
    return code;
}

static int print_lines(const struct sl_cli *cli, const struct sl_records *records) {
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&records->raw));
    int code = SL_EXIT_DONE;
    for (size_t i = 0; i < json_array_size(records->items) && code == SL_EXIT_DONE; i++)
        code = sl_output_msgpack(cli, sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX + SL_CONTROL_DEPTH_MAX));
    return code;
}

int sl_output_records(const struct sl_cli *cli, const struct sl_records *records, const struct sl_column *columns,
                      size_t column_count, const char *name) {
    if (cli->format == SL_FORMAT_JSON) return print_array(cli, records);
    if (cli->format == SL_FORMAT_JSONL) return print_lines(cli, records);
    return sl_output_list(cli, records->items, columns, column_count, name);
}
