/* sluice submit --each: one job per file, a bounded number of them on their way, and what became of each. */
#include "submit.h"

#include "files.h"
#include "follow.h"
#include "output.h"

#include "base/err.h"
#include "base/text.h"
#include "io/clock.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 10 };

struct sending {
    uint64_t id;
    size_t file;
    bool anew; /* the document was known, and is submitted under a key of its own */
};

/* What is known of a file's job. */
struct fate {
    struct sl_job_id job;
    bool accepted;
    bool failed_before; /* it was known, and had failed */
};

struct each {
    struct sl_cli *cli;
    struct sl_follow follow;
    struct sl_files files;
    struct sl_wire_submit message;
    struct sending *sending; /* owns; open submits, in no order */
    uint32_t sending_count;
    uint32_t sending_max;
    struct fate *fates; /* owns; one a file */
    size_t next; /* file */
    char again[SL_TIME_TEXT_SIZE + 1]; /* --again: what makes a known document's key a new one; else "" */

    json_t *records; /* owns; only for JSON */
    uint32_t accepted_count, known_count, skipped_count;
    uint32_t failed_count, known_failed_count;
    bool follows;
};

static void skip(struct each *self, const char *sentence) {
    sl_painter_erase(&self->follow.painter);
    sl_cli_warn(self->cli, "%s; skipped", sentence);
    self->skipped_count++;
    if (self->follow.progress.job_total > 0) self->follow.progress.job_total--;
}

static void send_file(struct each *self, size_t file, bool anew) {
    const char *path = self->files.paths[file];
    char error[512];
    struct sl_buf payload, doc_key;
    sl_buf_init(&payload, sl_alloc_system());
    sl_buf_init(&doc_key, sl_alloc_system());
    if (sl_file_to_document(path, &payload, &doc_key, error, sizeof error)) {
        skip(self, error);
    } else {
        if (anew) (void)sl_buf_format(&doc_key, "%s", self->again);
        self->message.payload = sl_buf_bytes(&payload);
        self->message.doc_key = sl_buf_bytes(&doc_key);
        uint64_t id;
        int rc = doc_key.failed ? SL_E_NO_MEMORY : sl_client_submit(self->cli->client, &self->message, sl_cli_write_ms(self->cli), &id);
        (void)snprintf(error, sizeof error, "%s cannot be submitted: %s", path, sl_err_text(rc));
        if (rc) skip(self, error);
        if (!rc) self->sending[self->sending_count++] = (struct sending){.id = id, .file = file, .anew = anew};
    }
    sl_buf_fini(&payload);
    sl_buf_fini(&doc_key);
}

/* The submit that this answer is to; false when it is none of ours. */
static bool take_sending(struct each *self, uint64_t id, struct sending *out_sending) {
    for (uint32_t i = 0; i < self->sending_count; i++) {
        if (self->sending[i].id != id) continue;
        *out_sending = self->sending[i];
        self->sending[i] = self->sending[--self->sending_count];
        return true;
    }
    return false;
}

static bool is_json(const struct sl_cli *cli) {
    return cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL;
}

static void print_accepted(struct each *self, const char *path, const struct sl_wire_accepted *accepted) {
    const struct sl_cli *cli = self->cli;
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(accepted->job.bytes, id);
    if (is_json(cli)) {
        json_t *record = json_pack("{s:s, s:s, s:I, s:b, s:o}", "job_id", id, "path", path, "run", (json_int_t)accepted->run,
                                   "duplicate", (int)accepted->duplicate, "status",
                                   accepted->status.size ? json_stringn((const char *)accepted->status.data, accepted->status.size)
                                                         : json_string("queued"));
        if (record) (void)json_array_append_new(self->records, record);
    } else if (cli->quiet || cli->format == SL_FORMAT_NAME) {
        (void)puts(id);
    } else if (!self->follows) {
        struct sl_buf safe;
        sl_buf_init(&safe, sl_alloc_system());
        sl_text_escape(&safe, sl_text(path));
        (void)printf("%s  %.*s%s\n", id, (int)safe.size, (char *)safe.data, accepted->duplicate ? "  (known already)" : "");
        sl_buf_fini(&safe);
    }
}

