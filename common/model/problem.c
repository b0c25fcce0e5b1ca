/* Collecting problems and showing them with their place; see problem.h. */
#include "problem.h"

#include "base/assert.h"
#include "base/limits.h"

#include <stdio.h>

enum {
    LINE_BEFORE_MAX = 80, /* characters of a line shown before the caret */
    LINE_AFTER_MAX = 80  /* and from it on */
};

void sl_problems_init(struct sl_problems *self, const struct sl_alloc *alloc) {
    *self = (struct sl_problems){0};
    sl_tree_init(&self->texts, alloc);
}

void sl_problems_fini(struct sl_problems *self) {
    sl_alloc_give(self->texts.alloc, self->items, self->capacity * sizeof *self->items);
    sl_tree_fini(&self->texts);
    sl_problems_init(self, self->texts.alloc);
}

static bool grow(struct sl_problems *self) {
    if (self->count < self->capacity) return true;
    uint32_t capacity = self->capacity ? self->capacity * 2 : 8;
    struct sl_problem *items = self->texts.alloc->resize(self->texts.alloc->context, self->items,
                                                         self->capacity * sizeof *items, capacity * sizeof *items);
    if (!items) return false;
    self->items = items;
    self->capacity = capacity;
    return true;
}

static void lose(struct sl_problems *self) {
    self->incomplete = true;
    self->no_memory = true;
    self->error_count++;
}

/* The sentence as text owned by the list; data is NULL on no memory. */
static struct sl_bytes make_sentence(struct sl_problems *self, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    SL_ASSERT(size >= 0);
    char *text = sl_tree_take(&self->texts, (size_t)size + 1);
    if (!text) return sl_bytes(NULL, 0);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments); /* the size is known */
    return sl_bytes(text, (size_t)size);
}

void sl_problems_add_list(struct sl_problems *self, enum sl_severity severity, struct sl_mark mark, const char *hint,
                          const char *format, va_list arguments) {
    if (self->count == SL_PROBLEMS_MAX) {
        self->incomplete = true;
        if (severity == SL_PROBLEM_ERROR) self->error_count++;
        return;
    }
    struct sl_problem problem = {.severity = severity, .mark = mark};
    problem.sentence = make_sentence(self, format, arguments);
    if (hint) problem.hint = sl_tree_copy(&self->texts, sl_text(hint));
    if (!problem.sentence.data || (hint && !problem.hint.data) || !grow(self)) {
        lose(self);
        return;
    }
    self->items[self->count++] = problem;
    if (severity == SL_PROBLEM_ERROR) self->error_count++;
}

void sl_problems_add(struct sl_problems *self, enum sl_severity severity, struct sl_mark mark, const char *hint,
                     const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sl_problems_add_list(self, severity, mark, hint, format, arguments);
    va_end(arguments);
}

const char *sl_hint_suggest(struct sl_bytes word, const char *const *candidates, size_t candidate_count,
                            char out[SL_HINT_SIZE]) {
    const char *meant = word.size > 1 ? sl_text_suggest(word, candidates, candidate_count) : NULL;
    if (!meant) return NULL;
    (void)snprintf(out, SL_HINT_SIZE, "did you mean \"%s\"?", meant); /* candidates are names */
    return out;
}

static int place_compare(const struct sl_problem *a, const struct sl_problem *b) {
    if (a->mark.line != b->mark.line) return a->mark.line < b->mark.line ? -1 : 1;
    return (a->mark.column > b->mark.column) - (a->mark.column < b->mark.column);
}

/* By place; problems of one place stay in the order in which they were found. */
static void sort_by_place(struct sl_problems *self) {
    for (uint32_t i = 1; i < self->count; i++) {
        struct sl_problem problem = self->items[i];
        uint32_t at = i;
        for (; at > 0 && place_compare(&problem, &self->items[at - 1]) < 0; at--) self->items[at] = self->items[at - 1];
        self->items[at] = problem;
    }
}

/* The line of that number without its end; data is NULL when there is no such line. */
static struct sl_bytes find_line(struct sl_bytes text, uint32_t line) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    if (!at || line == 0) return sl_bytes(NULL, 0);
    for (; line > 1; line--) {
        const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
        if (!next) return sl_bytes(NULL, 0);
        at = next + 1;
    }
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    if (stop > at && stop[-1] == '\r') stop--;
    return sl_bytes(at, (size_t)(stop - at));
}

