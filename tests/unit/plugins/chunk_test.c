/* chunk cuts at the best place, never loses or tears text, and keeps where each piece came from. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"
#include "plugin_fixture.h"

static void run(struct fixture *self, const char *const *texts, size_t count) {
    struct sl_buf value = fixture_document("d", "paragraph", texts, count);
    cr_assert_eq(fixture_run(self, sl_buf_bytes(&value)), SLUICE_DONE, "%s", self->result.sentence);
    sl_buf_fini(&value);
}

static struct sl_bytes get(const struct fixture *self, int index, const char *member) {
    char path[64];
    (void)snprintf(path, sizeof path, "%d.%s", index, member);
    return fixture_get(sl_bench_value(&self->result, "chunks"), path);
}

static int64_t get_int(const struct fixture *self, int index, const char *member) {
    char path[64];
    (void)snprintf(path, sizeof path, "%d.%s", index, member);
    return fixture_get_int(sl_bench_value(&self->result, "chunks"), path);
}

#define EXPECT_CHUNKS(self, ...)                                                                                            \
    do {                                                                                                                    \
        const char *expected[] = {__VA_ARGS__};                                                                             \
        int count = (int)(sizeof expected / sizeof expected[0]);                                                            \
        for (int i = 0; i < count; i++) {                                                                                   \
            struct sl_bytes text = get(&(self), i, "text");                                                                 \
            cr_assert(sl_bytes_is(text, expected[i]), "chunk %d is \"%.*s\"", i, (int)text.size, (const char *)text.data);  \
        }                                                                                                                   \
        cr_assert_eq((self).result.count, count);                                                                           \
    } while (0)

Test(chunk, paragraphs_are_kept_together_while_they_fit) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"by\": \"paragraph\", \"size\": 20, \"overlap\": 0}", NULL);
    const char *texts[] = {"one two", "three four", "five six seven"};
    run(&self, texts, 3);
    EXPECT_CHUNKS(self, "one two\n\nthree four", "five six seven");
    cr_assert(sl_bytes_is(get(&self, 0, "id"), "d#1"));
    cr_assert(sl_bytes_is(get(&self, 1, "section"), "s1"));
    cr_assert(sl_bytes_is(get(&self, 1, "title"), "Head"));
    cr_assert_eq(get_int(&self, 0, "start"), 0);
    cr_assert_eq(get_int(&self, 0, "end"), 19);
    cr_assert_eq(get_int(&self, 1, "start"), 21);
    cr_assert_eq(get_int(&self, 1, "end"), 35);
    fixture_close(&self);
}

Test(chunk, a_long_paragraph_is_cut_at_sentences_then_at_words) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"size\": 24, \"overlap\": 0}", NULL);
    const char *texts[] = {"A sentence here. B next. A much longer sentence without any stop inside it"};
    run(&self, texts, 1);
    EXPECT_CHUNKS(self, "A sentence here. B next.", "A much longer sentence", "without any stop inside", "it");
    fixture_close(&self);
}

Test(chunk, sentences_ignore_paragraphs) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"by\": \"sentence\", \"size\": 22, \"overlap\": 0}", NULL);
    const char *texts[] = {"One is. Two (is!) Three?", "Four goes on. Five."};
    run(&self, texts, 2);
    EXPECT_CHUNKS(self, "One is. Two (is!)", "Three?\n\nFour goes on.", "Five.");
    fixture_close(&self);
}

Test(chunk, windows_count_words_and_overlap) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"by\": \"window\", \"size\": 4, \"overlap\": 2}", NULL);
    const char *texts[] = {"a b c d e f g"};
    run(&self, texts, 1);
    EXPECT_CHUNKS(self, "a b c d", "c d e f", "e f g");
    cr_assert_eq(get_int(&self, 1, "start"), 4);
    fixture_close(&self);
}

Test(chunk, characters_are_never_torn) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"size\": 3, \"overlap\": 1}", NULL);
    const char *texts[] = {"日本語日本語日本 é𝄞é𝄞é"};
    run(&self, texts, 1);
    for (int i = 0; i < (int)self.result.count; i++) {
        cr_assert(sl_utf8_is_valid(get(&self, i, "text")));
        cr_assert_leq(get(&self, i, "text").size, 12);
    }
    EXPECT_CHUNKS(self, "日本語", "日本語", "日本", "é𝄞é", "𝄞é");
    fixture_close(&self);
}

Test(chunk, every_word_is_in_some_chunk_and_no_chunk_is_too_large) {
    static const char *const configs[] = {"{\"size\": 50, \"overlap\": 10}", "{\"by\": \"sentence\", \"size\": 40, \"overlap\": 39}",
                                          "{\"by\": \"window\", \"size\": 5, \"overlap\": 4}", "{\"size\": 1, \"overlap\": 0}",
                                          "{\"size\": 1000000, \"overlap\": 999999}"};
    const char *texts[] = {"Heading", "It was the best of times, it was the worst of times. It was the age of wisdom!", "x",
                           "it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity."};
    for (size_t c = 0; c < sizeof configs / sizeof configs[0]; c++) {
        struct fixture self = fixture_open("chunk", "chunk", configs[c], NULL);
        run(&self, texts, 4);
        int64_t covered = 0;
        for (int i = 0; i < (int)self.result.count; i++) {
            cr_assert_leq(get_int(&self, i, "start"), covered + 2, "%s: a hole before chunk %d", configs[c], i);
            cr_assert_gt(get_int(&self, i, "end"), covered, "%s: chunk %d brings nothing new", configs[c], i);
            covered = get_int(&self, i, "end");
        }
        cr_assert_eq((size_t)covered, strlen(texts[0]) + strlen(texts[1]) + strlen(texts[2]) + strlen(texts[3]) + 6);
        fixture_close(&self);
    }
}

Test(chunk, too_much_overlap_for_one_value_is_a_sentence) {
    struct fixture self = fixture_open("chunk", "chunk", "{\"size\": 1000, \"overlap\": 999}", NULL);
    char *text = malloc(400001);
    for (size_t i = 0; i < 400000; i++) text[i] = i % 6 == 5 ? ' ' : 'a';
    text[400000] = 0;
    struct sl_buf value = fixture_document("d", "paragraph", (const char *const *)&text, 1);
    (void)fixture_run(&self, sl_buf_bytes(&value));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "All chunks of d together (a smaller overlap helps) is above the limit");
    sl_buf_fini(&value);
    free(text);
    fixture_close(&self);
}

Test(chunk, wrong_configs_and_empty_documents_are_refused) {
    fixture_refuses("chunk", "chunk", "{\"by\": \"page\"}", "must be one of: paragraph, sentence, window");
    fixture_refuses("chunk", "chunk", "{\"size\": 100, \"overlap\": 100}", "`config.overlap` (100) must be less than `config.size` (100)");
    fixture_refuses("chunk", "chunk", "{\"size\": 0}", "`config.size` must be an integer from 1 to 1000000");
    struct fixture self = fixture_open("chunk", "chunk", "{}", NULL);
    (void)fixture_run_json(&self, "{\"id\": \"d\", \"sections\": []}");
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "The document d has no text to cut");
    fixture_close(&self);
}