static bool has_ended(const struct sl_wire_accepted *accepted) {
    static const char *const ends[] = {"completed", "failed", "cancelled"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sl_bytes_is(accepted->status, ends[i])) return true;
    return false;
}

/* A job that was known and has ended needs no following; it is no part of this picture. */
static void take_known(struct each *self, struct fate *fate, const struct sl_wire_accepted *accepted) {
    self->known_count++;
    if (!has_ended(accepted)) return;
    fate->failed_before = sl_bytes_is(accepted->status, "failed");
    self->known_failed_count += fate->failed_before;
    self->follow.failed_count += fate->failed_before && self->follows;
    self->follow.cancelled_count += sl_bytes_is(accepted->status, "cancelled") && self->follows;
    if (self->follow.progress.job_total > 0) self->follow.progress.job_total--;
}

static int take_accepted(struct each *self, const struct sending *sending, const struct sl_wire_accepted *accepted) {
    bool over = accepted->duplicate && has_ended(accepted);
    if (over && self->again[0] && !sending->anew) {
        send_file(self, sending->file, true);
        return SL_EXIT_DONE;
    }
    struct fate *fate = &self->fates[sending->file];
    *fate = (struct fate){.job = accepted->job, .accepted = true};
    self->accepted_count++;
    print_accepted(self, self->files.paths[sending->file], accepted);
    struct sl_wire_list types = accepted->missing_types;
    struct sl_bytes type;
    while (sl_wire_strs_next(&types, &type)) sl_follow_warn_type(&self->follow, type);
    if (accepted->duplicate) take_known(self, fate, accepted);
    return self->follows && !over ? sl_follow_add(&self->follow, accepted->job) : SL_EXIT_DONE;
}

/* Another --again has keys of its own: it knows nothing of what this one submitted. */
static const char *again_words(const struct each *self) {
    return self->again[0] ? "the same command; with --again it does every known document once more"
                          : "the same command; files that were accepted are recognised";
}

/* A refusal that will meet every file ends the work; one that is about this file is named. */
static int take_request(struct each *self, const struct sl_session_done *done) {
    struct sending sending;
    if (!take_sending(self, done->id, &sending)) return SL_EXIT_DONE;
    struct sl_wire_accepted accepted;
    if (done->end == SL_CALL_ANSWERED && done->type == SL_WIRE_ACCEPTED && sl_wire_accepted_decode(done->body, &accepted) == SL_OK)
        return take_accepted(self, &sending, &accepted);
    sl_painter_erase(&self->follow.painter);
    if (done->end == SL_CALL_REFUSED && sl_bytes_is(done->refused.code, "too-large")) {
        sl_cli_warn(self->cli, "%s: %.*s; skipped", self->files.paths[sending.file], (int)done->refused.message.size,
                    (const char *)done->refused.message.data);
        self->skipped_count++;
        return SL_EXIT_DONE;
    }
    return sl_cli_end(self->cli, done, again_words(self));
}

static void note_end(struct each *self, const struct sl_wire_job_change *change) {
    if (!is_json(self->cli)) return;
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(change->job.bytes, id);
    size_t index;
    json_t *record;
    json_array_foreach(self->records, index, record) {
        if (strcmp(sl_output_member(record, "job_id"), id) != 0) continue;
        (void)json_object_set_new(record, "status", json_stringn((const char *)change->status.data, change->status.size));
        if (change->reason.size)
            (void)json_object_set_new(record, "error_reason", json_stringn((const char *)change->reason.data, change->reason.size));
    }
}

/* One line about a document whose job failed: its path, and why. */
static void name_failure(const struct each *self, const char *word, const char *path, struct sl_bytes reason) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    sl_text_escape(&text, sl_text(path));
    (void)sl_buf_format(&text, ": ");
    sl_text_escape(&text, reason);
    (void)fprintf(stderr, "%s%s%s %.*s\n", sl_color_start(self->cli->color_err, SL_COLOR_RED), word,
                  sl_color_end(self->cli->color_err), (int)text.size, (char *)text.data);
    sl_buf_fini(&text);
}