/* Where character number `index` of a text begins. */
static size_t character_offset(struct sl_bytes text, size_t index) {
    size_t at = 0;
    for (; at < text.size && index > 0; index--) {
        at++;
        while (at < text.size && (text.data[at] & 0xc0) == 0x80) at++;
    }
    return at;
}

static struct sl_bytes slice(struct sl_bytes text, size_t from, size_t to) {
    return sl_bytes(text.data + from, to - from);
}

static size_t count_characters(struct sl_bytes text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Appends a part of a source line as it may stand on a terminal, a tab as one blank; returns how many columns it takes. */
static size_t append_part(struct sl_buf *buf, struct sl_bytes part) {
    size_t before = buf->size;
    while (part.size > 0) {
        const uint8_t *tab = memchr(part.data, '\t', part.size);
        size_t size = tab ? (size_t)(tab - part.data) : part.size;
        sl_text_escape(buf, slice(part, 0, size));
        if (!tab) break;
        (void)sl_buf_append(buf, " ", 1); /* remembered in buf->failed */
        part = slice(part, size + 1, part.size);
    }
    return buf->failed ? 0 : count_characters(slice(sl_buf_bytes(buf), before, buf->size));
}

static void append_repeated(struct sl_buf *buf, char c, size_t count) {
    for (size_t i = 0; i < count; i++) (void)sl_buf_append(buf, &c, 1); /* remembered in buf->failed */
}

/* The line, and below it a caret with its tail and the hint. */
static void show_line(const struct sl_problem *problem, struct sl_bytes line, struct sl_buf *buf) {
    struct sl_mark mark = problem->mark;
    size_t column = mark.column > 0 ? mark.column - 1 : 0;
    size_t first = column > LINE_BEFORE_MAX ? column - LINE_BEFORE_MAX : 0;
    size_t length = mark.length < LINE_AFTER_MAX ? mark.length : LINE_AFTER_MAX;
    size_t from = character_offset(line, first), at = character_offset(line, column);
    size_t marked = character_offset(line, column + length), to = character_offset(line, column + LINE_AFTER_MAX);

    (void)sl_buf_format(buf, "%5u | %s", mark.line, first > 0 ? "..." : "");
    size_t indent = append_part(buf, slice(line, from, at)) + (first > 0 ? 3 : 0);
    size_t width = append_part(buf, slice(line, at, marked));
    (void)append_part(buf, slice(line, marked, to));
    (void)sl_buf_format(buf, "%s\n      | ", to < line.size ? "..." : "");
    append_repeated(buf, ' ', indent);
    append_repeated(buf, '^', 1);
    append_repeated(buf, '~', width > 1 ? width - 1 : 0);
    if (problem->hint.size > 0) append_repeated(buf, ' ', 1);
    sl_text_escape(buf, problem->hint);
    append_repeated(buf, '\n', 1);
}

static void show_one(const struct sl_problem *problem, const char *path, struct sl_bytes text, struct sl_buf *buf) {
    static const char *const words[] = {
        [SL_PROBLEM_ERROR] = "error", [SL_PROBLEM_WARNING] = "warning", [SL_PROBLEM_NOTE] = "note"};
    struct sl_bytes line = find_line(text, problem->mark.line);
    sl_text_escape(buf, sl_text(path));
    if (problem->mark.line > 0) (void)sl_buf_format(buf, ":%u:%u", problem->mark.line, problem->mark.column);
    (void)sl_buf_format(buf, ": %s: ", words[problem->severity]);
    sl_text_escape(buf, problem->sentence);
    if (!line.data && problem->hint.size > 0) {
        (void)sl_buf_format(buf, "; ");
        sl_text_escape(buf, problem->hint);
    }
    append_repeated(buf, '\n', 1);
    if (line.data) show_line(problem, line, buf);
}

void sl_problems_show(struct sl_problems *self, const char *path, struct sl_bytes text, struct sl_buf *buf) {
    sort_by_place(self);
    for (uint32_t i = 0; i < self->count; i++) show_one(&self->items[i], path, text, buf);
    if (!self->incomplete) return;
    sl_text_escape(buf, sl_text(path));
    (void)sl_buf_format(buf, ": note: there are more problems than are shown\n");
}
