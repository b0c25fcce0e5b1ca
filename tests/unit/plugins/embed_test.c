/* embed gives unit vectors that are the same everywhere and near for texts that share words. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/msgpack.h"
#include "embed/ngrams.h"
#include "plugin_fixture.h"

static double cosine(const char *a, const char *b) {
    float x[128], y[128];
    double sum = 0;
    sl_ngrams_embed(a, strlen(a), x, 128);
    sl_ngrams_embed(b, strlen(b), y, 128);
    for (int i = 0; i < 128; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

Test(embed, texts_that_share_words_are_near) {
    const char *text = "Redistribution and use in source and binary forms";
    cr_assert_float_eq(cosine(text, text), 1, 1e-6);
    cr_assert_float_eq(cosine("Mixed CASE words", "mixed case, words!"), 1, 1e-6);
    cr_assert_gt(cosine(text, "redistribution in source forms"), cosine(text, "the quick brown fox"));
    cr_assert_lt(cosine("red green blue", "blue red green"), 0.999, "the order of words counts");
    cr_assert_float_eq(cosine("the licence of the work", "A licence for this WORK"), 1, 1e-6, "small words do not count");
    cr_assert_float_eq(cosine("to be or not to be", "To be, or not to be"), 1, 1e-6, "unless there are no others");
    cr_assert_gt(cosine("warranty", "licence licence licence licence warranty"), 0.3, "what comes again drowns nothing");
    cr_assert_float_eq(cosine("!!! ...", text), 0, 1e-9);
}

Test(embed, vectors_are_the_same_on_every_machine) {
    float vector[8];
    uint8_t bytes[32];
    static const uint8_t half[4] = {0, 0, 0, 0x3f};
    sl_ngrams_embed("one", 3, vector, 8);
    double sum = 0;
    for (int i = 0; i < 8; i++) sum += fabs((double)vector[i]);
    cr_assert_float_eq(sum, 1, 1e-6, "one word is one place");
    vector[0] = 0.5f;
    sl_ngrams_encode(vector, 8, bytes);
    cr_assert_arr_eq(bytes, half, 4);
    float back[8];
    sl_ngrams_decode(bytes, 8, back);
    cr_assert_arr_eq(back, vector, sizeof vector);
}

#define CHUNK(number, text) "{\"id\":\"d#" number "\",\"section\":\"s\",\"start\":0,\"end\":1,\"text\":\"" text "\"}"

Test(embed, gives_a_vector_for_each_chunk_and_no_text) {
    struct fixture self = fixture_open("embed", "embed", "{\"model\": \"hashed-ngrams\", \"dimension\": 16}", NULL);
    cr_assert_eq(fixture_run_json(&self, "[" CHUNK("1", "hello world") "," CHUNK("2", "hello") "]"), SLUICE_DONE);
    struct sl_bytes batch = sl_bench_value(&self.result, "embedding_batch");
    cr_assert_eq(fixture_get_int(batch, "dimension"), 16);
    cr_assert(sl_bytes_is(fixture_get(batch, "model"), "hashed-ngrams"));
    cr_assert_eq(fixture_get_int(batch, "vectors.#"), 2);
    cr_assert(sl_bytes_is(fixture_get(batch, "vectors.1.chunk"), "d#2"));
    cr_assert_eq(fixture_get(batch, "vectors.0.vector").size, 64);
    cr_assert(!memmem(batch.data, batch.size, "hello", 5));
    cr_assert_eq(self.result.count, 2);
    fixture_close(&self);
}

static void put_chunks(struct sl_buf *chunks, int count) {
    sl_buf_clear(chunks);
    sl_mp_array(chunks, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        char id[64];
        (void)snprintf(id, sizeof id, "d#%d", i);
        sl_mp_map(chunks, 5);
        sl_mp_key(chunks, "id");
        sl_mp_str(chunks, sl_text(id));
        sl_mp_key(chunks, "section");
        sl_mp_str(chunks, sl_text("s"));
        sl_mp_key(chunks, "text");
        sl_mp_str(chunks, sl_text("words"));
        sl_mp_key(chunks, "start");
        sl_mp_uint(chunks, 0);
        sl_mp_key(chunks, "end");
        sl_mp_uint(chunks, 0);
    }
}

Test(embed, a_batch_above_the_limit_is_a_sentence) {
    struct fixture self = fixture_open("embed", "embed", "{\"dimension\": 4096}", NULL);
    struct sl_buf chunks;
    sl_buf_init(&chunks, sl_alloc_system());
    for (int count = 255; count <= 256; count++) {
        put_chunks(&chunks, count);
        sluice_outcome outcome = fixture_run(&self, sl_buf_bytes(&chunks));
        cr_assert_eq(outcome, count == 255 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT);
    }
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "The 256 vectors of d with dimension 4096 are above the limit");
    sl_buf_fini(&chunks);
    fixture_close(&self);
}

/* The default pipeline makes a chunk of each 700 characters: 6,000 of the largest document. Debian's own packages come near it. */
Test(embed, the_vectors_of_the_largest_document_fit) {
    struct fixture self = fixture_open("embed", "embed", "{}", NULL);
    struct sl_buf chunks;
    sl_buf_init(&chunks, sl_alloc_system());
    put_chunks(&chunks, 6000);
    cr_assert_eq(fixture_run(&self, sl_buf_bytes(&chunks)), SLUICE_DONE);
    sl_buf_fini(&chunks);
    fixture_close(&self);
}