static void take_failure(struct each *self, const struct sl_wire_job_change *change) {
    if (!sl_bytes_is(change->status, "failed") || ++self->failed_count > NAMED_MAX) return;
    size_t file = 0;
    while (file < self->next && !(self->fates[file].accepted && sl_job_id_equal(self->fates[file].job, change->job))) file++;
    sl_painter_erase(&self->follow.painter);
    name_failure(self, "failed", file < self->next ? self->files.paths[file] : "", change->reason);
}

static void say_more(uint32_t count) {
    if (count > NAMED_MAX) (void)fprintf(stderr, "... and %u more failed\n", count - NAMED_MAX);
}

/* The known documents that had failed: whoever reads this may have no cluster left to ask. */
static void name_known_failures(struct each *self) {
    uint32_t named = 0;
    for (size_t i = 0; i < self->files.count && named < NAMED_MAX; i++) {
        if (!self->fates[i].failed_before) continue;
        char id[SL_ID_TEXT_SIZE];
        sl_id_to_text(self->fates[i].job.bytes, id);
        struct sl_wire_query query = {.what = sl_text("job"), .job = sl_text(id)};
        struct sl_records records;
        if (sl_cli_ask(self->cli, &query, &records)) return;
        name_failure(self, "failed before", self->files.paths[i],
                     sl_text(sl_output_member(json_array_get(records.items, 0), "error_reason")));
        sl_records_fini(&records);
        named++;
    }
    say_more(self->known_failed_count);
}

static bool is_over(const struct each *self) {
    return self->next == self->files.count && self->sending_count == 0 && self->follow.open_count == 0;
}

static int run(struct each *self) {
    while (!is_over(self)) {
        bool room = self->sending_count < self->sending_max && sl_client_has_room(self->cli->client);
        if (self->next < self->files.count && room) {
            send_file(self, self->next++, false);
            continue;
        }
        enum sl_follow_turn turn = sl_follow_turn(&self->follow);
        int code = SL_EXIT_DONE;
        switch (turn) {
        case SL_TURN_NOTHING: break;
        case SL_TURN_REQUEST: code = take_request(self, &self->follow.done); break;
        case SL_TURN_ENDED:
            note_end(self, &self->follow.change);
            take_failure(self, &self->follow.change);
            break;
        case SL_TURN_INTERRUPTED:
        case SL_TURN_TIMEOUT:
        case SL_TURN_SILENT:
        case SL_TURN_FAILED:
            return sl_follow_give_up(&self->follow, turn, again_words(self));
        }
        if (code) return code;
    }
    return SL_EXIT_DONE;
}

/* What became of the files, in one line: on stdout when nothing else is there. */
static void print_summary(struct each *self) {
    const struct sl_cli *cli = self->cli;
    if (cli->quiet || cli->format != SL_FORMAT_TABLE) return;
    FILE *out = self->follows ? stdout : stderr;
    (void)fprintf(out, "%zu file%s: %u submitted, %u known already", self->files.count, self->files.count == 1 ? "" : "s",
                  self->accepted_count - self->known_count, self->known_count);
    if (self->skipped_count) (void)fprintf(out, ", %u skipped", self->skipped_count);
    if (self->follows && sl_progress_seen(&self->follow.progress) > 0) {
        struct sl_buf text;
        sl_buf_init(&text, sl_alloc_system());
        sl_progress_summary(&self->follow.progress, &text);
        (void)fprintf(out, "; %.*s", (int)text.size, (char *)text.data);
        sl_buf_fini(&text);
    }
    (void)fputc('\n', out);
}

/* What the counts do not say: which documents failed, and how to have known ones done again. */
static void print_advice(struct each *self) {
    if (self->cli->quiet) return;
    say_more(self->failed_count);
    if (self->known_failed_count) name_known_failures(self);
    bool table = self->cli->format == SL_FORMAT_TABLE;
    bool nothing_new = self->known_count > 0 && self->known_count == self->accepted_count && self->follow.open_count == 0;
    if (table && nothing_new)
        (void)fprintf(stderr, "every document was known by its path and content: no stage was done again\n");
    if (self->failed_count || self->known_failed_count || (table && nothing_new))
        (void)fprintf(stderr, "the same command with --again submits documents that are known, and have ended, once more\n");
}

