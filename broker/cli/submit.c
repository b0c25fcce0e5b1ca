/* sluice submit: one job. What several files make of it is in each.c. */
#include "submit.h"

#include "follow.h"
#include "outcome.h"
#include "output.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "io/file.h"
#include "io/json.h"

#include <string.h>
#include <unistd.h>

enum { JSON_TEXT_MAX = 32 << 20 };

static int put_label(const struct sl_cli *cli, const char *text, struct sl_buf *map) {
    const char *equals = strchr(text, '=');
    struct sl_bytes name = sl_bytes(text, equals ? (size_t)(equals - text) : 0);
    if (!equals || !sl_text_is_field(name) || strlen(equals + 1) > SL_LABEL_VALUE_MAX || !sl_utf8_is_valid(sl_text(equals + 1)))
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--label \"%.64s\" is no label; write NAME=TEXT, the text at most %d bytes", text,
                           (int)SL_LABEL_VALUE_MAX);
    sl_mp_str(map, name);
    sl_mp_str(map, sl_text(equals + 1));
    return SL_EXIT_DONE;
}

static int put_labels(const struct sl_cli *cli, struct sl_buf *labels) {
    uint32_t count = 0;
    for (int i = 0; i < cli->parsed.use_count; i++) count += cli->parsed.uses[i].flag == SL_FLAG_LABEL;
    if (count == 0) return SL_EXIT_DONE;
    if (count > SL_LABELS_MAX) return sl_cli_fail(cli, SL_EXIT_USAGE, "a job has at most %d labels", (int)SL_LABELS_MAX);
    sl_mp_map(labels, count);
    int code = SL_EXIT_DONE;
    for (int i = 0; i < cli->parsed.use_count && code == SL_EXIT_DONE; i++)
        if (cli->parsed.uses[i].flag == SL_FLAG_LABEL) code = put_label(cli, cli->parsed.uses[i].value, labels);
    return code;
}

int sl_submit_words(const struct sl_cli *cli, struct sl_submit_words *out_words) {
    *out_words = (struct sl_submit_words){0};
    sl_buf_init(&out_words->labels, sl_alloc_system());
    const char *word = sl_cli_argument(cli, 0), *at = strchr(word, '@');
    size_t size = at ? (size_t)(at - word) : strlen(word);
    if (!sl_text_is_name(sl_bytes(word, size)) || (at && strlen(at + 1) > SL_NAME_MAX))
        return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "\"%.80s\" is no name of a pipeline; \"sluice pipelines list\" shows them", word);
    (void)snprintf(out_words->pipeline, sizeof out_words->pipeline, "%.*s", (int)size, word);
    (void)snprintf(out_words->version, sizeof out_words->version, "%s", at ? at + 1 : "");
    int code = put_labels(cli, &out_words->labels);
    const char *tenant = sl_cli_flag(cli, SL_FLAG_TENANT);
    if (tenant && !sl_text_is_name(sl_text(tenant)))
        code = sl_cli_fail(cli, SL_EXIT_USAGE, "--tenant \"%.64s\" is no name: letters, digits, - and _, at most 64", tenant);
    out_words->message = (struct sl_wire_submit){
        .pipeline = sl_text(out_words->pipeline),
        .version = sl_text(out_words->version),
        .tenant = sl_text(tenant ? tenant : ""),
        .labels = sl_buf_bytes(&out_words->labels),
    };
    return code;
}

void sl_submit_words_fini(struct sl_submit_words *self) {
    sl_buf_fini(&self->labels);
}

void sl_submit_say_versions(struct sl_cli *cli, const struct sl_submit_words *words) {
    struct sl_wire_query query = {.what = sl_text("pipelines"), .name = sl_text(words->pipeline)};
    struct sl_records records;
    if (words->version[0] == '\0' || sl_cli_ask(cli, &query, &records)) return;
    size_t index;
    json_t *pipeline;
    json_array_foreach(records.items, index, pipeline)
        (void)fprintf(stderr, "        there is %s@%s\n", words->pipeline, sl_output_member(pipeline, "version"));
    sl_records_fini(&records);
}

