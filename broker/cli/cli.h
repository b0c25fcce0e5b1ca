/* What every command has at hand: the parsed words, the terminal, the connection, and the one way to complain. */
#ifndef SL_CLI_CLI_H
#define SL_CLI_CLI_H

#include "client/client.h"
#include "command.h"
#include "parse.h"
#include "terminal.h"

#include <jansson.h>

enum sl_format { SL_FORMAT_TABLE, SL_FORMAT_JSON, SL_FORMAT_JSONL, SL_FORMAT_NAME };

struct sl_cli {
    struct sl_parsed parsed;
    enum sl_format format;
    bool color_out; /* colours on stdout, on stderr */
    bool color_err;
    bool quiet;
    bool patient; /* questions wait as long as writes: the command rides through restarts */
    bool timeout_given;
    uint64_t timeout_ms;
    const char *endpoint;
    struct sl_client *client; /* owns; NULL until a command connects */
};

/* The value of a flag, or NULL. */
static inline const char *sl_cli_flag(const struct sl_cli *cli, enum sl_flag flag) {
    return cli->parsed.values[flag];
}

static inline const char *sl_cli_argument(const struct sl_cli *cli, int index) {
    return index < cli->parsed.argument_count ? cli->parsed.arguments[index] : NULL;
}

/* The value of a number flag, or fallback. When it is no number from min to max, prints a sentence and returns SL_E_BAD_INPUT. */
int sl_cli_number(const struct sl_cli *cli, enum sl_flag flag, uint64_t fallback, uint64_t min, uint64_t max,
                  uint64_t *out_value);

/* Prints "sluice: " and a sentence on stderr; returns the exit code given. */
int sl_cli_fail(const struct sl_cli *cli, enum sl_exit code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints a warning on stderr. */
void sl_cli_warn(const struct sl_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the warning that no connected worker offers a type (missing_types of ACCEPTED: its name, or "libx.so:function/type"). */
void sl_cli_warn_type(const struct sl_cli *cli, struct sl_bytes type);

/* Makes the client. 0, or the exit code after a sentence. */
int sl_cli_connect(struct sl_cli *cli, uint32_t window);

/* The exit code for the end of a request; prints the sentence when it was not carried out. `again` (may be NULL) is what
 * to type when the outcome is not known. */
int sl_cli_end(const struct sl_cli *cli, const struct sl_session_done *done, const char *again);

/* The exit code for a failure of the client library itself; prints the sentence. `doing` completes "cannot ...". */
int sl_cli_client_failure(const struct sl_cli *cli, int rc, const char *doing);

/* Waits for the end of a request. When nobody answers soon, says so at once; a question (not `is_write`) is given up early when
 * nobody listens at all. 0 when there is an answer; else the exit code after a sentence. */
int sl_cli_call(struct sl_cli *cli, uint64_t id, bool is_write, struct sl_session_done *out_done);

/* What the broker answered, twice: as it came, for exact output, and as JSON values to look into. */
struct sl_records {
    struct sl_buf raw; /* owns: msgpack objects, one behind the other */
    json_t *items;     /* owns: the same as an array; numbers beyond 63 bits are inexact here */
};

/* Asks for the items of all pages, or for query->limit of them. The caller frees *out_records. 0, or the exit code after a
 * sentence (then there is nothing to free). */
int sl_cli_ask(struct sl_cli *cli, const struct sl_wire_query *query, struct sl_records *out_records);

/* The same, page by page: on_page prints one, borrowed until it returns, and returns an exit code, of which any but 0 ends it. */
int sl_cli_ask_each(struct sl_cli *cli, const struct sl_wire_query *query,
                    int (*on_page)(const struct sl_cli *cli, const struct sl_records *page));

void sl_records_fini(struct sl_records *self);

/* How long a question may take, and a write: --timeout, or the default. */
uint64_t sl_cli_question_ms(const struct sl_cli *cli);
uint64_t sl_cli_write_ms(const struct sl_cli *cli);

/* Says, once a program's life, that the broker is awaited, when it has not answered yet. */
void sl_cli_say_waiting(struct sl_cli *cli);

#endif
