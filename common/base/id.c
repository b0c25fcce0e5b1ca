/* Identities, digests and checksums. Pure: libsodium and ISA-L compute, nothing is read or written. */
#include "id.h"

#include "assert.h"
#include "err.h"

#include <isa-l/crc.h>
#include <sodium/crypto_generichash_blake2b.h>

bool sl_token_equal(const struct sl_token *a, const struct sl_token *b) {
    return a->shard == b->shard && a->epoch == b->epoch && sl_job_id_equal(a->job, b->job) && a->run == b->run &&
           a->stage == b->stage && a->item == b->item && a->attempt == b->attempt && a->nonce == b->nonce;
}

uint16_t sl_job_shard(struct sl_job_id id, uint16_t shards) {
    SL_ASSERT(shards > 0);
    bool power_of_two = (shards & (shards - 1)) == 0;
    if (power_of_two) return (uint16_t)((id.bytes[14] << 8 | id.bytes[15]) & (shards - 1));
    uint32_t rest = 0;
    for (size_t i = 0; i < sizeof id.bytes; i++) rest = (rest * 256 + id.bytes[i]) % shards;
    return (uint16_t)rest;
}

void sl_id_to_text(const uint8_t bytes[16], char out_text[SL_ID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    char *at = out_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int sl_id_from_text(struct sl_bytes text, uint8_t out_bytes[16]) {
    uint8_t bytes[16] = {0};
    size_t digit_count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-') continue;
        int value = hex_value(text.data[i]);
        if (value < 0 || digit_count == 32) return SL_E_BAD_INPUT;
        bytes[digit_count / 2] = (uint8_t)(bytes[digit_count / 2] << 4 | value);
        digit_count++;
    }
    if (digit_count != 32) return SL_E_BAD_INPUT;
    memcpy(out_bytes, bytes, 16);
    return SL_OK;
}

void sl_id_mark_v8(uint8_t bytes[16]) {
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x80);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
}

struct sl_digest sl_digest_parts(const struct sl_bytes *parts, size_t part_count) {
    crypto_generichash_blake2b_state state;
    struct sl_digest digest;
    int rc = crypto_generichash_blake2b_init(&state, NULL, 0, sizeof digest.bytes);
    SL_ASSERT(rc == 0);
    for (size_t i = 0; i < part_count; i++) {
        uint8_t size[8];
        for (int k = 0; k < 8; k++) size[k] = (uint8_t)((uint64_t)parts[i].size >> (8 * k));
        (void)crypto_generichash_blake2b_update(&state, size, sizeof size); /* cannot fail once begun */
        (void)crypto_generichash_blake2b_update(&state, parts[i].data, parts[i].size);
    }
    (void)crypto_generichash_blake2b_final(&state, digest.bytes, sizeof digest.bytes);
    return digest;
}

struct sl_digest sl_digest_chain(struct sl_digest before, struct sl_bytes batch) {
    crypto_generichash_blake2b_state state;
    struct sl_digest digest;
    int rc = crypto_generichash_blake2b_init(&state, NULL, 0, sizeof digest.bytes);
    SL_ASSERT(rc == 0);
    (void)crypto_generichash_blake2b_update(&state, before.bytes, sizeof before.bytes);
    (void)crypto_generichash_blake2b_update(&state, batch.data, batch.size);
    (void)crypto_generichash_blake2b_final(&state, digest.bytes, sizeof digest.bytes);
    return digest;
}

uint32_t sl_crc32c(struct sl_bytes bytes) {
    /* ISA-L takes int lengths and leaves the final inversion to the caller. */
    uint32_t crc = 0xffffffffu;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        int part = left > (1u << 30) ? (int)(1u << 30) : (int)left;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, part, crc);
        at += part;
        left -= (size_t)part;
    }
    return ~crc;
}