/* The payload from --input: nothing is null. */
static int read_payload(const struct sl_cli *cli, struct sl_buf *payload) {
    const char *path = sl_cli_flag(cli, SL_FLAG_INPUT);
    if (!path) {
        sl_mp_nil(payload);
        return SL_EXIT_DONE;
    }
    char error[512];
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    bool is_stdin = strcmp(path, "-") == 0;
    int rc = is_stdin ? sl_file_read_fd(STDIN_FILENO, "the input", JSON_TEXT_MAX, &text, error, sizeof error)
                      : sl_file_read(path, JSON_TEXT_MAX, &text, error, sizeof error);
    int code = SL_EXIT_DONE;
    if (rc) {
        bool invalid = rc == SL_E_LIMIT || rc == SL_E_BAD_INPUT; /* a folder too: as with pipeline files */
        code = sl_cli_fail(cli, rc == SL_E_NOT_FOUND ? SL_EXIT_NOT_FOUND : invalid ? SL_EXIT_INVALID : SL_EXIT_FAILURE, "%s", error);
    } else if ((rc = sl_json_to_msgpack(sl_buf_bytes(&text), payload, error, sizeof error))) {
        code = sl_cli_fail(cli, SL_EXIT_INVALID, "%s is no sound JSON: %s", is_stdin ? "the input" : path, error);
    } else if (payload->size > SL_VALUE_BYTES_MAX) {
        code = sl_cli_fail(cli, SL_EXIT_FAILURE, "the payload has %zu bytes; a value has at most %d: split it", payload->size,
                           (int)SL_VALUE_BYTES_MAX);
    }
    sl_buf_fini(&text);
    return code;
}

static int set_keys(const struct sl_cli *cli, struct sl_wire_submit *message) {
    const char *key = sl_cli_flag(cli, SL_FLAG_KEY), *doc_key = sl_cli_flag(cli, SL_FLAG_DOC_KEY);
    if (key && doc_key)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--key and --doc-key both name the job; give one of them");
    if ((key && !*key) || (doc_key && !*doc_key)) return sl_cli_fail(cli, SL_EXIT_USAGE, "the key is empty");
    message->key = sl_text(key ? key : "");
    message->doc_key = sl_text(doc_key ? doc_key : "");
    return SL_EXIT_DONE;
}

/* What to type when the outcome is not known: the same key finds the same job. */
static void again_words(const struct sl_cli *cli, char *out, size_t size) {
    const char *key = sl_cli_flag(cli, SL_FLAG_KEY), *doc_key = sl_cli_flag(cli, SL_FLAG_DOC_KEY);
    if (key || doc_key) {
        (void)snprintf(out, size, "the same command; %s %s finds the job if it is there", key ? "--key" : "--doc-key",
                       key ? key : doc_key);
    } else {
        (void)snprintf(out, size, "look in \"sluice jobs list\"; submit with --key next time, then the same command may simply be repeated");
    }
}

static int submit_failed(struct sl_cli *cli, int rc) {
    switch (rc) {
    case SL_E_LIMIT:
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the key (at most %d bytes), the document's key (%d) or the payload (%d) is too long",
                           (int)SL_KEY_MAX, (int)SL_DOC_KEY_MAX, (int)SL_VALUE_BYTES_MAX);
    case SL_E_BAD_INPUT: return sl_cli_fail(cli, SL_EXIT_USAGE, "the key is no UTF-8");
    default: return sl_cli_client_failure(cli, rc, "submit");
    }
}

static void warn_missing(struct sl_cli *cli, const struct sl_wire_accepted *accepted) {
    struct sl_wire_list types = accepted->missing_types;
    struct sl_bytes type;
    while (sl_wire_strs_next(&types, &type)) sl_cli_warn_type(cli, type);
}

static void say_duplicate(const char *id, const struct sl_wire_accepted *accepted) {
    if (!accepted->duplicate) return;
    (void)fprintf(stderr, "known already: nothing was queued; job %.8s is %.*s\n", id, (int)accepted->status.size,
                  (const char *)accepted->status.data);
    if (sl_bytes_is(accepted->status, "failed"))
        (void)fprintf(stderr, "        why: sluice jobs show %.8s   to run it once more: submit under another --key\n", id);
}

static bool is_followed(const struct sl_cli *cli) {
    return sl_cli_flag(cli, SL_FLAG_WAIT) || sl_cli_flag(cli, SL_FLAG_WATCH);
}

static bool is_json(const struct sl_cli *cli) {
    return cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL;
}

static void print_record(const struct sl_cli *cli, const struct sl_wire_accepted *accepted) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(accepted->job.bytes, id);
    json_t *record = json_pack("{s:s, s:I, s:b}", "job_id", id, "run", (json_int_t)accepted->run, "duplicate",
                               (int)accepted->duplicate);
    (void)sl_output_json(cli, record);
    json_decref(record);
}

static void print_accepted(const struct sl_cli *cli, const struct sl_wire_accepted *accepted) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(accepted->job.bytes, id);
    if (!cli->quiet) say_duplicate(id, accepted);
    if (is_json(cli) && is_followed(cli)) return; /* the job itself will be printed */
    if (is_json(cli)) print_record(cli, accepted);
    if (!is_json(cli)) (void)puts(id);
    (void)fflush(stdout);
}

