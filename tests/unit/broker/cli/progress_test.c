/* From snapshots of jobs to lines: never a line a task. */
#include "cli/progress.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sl_progress progress;
static struct sl_buf text;

static void begin(void) {
    sl_progress_init(&progress, sl_alloc_system());
    sl_buf_init(&text, sl_alloc_system());
}

static void end(void) {
    sl_progress_fini(&progress);
    sl_buf_fini(&text);
}

TestSuite(progress, .init = begin, .fini = end);

static struct sl_job_id job(uint32_t number) {
    struct sl_job_id id = {{(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16)}};
    return id;
}

static void take_of(const char *pipeline, uint32_t number, const char *status, const char *letters) {
    cr_assert_eq(sl_progress_take(&progress, job(number), sl_text(pipeline), sl_text(status), sl_text(letters)), SL_OK);
}

static void take(uint32_t number, const char *status, const char *letters) {
    take_of("only", number, status, letters);
}

static void name_stages(const char *const *names, uint32_t count) {
    uint32_t index;
    cr_assert_eq(sl_progress_pipeline(&progress, sl_text("only"), &index), SL_OK);
    for (uint32_t i = 0; i < count; i++) cr_assert_eq(sl_progress_name_stage(&progress, index, i, sl_text(names[i])), SL_OK);
}

static uint32_t draw(uint32_t width, uint32_t rows, bool color) {
    sl_buf_clear(&text);
    uint32_t lines = sl_progress_draw(&progress, width, rows, color, 2400, &text);
    uint32_t ends = 0;
    for (size_t i = 0; i < text.size; i++) ends += text.data[i] == '\n';
    cr_assert_eq(lines, ends, "the number of lines is what was said");
    (void)sl_buf_append(&text, "", 1);
    return lines;
}

static const char *tell(void) {
    sl_buf_clear(&text);
    (void)sl_progress_tell(&progress, &text);
    (void)sl_buf_append(&text, "", 1);
    return (char *)text.data;
}

Test(progress, a_newer_snapshot_replaces_the_older) {
    take(1, "processing", "xww");
    take(1, "processing", "sxw");
    take(2, "queued", "rww");
    cr_assert_eq(sl_progress_seen(&progress), 2u);
    cr_assert_eq(progress.pipelines[0].stages[0].counts[SL_STAGE_LETTER_SUCCEEDED], 1u);
    cr_assert_eq(progress.pipelines[0].stages[0].counts[SL_STAGE_LETTER_RUNNING], 0u);
    cr_assert_eq(progress.pipelines[0].stages[1].counts[SL_STAGE_LETTER_RUNNING], 1u);
    take(1, "completed", "sss");
    take(2, "failed", "fcc");
    cr_assert_eq(sl_progress_ended(&progress), 2u);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t sum = 0;
        for (int k = 0; k < SL_STAGE_LETTER_COUNT; k++) sum += progress.pipelines[0].stages[i].counts[k];
        cr_assert_eq(sum, 2u);
    }
}

Test(progress, one_line_a_stage_and_one_for_all) {
    static const char *const names[] = {"list", "count", "merge"};
    name_stages(names, 3);
    progress.job_total = 14;
    for (uint32_t i = 0; i < 14; i++) take(i, "processing", i < 9 ? "ssw" : i < 12 ? "sxw" : "srw");
    cr_assert_eq(draw(120, 24, false), 4u);
    cr_assert_str_eq((char *)text.data,
                     "  \xe2\x9c\x94 list     "
                     "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
                     "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
                     "    14/14\n"
                     "  \xe2\x96\xb6 count    "
                     "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
                     "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91"
                     "     9/14  3 running\n"
                     "  \xc2\xb7 merge    "
                     "\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91"
                     "\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91"
                     "     0/14\n"
                     "  2.4s  14 jobs: 14 processing\n");
}

Test(progress, the_picture_does_not_grow_with_the_jobs) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    name_stages(names, 8);
    for (uint32_t i = 0; i < 10000; i++) take(i, i % 3 ? "processing" : "failed", i % 3 ? "ssxxbwww" : "ssfccccc");
    cr_assert_leq(draw(200, 50, true), 8u + 4u);
}

Test(progress, a_small_terminal_shows_what_is_under_way) {
    char letters[201];
    memset(letters, 'w', 200);
    letters[200] = '\0';
    letters[150] = 'x';
    take(1, "processing", letters);
    cr_assert_leq(draw(80, 10, false), 10u);
    cr_assert_not_null(strstr((char *)text.data, "stage 151"));
    cr_assert_not_null(strstr((char *)text.data, "1 of 200 stages shown"));
}

