/* Connection, questions, and sentences on failures. */
#include "cli.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "io/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION_MS = 5000, REFUSED_MS = 1000, NOTICE_MS = 80, PAGE_MAX = 1000 };

static const uint64_t ns_per_ms = 1000000;

/* What is said may repeat names of files, words of the command line and of others: no byte of it steers a terminal. */
static void complain(const struct sl_cli *cli, enum sl_color color, const char *head, const char *format, va_list args) {
    struct sl_buf safe;
    char *sentence = NULL;
    sl_buf_init(&safe, sl_alloc_system());
    if (vasprintf(&sentence, format, args) < 0) sentence = NULL;
    sl_text_escape(&safe, sl_text(sentence ? sentence : sl_err_text(SL_E_NO_MEMORY)));
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s%s%s%.*s\n", sl_color_start(cli->color_err, color), head, sl_color_end(cli->color_err), (int)safe.size,
                  (char *)safe.data);
    free(sentence);
    sl_buf_fini(&safe);
}

int sl_cli_fail(const struct sl_cli *cli, enum sl_exit code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(cli, SL_COLOR_RED, "sluice: ", format, args);
    va_end(args);
    return (int)code;
}

void sl_cli_warn(const struct sl_cli *cli, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(cli, SL_COLOR_YELLOW, "warning: ", format, args);
    va_end(args);
}

void sl_cli_warn_type(const struct sl_cli *cli, struct sl_bytes type) {
    const char *text = (const char *)type.data;
    int size = (int)type.size;
    const char *slash = memchr(text, '/', type.size), *colon = memchr(text, ':', type.size);
    if (slash && colon) {
        sl_cli_warn(cli, "no connected worker offers stage type \"%.*s\": its stages wait; a worker looks for %.*s in SLUICE_PLUGIN_PATH once: "
                    "start one that has it there", size, text, (int)(colon - text), text);
        return;
    }
    sl_cli_warn(cli, "no connected worker offers stage type \"%.*s\": its stages wait; start a worker that has it, see: sluice plugin info %.*s",
                size, text, size, text);
}

int sl_cli_number(const struct sl_cli *cli, enum sl_flag flag, uint64_t fallback, uint64_t min, uint64_t max,
                  uint64_t *out_value) {
    const char *text = sl_cli_flag(cli, flag);
    uint64_t value = fallback;
    if (text && (sl_text_to_uint(text, max, &value) || value < min)) {
        (void)sl_cli_fail(cli, SL_EXIT_USAGE, "--%s must be a whole number from %llu to %llu", sl_flag_text(flag)->name,
                          (unsigned long long)min, (unsigned long long)max);
        return SL_E_BAD_INPUT;
    }
    *out_value = value;
    return SL_OK;
}

uint64_t sl_cli_question_ms(const struct sl_cli *cli) {
    return cli->timeout_given ? cli->timeout_ms : cli->patient ? SL_CLIENT_TIMEOUT_MS : QUESTION_MS;
}

uint64_t sl_cli_write_ms(const struct sl_cli *cli) {
    return cli->timeout_given ? cli->timeout_ms : SL_CLIENT_TIMEOUT_MS;
}

int sl_cli_connect(struct sl_cli *cli, uint32_t window) {
    char sentence[SL_CLIENT_SENTENCE_SIZE];
    struct sl_client_cfg cfg = {.endpoint = cli->endpoint, .window = window};
    int rc = sl_client_new(&cfg, &cli->client, sentence);
    if (rc == SL_OK) return SL_EXIT_DONE;
    return sl_cli_fail(cli, rc == SL_E_BAD_INPUT ? SL_EXIT_USAGE : SL_EXIT_FAILURE, "%s", sentence);
}

int sl_cli_client_failure(const struct sl_cli *cli, int rc, const char *doing) {
    if (rc == SL_E_CLOSED) return SL_EXIT_INTERRUPTED;
    return sl_cli_fail(cli, SL_EXIT_FAILURE, "cannot %s: %s", doing, sl_err_text(rc));
}

static int exit_of_code(struct sl_bytes code) {
#define SL_REJECT(name, text, retryable, exit_code)                                                                    \
    if (sl_bytes_is(code, text)) return exit_code;
#include "base/reject.def"
#undef SL_REJECT
    return SL_EXIT_FAILURE;
}

