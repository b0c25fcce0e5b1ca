/* Identities, digests and checksums: stable for ever, because they are stored. */
#include "base/err.h"
#include "base/id.h"
#include "base/rng.h"

#include <criterion/criterion.h>

static const uint8_t sample[16] = {0x01, 0x99, 0xab, 0xcd, 0xef, 0x01, 0x82, 0x03, 0x84, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0xff};

Test(id, text_is_that_of_a_uuid) {
    char text[SL_ID_TEXT_SIZE];
    uint8_t bytes[16];
    sl_id_to_text(sample, text);
    cr_assert_str_eq(text, "0199abcd-ef01-8203-8405-060708090aff");
    cr_assert_eq(sl_id_from_text(sl_text(text), bytes), SL_OK);
    cr_assert_arr_eq(bytes, sample, 16);
    cr_assert_eq(sl_id_from_text(sl_text("0199ABCDEF018203840506070809 0AFF"), bytes), SL_E_BAD_INPUT);
    cr_assert_eq(sl_id_from_text(sl_text("0199ABCDEF0182038405060708090AFF"), bytes), SL_OK);
    cr_assert_arr_eq(bytes, sample, 16);
}

Test(id, text_that_is_no_uuid_is_refused_and_nothing_written) {
    static const char *const texts[] = {"", "0199", "0199abcd-ef01-8203-8405-060708090af", "0199abcd-ef01-8203-8405-060708090aff0",
                                        "0199abcd-ef01-8203-8405-060708090afg", "--------------------------------------"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t bytes[16] = {9};
        cr_assert_eq(sl_id_from_text(sl_text(texts[i]), bytes), SL_E_BAD_INPUT, "%s", texts[i]);
        cr_assert_eq(bytes[0], 9);
    }
}

Test(id, random_ids_survive_their_text) {
    struct sl_rng rng = {.state = 11};
    for (int i = 0; i < 1000; i++) {
        uint64_t words[2] = {sl_rng_next(&rng), sl_rng_next(&rng)};
        uint8_t bytes[16], again[16];
        char text[SL_ID_TEXT_SIZE];
        memcpy(bytes, words, sizeof bytes);
        sl_id_mark_v8(bytes);
        sl_id_to_text(bytes, text);
        cr_assert_eq(text[14], '8');
        cr_assert(strchr("89ab", text[19]));
        cr_assert_eq(sl_id_from_text(sl_text(text), again), SL_OK);
        cr_assert_arr_eq(bytes, again, 16);
    }
}

Test(id, a_shard_is_the_id_as_a_number_modulo_the_count) {
    struct sl_job_id id = {{0}};
    id.bytes[15] = 7;
    id.bytes[14] = 1;
    cr_assert_eq(sl_job_shard(id, 8), (256 + 7) % 8);
    cr_assert_eq(sl_job_shard(id, 1000), 263);
    cr_assert_eq(sl_job_shard(id, 1), 0);
    struct sl_rng rng = {.state = 12};
    for (int i = 0; i < 1000; i++) {
        uint64_t words[2] = {sl_rng_next(&rng), sl_rng_next(&rng)};
        uint16_t shards = (uint16_t)(1 + sl_rng_below(&rng, 1024));
        __extension__ unsigned __int128 number = 0;
        memcpy(id.bytes, words, sizeof id.bytes);
        for (int k = 0; k < 16; k++) number = number << 8 | id.bytes[k];
        cr_assert_eq(sl_job_shard(id, shards), (uint16_t)(number % shards));
    }
}

Test(id, tokens_are_equal_when_every_field_is) {
    struct sl_token token = {1, 2, {{3}}, 4, 5, 6, 7, 8}, other = token;
    cr_assert(sl_token_equal(&token, &other));
#define DIFFERS(field, change)                          \
    other = token;                                      \
    other.field += (change);                            \
    cr_assert_not(sl_token_equal(&token, &other), #field)
    DIFFERS(shard, 1);
    DIFFERS(epoch, (uint64_t)1 << 40);
    DIFFERS(job.bytes[15], 1);
    DIFFERS(run, 1);
    DIFFERS(stage, 1);
    DIFFERS(item, 1);
    DIFFERS(attempt, 1);
    DIFFERS(nonce, (uint64_t)1 << 63);
}

/* RFC 3720, B.4, and the check value that every catalogue of checksums lists. */
Test(crc32c, gives_the_values_of_rfc_3720) {
    uint8_t bytes[32] = {0};
    cr_assert_eq(sl_crc32c(sl_bytes(bytes, 32)), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    cr_assert_eq(sl_crc32c(sl_bytes(bytes, 32)), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    cr_assert_eq(sl_crc32c(sl_bytes(bytes, 32)), 0x46dd794eu);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)(31 - i);
    cr_assert_eq(sl_crc32c(sl_bytes(bytes, 32)), 0x113fdb5cu);
    cr_assert_eq(sl_crc32c(sl_text("123456789")), 0xe3069283u);
    cr_assert_eq(sl_crc32c(sl_bytes(NULL, 0)), 0);
}

static void expect_digest(struct sl_digest digest, const char *hex) {
    uint8_t expected[16];
    cr_assert_eq(sl_id_from_text(sl_text(hex), expected), SL_OK);
    cr_assert_arr_eq(digest.bytes, expected, 16);
}

/* Computed by Python's hashlib.blake2b(digest_size=16): digests are stored, so they may never change. */
Test(digest, of_parts_is_stable) {
    struct sl_bytes parts[] = {sl_text("salt"), sl_text("default"), sl_text("key"), sl_text("order-17")};
    struct sl_bytes shifted[] = {sl_text("saltd"), sl_text("efault"), sl_text("key"), sl_text("order-17")};
    expect_digest(sl_digest_parts(parts, 4), "087d207b5de60e0a97037b68a38c3c7e");
    expect_digest(sl_digest_parts(shifted, 4), "07ae24f12e1aea557ee5af9fd9df6e44");
    expect_digest(sl_digest_parts(NULL, 0), "cae66941d9efbd404e4d88758ea67670");
}

Test(digest, of_a_chain_is_stable_and_depends_on_the_order) {
    struct sl_digest start = {{0}};
    struct sl_digest one = sl_digest_chain(start, sl_text("batch one"));
    struct sl_digest two = sl_digest_chain(one, sl_text("batch two"));
    expect_digest(one, "c7e39bc6258dc6323beae371fd4a4ebf");
    expect_digest(two, "7dce5140e2f5770ef93c5ffb36c2c43e");
    struct sl_digest other = sl_digest_chain(sl_digest_chain(start, sl_text("batch two")), sl_text("batch one"));
    cr_assert_not(sl_digest_equal(two, other));
}