static int finish(struct each *self, int code) {
    if (is_json(self->cli)) {
        if (self->cli->format == SL_FORMAT_JSON) (void)sl_output_json(self->cli, self->records);
        size_t index;
        json_t *record;
        if (self->cli->format == SL_FORMAT_JSONL)
            json_array_foreach(self->records, index, record)(void) sl_output_json(self->cli, record);
    }
    if (code) return code;
    sl_follow_close(&self->follow);
    print_summary(self);
    print_advice(self);
    code = self->follows ? sl_follow_outcome(&self->follow) : (int)SL_EXIT_DONE;
    return code == SL_EXIT_DONE && self->skipped_count > 0 ? (int)SL_EXIT_FAILURE : code;
}

static int collect(struct each *self) {
    const struct sl_cli *cli = self->cli;
    char error[512];
    for (int i = 0; i < cli->parsed.use_count + cli->parsed.argument_count - 1; i++) {
        bool is_flag = i < cli->parsed.use_count;
        const char *word = is_flag ? cli->parsed.uses[i].value : sl_cli_argument(cli, i - cli->parsed.use_count + 1);
        if (is_flag && (cli->parsed.uses[i].flag != SL_FLAG_EACH || *word == '\0')) continue;
        int rc = sl_files_add(&self->files, word, error, sizeof error);
        if (rc == SL_E_NO_MEMORY) return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
        if (rc) skip(self, error);
    }
    self->fates = calloc(self->files.count + 1, sizeof *self->fates);
    if (!self->fates) return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    if (self->files.count > 0) return SL_EXIT_DONE;
    if (self->skipped_count > 0) return sl_cli_fail(cli, SL_EXIT_FAILURE, "no file is left to submit");
    return sl_cli_fail(cli, SL_EXIT_USAGE, "--each needs files: sluice submit %s --each FILE ...", sl_cli_argument(cli, 0));
}

/* Equal for all documents of this command, and like that of no other: another --again is meant as another time. */
static void set_again(struct each *self) {
    char time[SL_TIME_TEXT_SIZE];
    sl_text_time(sl_clock_wall_ms(), time);
    (void)snprintf(self->again, sizeof self->again, "#%s", time);
}

int sl_submit_each(struct sl_cli *cli, struct sl_submit_words *words) {
    static const enum sl_flag alone[] = {SL_FLAG_INPUT, SL_FLAG_KEY, SL_FLAG_DOC_KEY};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (sl_cli_flag(cli, alone[i]))
            return sl_cli_fail(cli, SL_EXIT_USAGE, "--each makes many jobs with keys of their own; leave --%s away",
                               sl_flag_text(alone[i])->name);
    uint64_t at_once;
    if (sl_cli_number(cli, SL_FLAG_IN_FLIGHT, SL_SUBMITS_AT_ONCE, 1, SL_SUBMITS_AT_ONCE_MAX, &at_once)) return SL_EXIT_USAGE;
    int code = sl_cli_connect(cli, (uint32_t)at_once + 16);
    if (code) return code;
    bool watch = sl_cli_flag(cli, SL_FLAG_WATCH) != NULL;
    struct each each = {.cli = cli, .message = words->message, .sending_max = (uint32_t)at_once, .records = json_array(),
                        .sending = calloc(at_once, sizeof(struct sending)), .follows = watch || sl_cli_flag(cli, SL_FLAG_WAIT)};
    if (sl_cli_flag(cli, SL_FLAG_AGAIN)) set_again(&each);
    sl_follow_init(&each.follow, cli, watch && !cli->quiet, 0);
    sl_follow_name(&each.follow, words->pipeline);
    if (each.sending && each.records) code = collect(&each);
    each.follow.progress.job_total = (uint32_t)each.files.count;
    if (code == SL_EXIT_DONE) code = finish(&each, run(&each));
    if (code == SL_EXIT_NOT_FOUND && each.accepted_count == 0) sl_submit_say_versions(cli, words);
    sl_follow_fini(&each.follow);
    sl_files_fini(&each.files);
    json_decref(each.records);
    free(each.sending);
    free(each.fates);
    return code;
}