/* A job that was known, has ended and is removed since cannot be followed; how it ended came with the answer to the submit. */
static int code_of_known(const struct sl_wire_accepted *accepted) {
    if (!accepted->duplicate) return SL_EXIT_NOT_FOUND;
    if (sl_bytes_is(accepted->status, "completed")) return SL_EXIT_DONE;
    if (sl_bytes_is(accepted->status, "failed")) return SL_EXIT_JOB_FAILED;
    return sl_bytes_is(accepted->status, "cancelled") ? SL_EXIT_CANCELLED : SL_EXIT_NOT_FOUND;
}

/* Follows the job. When its end stays unknown, JSON is what is known of it: a script needs the id to come back. */
static int follow(struct sl_cli *cli, const struct sl_submit_words *words, const struct sl_wire_accepted *accepted) {
    bool watch = sl_cli_flag(cli, SL_FLAG_WATCH) != NULL;
    int known = code_of_known(accepted); /* now: its texts go with the next message */
    int code = sl_outcome_of(cli, &accepted->job, 1, watch && !cli->quiet, words->pipeline,
                             cli->quiet ? NULL : &accepted->missing_types);
    bool ended = code == SL_EXIT_DONE || code == SL_EXIT_JOB_FAILED || code == SL_EXIT_CANCELLED;
    if (is_json(cli) && !ended) print_record(cli, accepted);
    return code == SL_EXIT_NOT_FOUND ? known : code;
}

/* Waits for the answer to the submit. */
static int await_accepted(struct sl_cli *cli, uint64_t id, struct sl_wire_accepted *out_accepted) {
    struct sl_session_done done;
    int code = sl_cli_call(cli, id, true, &done);
    if (code) {
        char again[512];
        again_words(cli, again, sizeof again);
        if (done.end == SL_CALL_UNKNOWN) (void)fprintf(stderr, "        ask again: %s\n", again);
        return code;
    }
    if (done.type != SL_WIRE_ACCEPTED || sl_wire_accepted_decode(done.body, out_accepted))
        return sl_cli_fail(cli, SL_EXIT_FAILURE, "the broker's answer is not understood");
    print_accepted(cli, out_accepted);
    if (!cli->quiet && !is_followed(cli)) warn_missing(cli, out_accepted); /* who follows is told by the following */
    return SL_EXIT_DONE;
}

static int submit_one(struct sl_cli *cli, struct sl_submit_words *words) {
    struct sl_buf payload;
    sl_buf_init(&payload, sl_alloc_system());
    int code = set_keys(cli, &words->message);
    if (code == SL_EXIT_DONE) code = read_payload(cli, &payload);
    if (code == SL_EXIT_DONE) code = sl_cli_connect(cli, 0);
    words->message.payload = sl_buf_bytes(&payload);
    uint64_t id = 0;
    int rc = code == SL_EXIT_DONE ? sl_client_submit(cli->client, &words->message, sl_cli_write_ms(cli), &id) : SL_OK;
    sl_buf_fini(&payload);
    if (rc) code = submit_failed(cli, rc);
    if (code) return code;
    struct sl_wire_accepted accepted;
    code = await_accepted(cli, id, &accepted);
    if (code == SL_EXIT_NOT_FOUND) sl_submit_say_versions(cli, words);
    return code || !is_followed(cli) ? code : follow(cli, words, &accepted);
}

int sl_run_submit(struct sl_cli *cli) {
    struct sl_submit_words words;
    int code = sl_submit_words(cli, &words);
    bool each = sl_cli_flag(cli, SL_FLAG_EACH) != NULL;
    if (code == SL_EXIT_DONE && !each && cli->parsed.argument_count > 1)
        code = sl_cli_fail(cli, SL_EXIT_USAGE, "\"%.64s\" is one word too many; for a job per file say --each, for JSON --input FILE",
                           sl_cli_argument(cli, 1));
    if (code == SL_EXIT_DONE && !each && sl_cli_flag(cli, SL_FLAG_AGAIN))
        code = sl_cli_fail(cli, SL_EXIT_USAGE, "--again is for documents: say --each too; one job is submitted again under another --key");
    cli->patient = true;
    uint64_t at_once; /* of --each alone, but wrong is wrong */
    if (code == SL_EXIT_DONE && sl_cli_number(cli, SL_FLAG_IN_FLIGHT, SL_SUBMITS_AT_ONCE, 1, SL_SUBMITS_AT_ONCE_MAX, &at_once))
        code = SL_EXIT_USAGE;
    if (code == SL_EXIT_DONE) code = each ? sl_submit_each(cli, &words) : submit_one(cli, &words);
    sl_submit_words_fini(&words);
    return code;
}
