/* An embedder that needs no model: each word of a text adds +1 or -1 at a place that its hash names (feature hashing,
 * https://arxiv.org/abs/0902.2206), and each pair of neighbouring words a quarter of that; what comes again adds less each time, and words
 * like "the" add nothing unless there are no others; the sum is scaled to length 1. Texts that share words have vectors that point the
 * same way. It knows nothing of meaning: "car" and "automobile" are as far apart as any two words. */
#ifndef SL_EMBED_NGRAMS_H
#define SL_EMBED_NGRAMS_H

#include <stddef.h>
#include <stdint.h>

#define SL_NGRAMS_MODEL "hashed-ngrams"

enum { SL_NGRAMS_DIMENSION_MIN = 8, SL_NGRAMS_DIMENSION_MAX = 4096, SL_NGRAMS_DIMENSION_DEFAULT = 128 };

/* Sets vector[0 .. dimension) to the text's vector. Words are runs of ASCII letters and digits (case does not count) and of all
 * bytes above 127. A text without a word gets the zero vector. The same on every machine. */
void sl_ngrams_embed(const char *text, size_t size, float *vector, size_t dimension);

/* The vector as dimension * 4 bytes, float32 little-endian, and back. */
void sl_ngrams_encode(const float *vector, size_t dimension, uint8_t *out_bytes);
void sl_ngrams_decode(const uint8_t *bytes, size_t dimension, float *out_vector);

#endif