/* A refusal may be lines, as lint prints them. */
static void fail_in_lines(const struct sl_cli *cli, char *sentence) {
    char *rest = NULL, *line = strtok_r(sentence, "\n", &rest);
    (void)sl_cli_fail(cli, SL_EXIT_FAILURE, "%s", line ? line : "");
    while ((line = strtok_r(NULL, "\n", &rest))) {
        struct sl_buf safe;
        sl_buf_init(&safe, sl_alloc_system());
        sl_text_escape(&safe, sl_text(line));
        (void)fprintf(stderr, "%.*s\n", (int)safe.size, (char *)safe.data);
        sl_buf_fini(&safe);
    }
}

int sl_cli_end(const struct sl_cli *cli, const struct sl_session_done *done, const char *again) {
    if (done->end == SL_CALL_ANSWERED) return SL_EXIT_DONE;
    char sentence[SL_CLIENT_SENTENCE_SIZE];
    sl_client_explain(cli->client, done, sentence);
    int code = done->end == SL_CALL_REFUSED ? exit_of_code(done->refused.code) : SL_EXIT_UNREACHABLE;
    fail_in_lines(cli, sentence);
    if (done->end == SL_CALL_UNKNOWN) {
        (void)fprintf(stderr, "        how the cluster is: sluice status\n");
    } else if (code == SL_EXIT_UNREACHABLE && !sl_client_was_heard(cli->client)) {
        (void)fprintf(stderr, "        start a cluster on this machine: sluice dev   (or say where it is: --broker, SLUICE_BROKER)\n");
    }
    if (done->end == SL_CALL_UNKNOWN && again) (void)fprintf(stderr, "        ask again: %s\n", again);
    return code;
}

void sl_cli_say_waiting(struct sl_cli *cli) {
    static bool said;
    if (said || cli->quiet) return;
    said = true;
    (void)fflush(stdout);
    (void)fprintf(stderr, "waiting for the broker at %s\n", cli->endpoint);
}

/* Takes events until the request is over. The first wait is short, so that silence is spoken of within 100 ms. */
static int await(struct sl_cli *cli, uint64_t id, bool is_write, struct sl_session_done *out_done) {
    uint64_t start = sl_client_now(), until = start + NOTICE_MS * ns_per_ms;
    struct sl_session_effect event;
    for (;;) {
        int rc = sl_client_next(cli->client, until, -1, &event);
        if (rc == SL_OK && event.kind == SL_SESSION_DONE && event.done.id == id) {
            *out_done = event.done;
            return SL_OK;
        }
        if (rc == SL_OK) continue;
        if (rc != SL_E_TIMEOUT) return rc;
        bool refused = sl_client_is_refused(cli->client);
        if (refused) sl_cli_say_waiting(cli);
        if (refused && !is_write && !cli->timeout_given && sl_client_now() - start >= REFUSED_MS * ns_per_ms) {
            *out_done = (struct sl_session_done){.id = id, .end = SL_CALL_UNSENT};
            return SL_OK;
        }
        until = sl_client_now() + REFUSED_MS * ns_per_ms / 4;
    }
}

int sl_cli_call(struct sl_cli *cli, uint64_t id, bool is_write, struct sl_session_done *out_done) {
    int rc = await(cli, id, is_write, out_done);
    if (rc) return sl_cli_client_failure(cli, rc, "talk to the broker");
    return sl_cli_end(cli, out_done, NULL);
}

/* One msgpack object as a JSON value. Numbers that do not fit 63 bits are read as reals rather than not at all. */
static json_t *load(struct sl_bytes object) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    json_t *value = NULL;
    if (sl_msgpack_to_json(object, false, &text) == SL_OK) {
        value = json_loadb((char *)text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!value)
            value = json_loadb((char *)text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    }
    sl_buf_fini(&text);
    return value;
}

/* Appends the items of one page. */
static int take_page(struct sl_bytes items, struct sl_records *all) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        struct sl_bytes item = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX + SL_CONTROL_DEPTH_MAX);
        if (reader.rc) return reader.rc;
        json_t *value = load(item);
        if (!value || json_array_append_new(all->items, value)) return SL_E_BAD_INPUT;
        sl_mp_raw(&all->raw, item);
    }
    return reader.rc ? reader.rc : all->raw.failed ? SL_E_NO_MEMORY : SL_OK;
}

