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

/* Words that say nothing of what a text is about, in the order of their bytes. */
static const char *const stop_words[] = {
    "a",    "an",   "and",   "are",   "as",    "at",   "be",   "been", "but",  "by",   "can",  "do",    "for",   "from",  "had",
    "has",  "have", "how",   "if",    "in",    "into", "is",   "it",   "its",  "may",  "more", "no",    "not",   "of",    "on",
    "or",   "other", "shall", "should", "so",  "such", "than", "that", "the",  "their", "them", "then", "there", "these", "they",
    "this", "to",   "use",   "used",  "was",   "we",   "were", "what", "when", "where", "which", "who", "will",  "with",  "would",
    "you",  "your"};
enum { STOP_WORD_MAX = 6 };

static unsigned char to_lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool is_stop_word(const char *word, size_t size) {
    char text[STOP_WORD_MAX + 1] = {0};
    if (size > STOP_WORD_MAX) return false;
    for (size_t i = 0; i < size; i++) text[i] = (char)to_lower(word[i]);
    for (size_t i = 0; i < sizeof stop_words / sizeof *stop_words; i++) {
        if (strcmp(text, stop_words[i]) == 0) return true;
    }
    return false;
}

/* A vector that is being made, and how often each word and pair came so far: by hash, so two that share a place count as one. */
struct making {
    float *vector;
    size_t dimension;
    uint8_t counts[4096];
    bool empty;
};

/* The nth time counts 1/n: a word that comes ten times is about three times as important as one that comes once. */
static void add(struct making *making, uint64_t hash, float weight) {
    hash = mix(hash);
    uint8_t *count = &making->counts[hash >> 32 & (sizeof making->counts - 1)];
    if (*count < UINT8_MAX) ++*count;
    weight /= (float)*count;
    making->vector[hash % making->dimension] += hash >> 63 ? -weight : weight;
    making->empty = false;
}

static void normalise(float *vector, size_t dimension) {
    double sum = 0;
    for (size_t i = 0; i < dimension; i++) sum += (double)vector[i] * (double)vector[i];
    if (!(sum > 0)) return;
    double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < dimension; i++) vector[i] = (float)((double)vector[i] * scale);
}

static void add_all(struct making *making, const char *text, size_t size, bool stop_words_too) {
    static const float word_weight = 1, pair_weight = 0.25f; /* in few places many pairs would drown the words */
    uint64_t previous = 0;
    bool has_previous = false;
    for (size_t at = 0; at < size;) {
        uint64_t hash = fnv_offset;
        size_t start = at;
        for (; at < size && is_word((unsigned char)text[at]); at++) hash = (hash ^ to_lower(text[at])) * fnv_prime;
        if (at == start) at++;
        else if (stop_words_too || !is_stop_word(text + start, at - start)) {
            add(making, hash, word_weight);
            if (has_previous) add(making, mix(previous) * fnv_prime ^ hash, pair_weight);
            previous = hash;
            has_previous = true;
        }
    }
}

void sl_ngrams_embed(const char *text, size_t size, float *vector, size_t dimension) {
    struct making making = {.vector = vector, .dimension = dimension, .empty = true};
    for (size_t i = 0; i < dimension; i++) vector[i] = 0;
    add_all(&making, text, size, false);
    if (making.empty) add_all(&making, text, size, true);
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
