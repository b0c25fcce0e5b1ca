/* sluice wait, sluice watch, and the waiting of submit. */
#include "outcome.h"

#include "follow.h"
#include "output.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_json(const struct sl_cli *cli) {
    return cli->format == SL_FORMAT_JSON || cli->format == SL_FORMAT_JSONL;
}

/* Whether the id was printed already, when the job was accepted. */
static bool was_printed(const struct sl_cli *cli) {
    return cli->parsed.command->run == sl_run_submit;
}

static void print_end(const struct sl_cli *cli, const struct sl_wire_job_change *change) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(change->job.bytes, id);
    if (is_json(cli)) return;
    if (cli->format == SL_FORMAT_NAME || cli->quiet) {
        if (!was_printed(cli)) (void)puts(id);
        return;
    }
    char status[SL_NAME_MAX + 1];
    (void)snprintf(status, sizeof status, "%.*s", (int)change->status.size, (const char *)change->status.data);
    struct sl_buf reason;
    sl_buf_init(&reason, sl_alloc_system());
    sl_text_escape(&reason, change->reason);
    (void)printf("%s  %s%s%s%s%.*s\n", id, sl_color_start(cli->color_out, sl_status_color(status)), status,
                 sl_color_end(cli->color_out), reason.size ? "  " : "", (int)reason.size, (char *)reason.data);
    sl_buf_fini(&reason);
}

/* The command that comes back to these jobs. */
static void again_words(const struct sl_job_id *jobs, size_t job_count, bool shows, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "sluice %s", shows ? "watch" : "wait");
    for (size_t i = 0; i < job_count && i < 8 && used < size; i++) {
        char id[SL_ID_TEXT_SIZE];
        sl_id_to_text(jobs[i].bytes, id);
        used += (size_t)snprintf(out + used, size - used, " %.8s", id);
    }
    if (job_count > 8 && used < size) (void)snprintf(out + used, size - used, " ...");
}

static int print_jobs(struct sl_cli *cli, const struct sl_job_id *jobs, size_t job_count) {
    struct sl_records all = {.items = json_array()};
    sl_buf_init(&all.raw, sl_alloc_system());
    int code = SL_EXIT_DONE;
    for (size_t i = 0; i < job_count && code == SL_EXIT_DONE; i++) {
        char id[SL_ID_TEXT_SIZE];
        sl_id_to_text(jobs[i].bytes, id);
        struct sl_wire_query query = {.what = sl_text("job"), .job = sl_text(id)};
        struct sl_records one;
        code = sl_cli_ask(cli, &query, &one);
        if (code) break;
        (void)json_array_extend(all.items, one.items);
        (void)sl_buf_append(&all.raw, one.raw.data, one.raw.size);
        sl_records_fini(&one);
    }
    if (code == SL_EXIT_DONE && job_count == 1) code = sl_output_msgpack(cli, sl_buf_bytes(&all.raw));
    if (code == SL_EXIT_DONE && job_count != 1) code = sl_output_records(cli, &all, NULL, 0, "job_id");
    sl_records_fini(&all);
    return code;
}

static int run_to_end(struct sl_follow *follow, struct sl_cli *cli, const struct sl_job_id *jobs, size_t job_count, bool shows) {
    while (follow->open_count > 0) {
        enum sl_follow_turn turn = sl_follow_turn(follow);
        if (turn == SL_TURN_NOTHING || turn == SL_TURN_REQUEST) continue;
        if (turn == SL_TURN_ENDED) {
            sl_painter_erase(&follow->painter);
            print_end(cli, &follow->change);
            continue;
        }
        char again[256];
        again_words(jobs, job_count, shows, again, sizeof again);
        return sl_follow_give_up(follow, turn, again);
    }
    sl_follow_close(follow);
    return SL_EXIT_DONE;
}

int sl_outcome_of(struct sl_cli *cli, const struct sl_job_id *jobs, size_t job_count, bool shows, const char *pipeline,
                  const struct sl_wire_list *missing_types) {
    struct sl_follow follow;
    sl_follow_init(&follow, cli, shows, 0);
    struct sl_wire_list types = missing_types ? *missing_types : (struct sl_wire_list){0};
    struct sl_bytes type;
    while (sl_wire_strs_next(&types, &type)) sl_follow_warn_type(&follow, type);
    if (pipeline) sl_follow_name(&follow, pipeline);
    int code = SL_EXIT_DONE;
    for (size_t i = 0; i < job_count && code == SL_EXIT_DONE; i++) code = sl_follow_add(&follow, jobs[i]);
    if (code == SL_EXIT_DONE) code = run_to_end(&follow, cli, jobs, job_count, shows);
    if (code == SL_EXIT_DONE && is_json(cli)) code = print_jobs(cli, jobs, job_count);
    if (code == SL_EXIT_DONE) code = sl_follow_outcome(&follow);
    sl_follow_fini(&follow);
    return code;
}

/* The id that a reference means: a whole one as it is, a shorter one by asking. */
static int resolve(struct sl_cli *cli, const char *text, struct sl_job_id *out_job) {
    if (sl_id_from_text(sl_text(text), out_job->bytes) == SL_OK) return SL_EXIT_DONE;
    if (strlen(text) > 36)
        return sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "\"%.40s...\" is no job id", text);
    struct sl_wire_query query = {.what = sl_text("job"), .job = sl_text(text)};
    struct sl_records records;
    int code = sl_cli_ask(cli, &query, &records);
    if (code) return code;
    const char *id = sl_output_member(json_array_get(records.items, 0), "job_id");
    if (sl_id_from_text(sl_text(id), out_job->bytes)) code = sl_cli_fail(cli, SL_EXIT_NOT_FOUND, "there is no job %.64s", text);
    sl_records_fini(&records);
    return code;
}

static int resolve_and_follow(struct sl_cli *cli, bool shows) {
    int count = cli->parsed.argument_count;
    struct sl_job_id *jobs = calloc((size_t)count, sizeof *jobs);
    if (!jobs) return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    cli->patient = true;
    int code = sl_cli_connect(cli, 0);
    for (int i = 0; i < count && code == SL_EXIT_DONE; i++) code = resolve(cli, sl_cli_argument(cli, i), &jobs[i]);
    size_t distinct = 0; /* the same job twice is one job */
    for (int i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < distinct; j++) seen = seen || sl_job_id_equal(jobs[i], jobs[j]);
        if (!seen) jobs[distinct++] = jobs[i];
    }
    if (code == SL_EXIT_DONE) code = sl_outcome_of(cli, jobs, distinct, shows, NULL, NULL);
    free(jobs);
    return code;
}

int sl_run_wait(struct sl_cli *cli) {
    const char *what = sl_cli_flag(cli, SL_FLAG_FOR);
    if (what && strcmp(what, "done") != 0)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--for \"%.32s\" is not known; what can be waited for is done", what);
    return resolve_and_follow(cli, false);
}

int sl_run_watch(struct sl_cli *cli) {
    return resolve_and_follow(cli, !cli->quiet);
}