Test(progress, without_colour_there_is_no_escape_byte) {
    take(1, "failed", "sfc");
    (void)draw(120, 24, false);
    cr_assert_null(strchr((char *)text.data, '\x1b'));
    (void)draw(120, 24, true);
    cr_assert_not_null(strchr((char *)text.data, '\x1b'));
}

Test(progress, for_one_job_a_line_tells_each_state) {
    static const char *const names[] = {"list", "count"};
    name_stages(names, 2);
    progress.job_total = 1;
    take(1, "queued", "rw");
    cr_assert_str_eq(tell(), "", "nothing has begun");
    take(1, "processing", "xw");
    cr_assert_str_eq(tell(), "list     running\n");
    cr_assert_str_eq(tell(), "");
    take(1, "processing", "bw");
    cr_assert_str_eq(tell(), "list     waiting to be tried again\n");
    take(1, "processing", "sx");
    cr_assert_str_eq(tell(), "list     done\ncount    running\n");
}

Test(progress, for_many_jobs_a_line_comes_at_each_tenth) {
    progress.job_total = 1000;
    uint32_t lines = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        take(i, "completed", "s");
        sl_buf_clear(&text);
        lines += sl_progress_tell(&progress, &text);
    }
    cr_assert_eq(lines, 10u);
}

Test(progress, unknown_letters_and_statuses_do_no_harm) {
    take(1, "processing", "s?\x01x");
    take(1, "unknown", "");
    take(2, "paused", "s");
    cr_assert_eq(sl_progress_seen(&progress), 1u);
    cr_assert_eq(progress.pipelines[0].stages[1].counts[SL_STAGE_LETTER_WAITING], 1u);
    cr_assert_eq(sl_progress_name_stage(&progress, 0, SL_STAGES_MAX, sl_text("x")), SL_E_LIMIT);
}

Test(progress, says_how_many_are_to_come) {
    progress.job_total = 5;
    take(1, "completed", "s");
    take(2, "failed", "f");
    sl_progress_summary(&progress, &text);
    (void)sl_buf_append(&text, "", 1);
    cr_assert_str_eq((char *)text.data, "5 jobs: 1 failed, 1 completed, 3 to come");
}

Test(progress, jobs_of_two_pipelines_are_counted_apart) {
    take_of("short", 1, "completed", "s");
    take_of("long", 2, "processing", "sx");
    take_of("long", 3, "completed", "ss");
    cr_assert_eq(draw(60, 24, false), 4u);
    cr_assert_not_null(strstr((char *)text.data, "\xe2\x9c\x94 short/stage 1      1/1\n"), "%s", (char *)text.data);
    cr_assert_not_null(strstr((char *)text.data, "\xe2\x9c\x94 long/stage 1       2/2\n"), "%s", (char *)text.data);
    cr_assert_not_null(strstr((char *)text.data, "\xe2\x96\xb6 long/stage 2       1/2\n"), "%s", (char *)text.data);
    cr_assert_not_null(strstr((char *)text.data, "3 jobs: 2 completed, 1 processing\n"), "%s", (char *)text.data);
    cr_assert_not_null(strstr(tell(), "short/stage 1 done\n"), "%s", (char *)text.data);
    cr_assert_not_null(strstr((char *)text.data, "long/stage 2  1/2 (50%)"), "%s", (char *)text.data);
}

Test(progress, the_mark_is_final_when_nothing_more_happens) {
    static const struct {
        const char *letters[3]; /* the stage in three jobs */
        const char *mark;
    } rows[] = {{{"s", "s", "s"}, "\xe2\x9c\x94"}, {{"s", "s", "c"}, "\xe2\x9c\x94"}, {{"s", "f", "c"}, "\xe2\x9c\x98"},
                {{"c", "c", "c"}, "\xe2\x9c\x98"}, {{"s", "f", "x"}, "\xe2\x96\xb6"}, {{"s", "s", "w"}, "\xe2\x96\xb6"},
                {{"w", "w", "w"}, "\xc2\xb7"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint32_t k = 0; k < 3; k++) take(k, "processing", rows[i].letters[k]);
        (void)draw(60, 24, false);
        cr_assert_eq(strncmp((char *)text.data + 2, rows[i].mark, strlen(rows[i].mark)), 0, "row %zu: %s", i, (char *)text.data);
    }
}