static int ask_page(struct sl_cli *cli, const struct sl_wire_query *query, struct sl_records *all,
                    struct sl_buf *cursor) {
    uint64_t id;
    int rc = sl_client_query(cli->client, query, sl_cli_question_ms(cli), &id);
    if (rc == SL_E_LIMIT || rc == SL_E_BAD_INPUT)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "a name or a job id is too long, or no UTF-8; \"sluice jobs list\" and \"sluice pipelines list\" show them");
    if (rc) return sl_cli_client_failure(cli, rc, "ask the broker");
    struct sl_session_done done;
    rc = await(cli, id, cli->patient, &done);
    if (rc) return sl_cli_client_failure(cli, rc, "talk to the broker");
    /* A question changes nothing, so there is no doubt about what may have happened. */
    if (done.end == SL_CALL_UNKNOWN)
        return sl_cli_fail(cli, SL_EXIT_UNREACHABLE, "the broker at %s did not answer in time", cli->endpoint);
    int code = sl_cli_end(cli, &done, NULL);
    if (code) return code;
    struct sl_wire_answer answer;
    if (done.type != SL_WIRE_ANSWER || sl_wire_answer_decode(done.body, &answer) || take_page(answer.items, all))
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the broker's answer is not understood; do \"sluice\" and the broker have the same version?");
    sl_buf_clear(cursor);
    if (sl_buf_append(cursor, answer.next.data, answer.next.size)) return SL_EXIT_FAILURE;
    return SL_EXIT_DONE;
}

/* Pages until there are enough items, or no more. With on_page each is given to it and forgotten. */
static int ask_pages(struct sl_cli *cli, struct sl_wire_query *page, struct sl_records *all,
                     int (*on_page)(const struct sl_cli *cli, const struct sl_records *page)) {
    uint64_t wanted = page->limit, told = 0;
    struct sl_buf cursor, used;
    sl_buf_init(&cursor, sl_alloc_system());
    sl_buf_init(&used, sl_alloc_system());
    int code;
    do {
        sl_buf_clear(&used);
        (void)sl_buf_append(&used, cursor.data, cursor.size);
        page->cursor = sl_buf_bytes(&used);
        uint64_t left = wanted - told - json_array_size(all->items);
        if (wanted > 0) page->limit = left < PAGE_MAX ? left : PAGE_MAX;
        code = ask_page(cli, page, all, &cursor);
        if (code || !on_page) continue;
        code = on_page(cli, all);
        told += json_array_size(all->items);
        (void)json_array_clear(all->items);
        sl_buf_clear(&all->raw);
    } while (code == SL_EXIT_DONE && cursor.size > 0 && (wanted == 0 || told + json_array_size(all->items) < wanted));
    sl_buf_fini(&cursor);
    sl_buf_fini(&used);
    return code;
}

void sl_records_fini(struct sl_records *self) {
    json_decref(self->items);
    self->items = NULL;
    sl_buf_fini(&self->raw);
}

static int ask(struct sl_cli *cli, const struct sl_wire_query *query, struct sl_records *out_all,
               int (*on_page)(const struct sl_cli *cli, const struct sl_records *page)) {
    if (!cli->client) {
        int code = sl_cli_connect(cli, 0);
        if (code) return code;
    }
    struct sl_records all = {.items = json_array()};
    sl_buf_init(&all.raw, sl_alloc_system());
    struct sl_wire_query page = *query;
    int code = all.items ? ask_pages(cli, &page, &all, on_page) : sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    if (code) {
        sl_records_fini(&all);
    } else {
        *out_all = all;
    }
    return code;
}

int sl_cli_ask(struct sl_cli *cli, const struct sl_wire_query *query, struct sl_records *out_records) {
    return ask(cli, query, out_records, NULL);
}

int sl_cli_ask_each(struct sl_cli *cli, const struct sl_wire_query *query,
                    int (*on_page)(const struct sl_cli *cli, const struct sl_records *page)) {
    struct sl_records none;
    int code = ask(cli, query, &none, on_page);
    if (code == SL_EXIT_DONE) sl_records_fini(&none);
    return code;
}
