/* The words of one section, with what is known about the places between them. */
#ifndef SL_CHUNK_WORDS_H
#define SL_CHUNK_WORDS_H

#include "sdk/document.h"

/* What ends behind a word. A stronger break includes the weaker ones. */
enum sl_word_break { SL_BREAK_WORD, SL_BREAK_SENTENCE, SL_BREAK_PARAGRAPH };

struct sl_word {
    const struct sl_block *block; /* borrowed */
    size_t start;                 /* byte offsets in the block's text */
    size_t end;
    size_t first; /* characters of the section before the word and before its end, white space included */
    size_t last;
    enum sl_word_break after;
};

struct sl_words {
    struct sl_word *items; /* owns */
    size_t count;
    size_t capacity;
};

/* Replaces the words by those of the section. A word longer than `size_max` characters is cut, never inside a character.
 * 0, or -1 when memory ran out. */
int sl_words_read(struct sl_words *self, const struct sl_document *document, const struct sl_section *section, size_t size_max);
void sl_words_fini(struct sl_words *self);

#endif
