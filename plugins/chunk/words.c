/* The words of one section. */
#include "words.h"

#include <stdlib.h>

#include "sdk/utf8.h"

/* Blocks are joined by an empty line in a chunk's text. */
enum { JOINT_SIZE = 2 };

static int add(struct sl_words *self, struct sl_word word) {
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 256;
        struct sl_word *grown = realloc(self->items, capacity * sizeof *grown);
        if (!grown) return -1;
        self->items = grown;
        self->capacity = capacity;
    }
    self->items[self->count++] = word;
    return 0;
}

/* Whether a word ends a sentence: by a full stop, question or exclamation mark (or their ideographic forms), perhaps inside
 * quotes or brackets. One capital with a stop ("J.") is an initial. */
static bool ends_sentence(struct sl_span word) {
    while (word.size > 1 && strchr("\"')]}", word.data[word.size - 1])) word.size--;
    if (word.size >= 3) {
        const char *tail = word.data + word.size - 3;
        if (memcmp(tail, "\xe3\x80\x82", 3) == 0 || memcmp(tail, "\xef\xbc\x81", 3) == 0 || memcmp(tail, "\xef\xbc\x9f", 3) == 0) {
            return true;
        }
    }
    char c = word.size > 0 ? word.data[word.size - 1] : 0;
    if (c == '!' || c == '?') return true;
    return c == '.' && !(word.size == 2 && word.data[0] >= 'A' && word.data[0] <= 'Z');
}

/* The end of the word that starts at `start`: white space, or `size_max` characters. */
static size_t word_end(struct sl_span text, size_t start, size_t size_max, size_t *out_characters) {
    size_t end = start, characters = 0;
    while (end < text.size && !sl_span_is_space(text.data[end])) {
        if (sl_utf8_is_start(text.data[end]) && characters++ == size_max) {
            characters--;
            break;
        }
        end++;
    }
    *out_characters = characters;
    return end;
}

static int read_block(struct sl_words *self, const struct sl_block *block, size_t size_max, size_t *position) {
    const struct sl_span text = block->text;
    size_t at = 0;
    while (at < text.size) {
        if (sl_span_is_space(text.data[at])) {
            at++;
            (*position)++;
            continue;
        }
        size_t characters;
        struct sl_word word = {.block = block, .start = at, .end = word_end(text, at, size_max, &characters), .first = *position};
        /* A stray continuation byte belongs to the word before: every step takes at least one byte. */
        if (word.end == at) word.end++;
        *position += characters;
        word.last = *position;
        bool is_whole = word.end == text.size || sl_span_is_space(text.data[word.end]);
        if (is_whole && ends_sentence(sl_span(text.data + word.start, word.end - word.start))) word.after = SL_BREAK_SENTENCE;
        at = word.end;
        if (add(self, word) != 0) return -1;
    }
    return 0;
}

int sl_words_read(struct sl_words *self, const struct sl_document *document, const struct sl_section *section,
                  size_t size_max) {
    size_t position = 0;
    self->count = 0;
    for (size_t i = 0; i < section->block_count; i++) {
        size_t count = self->count;
        if (read_block(self, &document->blocks[section->block_first + i], size_max, &position) != 0) return -1;
        if (self->count > count) self->items[self->count - 1].after = SL_BREAK_PARAGRAPH;
        position += JOINT_SIZE;
    }
    return 0;
}

void sl_words_fini(struct sl_words *self) {
    free(self->items);
    *self = (struct sl_words){0};
}
