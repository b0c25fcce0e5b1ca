/* Feature hashing of words and pairs of words. */
#include "ngrams.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
static const uint64_t fnv_offset = 0xcbf29ce484222325u, fnv_prime = 0x100000001b3u;

/* The finaliser of MurmurHash3 (public domain): spreads FNV's weak upper bits. */
static uint64_t mix(uint64_t hash) {
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

static bool is_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static void add(float *vector, size_t dimension, uint64_t hash) {
    hash = mix(hash);
    vector[hash % dimension] += hash >> 63 ? -1.0f : 1.0f;
}

static void normalise(float *vector, size_t dimension) {
    double sum = 0;
    for (size_t i = 0; i < dimension; i++) sum += (double)vector[i] * (double)vector[i];
    if (!(sum > 0)) return;
    double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < dimension; i++) vector[i] = (float)((double)vector[i] * scale);
}

void sl_ngrams_embed(const char *text, size_t size, float *vector, size_t dimension) {
    uint64_t previous = 0;
    bool has_previous = false;
    for (size_t i = 0; i < dimension; i++) vector[i] = 0;
    for (size_t at = 0; at < size;) {
        uint64_t hash = fnv_offset;
        size_t start = at;
        for (; at < size && is_word((unsigned char)text[at]); at++) {
            unsigned char c = (unsigned char)text[at];
            hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * fnv_prime;
        }
        if (at == start) {
            at++;
            continue;
        }
        add(vector, dimension, hash);
        if (has_previous) add(vector, dimension, mix(previous) * fnv_prime ^ hash);
        previous = hash;
        has_previous = true;
    }
    normalise(vector, dimension);
}

void sl_ngrams_encode(const float *vector, size_t dimension, uint8_t *out_bytes) {
    for (size_t i = 0; i < dimension; i++) {
        uint32_t bits;
        memcpy(&bits, &vector[i], sizeof bits);
        for (unsigned k = 0; k < 4; k++) out_bytes[i * 4 + k] = (uint8_t)(bits >> (8 * k));
    }
}

void sl_ngrams_decode(const uint8_t *bytes, size_t dimension, float *out_vector) {
    for (size_t i = 0; i < dimension; i++) {
        uint32_t bits = 0;
        for (unsigned k = 0; k < 4; k++) bits |= (uint32_t)bytes[i * 4 + k] << (8 * k);
        memcpy(&out_vector[i], &bits, sizeof bits);
    }
}
