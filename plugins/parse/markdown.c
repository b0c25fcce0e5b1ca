/* Markdown by the block rules of CommonMark that matter for finding text: headings, fences, lists, quotes, tables, paragraphs.
 * Inline marks stay as they are. */
#include "formats.h"
#include "lines.h"

struct markdown {
    struct sl_builder *builder;
    struct sl_span text;
    const char *kind; /* of the block that is being gathered */
    size_t start;
    size_t end; /* 0: nothing gathered */
    size_t fence_size;
    char fence; /* '`' or '~' inside a fence, else 0 */
};

static void flush(struct markdown *self) {
    struct sl_part part = {.kind = self->kind, .start = self->start, .end = self->end,
                           .text = sl_span(self->text.data + self->start, self->end - self->start)};
    if (self->end > 0) sl_builder_block(self->builder, &part);
    self->start = self->end = 0;
}

/* Adds a line to the block of this kind; a block of another kind ends. */
static void gather(struct markdown *self, const char *kind, const struct sl_line *line) {
    if (self->end > 0 && self->kind != kind) flush(self);
    struct sl_span body = sl_span_trim(line->text);
    if (self->end == 0) self->start = line->start + (size_t)(body.data - line->text.data);
    self->kind = kind;
    self->end = line->start + (size_t)(body.data - line->text.data) + body.size;
}

static size_t run_length(struct sl_span text, char c) {
    size_t size = 0;
    while (size < text.size && text.data[size] == c) size++;
    return size;
}

/* The same character three times or more, with nothing else but spaces: a rule, or the underline of a heading. */
static bool is_rule(struct sl_span text, const char *characters) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ') continue;
        if (text.data[i] != text.data[0]) return false;
        count++;
    }
    return count >= 3 && strchr(characters, text.data[0]);
}

static bool take_fence(struct markdown *self, const struct sl_line *line) {
    struct sl_span body = sl_span_trim(line->text);
    char c = body.size > 0 ? body.data[0] : 0;
    size_t size = c == '`' || c == '~' ? run_length(body, c) : 0;
    if (self->fence) {
        if (c == self->fence && size >= self->fence_size && size == body.size) {
            self->fence = 0;
            flush(self);
        } else if (!line->is_blank) {
            gather(self, "code", line);
        }
        return true;
    }
    if (size < 3) return false;
    flush(self);
    self->fence = c;
    self->fence_size = size;
    return true;
}

static bool take_heading(struct markdown *self, const struct sl_line *line) {
    struct sl_span body = sl_span_trim(line->text);
    size_t level = run_length(body, '#');
    if (level == 0 || level > 6 || (level < body.size && body.data[level] != ' ')) return false;
    flush(self);
    struct sl_span title = sl_span_trim(sl_span(body.data + level, body.size - level));
    while (title.size > 0 && title.data[title.size - 1] == '#') title.size--;
    if (level == 1) sl_builder_title(self->builder, title);
    sl_builder_heading(self->builder, title, line->start, line->end);
    return true;
}

/* A paragraph of one line with "===" or "---" below is a heading. */
static bool take_underline(struct markdown *self, const struct sl_line *line) {
    struct sl_span body = sl_span_trim(line->text);
    struct sl_span title = sl_span(self->text.data + self->start, self->end - self->start);
    bool is_paragraph = self->end > 0 && strcmp(self->kind, "paragraph") == 0 && !memchr(title.data, '\n', title.size);
    if (!is_paragraph || !is_rule(body, "=-") || memchr(body.data, ' ', body.size)) return false;
    if (body.data[0] == '=') sl_builder_title(self->builder, title);
    sl_builder_heading(self->builder, title, self->start, self->end);
    self->start = self->end = 0;
    return true;
}

static bool is_item(struct sl_span body) {
    if (body.size >= 2 && strchr("-*+", body.data[0]) && body.data[1] == ' ') return true;
    size_t digit_count = 0;
    while (digit_count < body.size && body.data[digit_count] >= '0' && body.data[digit_count] <= '9') digit_count++;
    return digit_count > 0 && digit_count <= 9 && digit_count + 1 < body.size &&
           (body.data[digit_count] == '.' || body.data[digit_count] == ')') && body.data[digit_count + 1] == ' ';
}

static void take_body(struct markdown *self, const struct sl_line *line) {
    struct sl_span body = sl_span_trim(line->text);
    bool is_gathering = self->end > 0;
    if (is_item(body)) {
        flush(self);
        gather(self, "item", line);
    } else if (body.data[0] == '>') {
        gather(self, "quote", line);
    } else if (body.data[0] == '|') {
        flush(self);
        gather(self, "row", line);
    } else if (!is_gathering && sl_line_indent(line) >= 4) {
        gather(self, "code", line);
    } else {
        gather(self, is_gathering && strcmp(self->kind, "row") != 0 ? self->kind : "paragraph", line);
    }
}

/* "---" in the first line begins the front matter, up to the next "---": one block. */
static void take_front_matter(struct markdown *self, struct sl_lines *lines) {
    struct sl_lines copy = *lines;
    struct sl_line line;
    if (!sl_lines_next(&copy, &line) || !sl_span_is(line.text, "---")) return;
    struct markdown front = *self;
    while (sl_lines_next(&copy, &line)) {
        if (sl_span_is(line.text, "---")) {
            flush(&front);
            *lines = copy;
            return;
        }
        if (!line.is_blank) gather(&front, "front-matter", &line);
    }
}

void sl_read_markdown(struct sl_builder *builder, struct sl_span text) {
    struct markdown self = {.builder = builder, .text = text, .kind = "paragraph"};
    struct sl_lines lines = {.text = text};
    struct sl_line line;
    take_front_matter(&self, &lines);
    while (sl_lines_next(&lines, &line)) {
        if (take_fence(&self, &line)) continue;
        if (line.is_blank) flush(&self);
        else if (take_underline(&self, &line) || take_heading(&self, &line)) continue;
        else if (is_rule(sl_span_trim(line.text), "-*_")) flush(&self);
        else take_body(&self, &line);
    }
    flush(&self);
}
