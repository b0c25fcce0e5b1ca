/* Debian copyright files: machine-readable (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/, DEP-5), or in
 * free form. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "formats.h"
#include "lines.h"

/* A field may list thousands of files: it makes several blocks, so that a place in it can be named. */
enum { BLOCK_SIZE_MAX = 2048 };

/* One field of a stanza while its lines are read. */
struct field {
    struct sl_builder *builder;
    struct sl_string text; /* of the block so far: lines joined, continuation marks taken away */
    const char *kind;
    size_t start;
    size_t end;
};

static bool starts_with(struct sl_span text, const char *word) {
    size_t size = strlen(word);
    return text.size >= size && strncasecmp(text.data, word, size) == 0;
}

static bool contains(struct sl_span text, const char *word) {
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (strncasecmp(text.data + i, word, size) == 0) return true;
    }
    return false;
}

static void flush(struct field *self) {
    struct sl_part part = {.kind = self->kind, .text = sl_string_span(&self->text), .start = self->start, .end = self->end};
    sl_builder_block(self->builder, &part);
    if (self->text.failed) self->builder->title.failed = true;
    sl_string_clear(&self->text);
}

static void add_line(struct field *self, struct sl_span body, const struct sl_line *line) {
    if (self->text.size == 0) self->start = line->start;
    else sl_string_append_char(&self->text, '\n');
    sl_string_append(&self->text, body);
    self->end = line->end;
}

/* The size of a field's name when the line begins one ("Name:"), else 0. */
static size_t field_name_size(struct sl_span line) {
    size_t size = 0;
    while (size < line.size && line.data[size] > ' ' && line.data[size] != ':' && line.data[size] < 127) size++;
    return size > 0 && size < line.size && line.data[size] == ':' && line.data[0] != '#' && line.data[0] != '-' ? size : 0;
}

static const char *kind_of(struct sl_span name) {
    if (starts_with(name, "files")) return "files";
    if (starts_with(name, "copyright")) return "copyright";
    if (starts_with(name, "license")) return "license";
    if (starts_with(name, "comment") || starts_with(name, "disclaimer")) return "comment";
    return "field";
}

/* The title of a stanza is its first line, or its first two when the first one has a name only. */
static void begin_stanza(struct sl_builder *builder, const struct sl_line *line, const struct sl_lines *lines) {
    struct sl_line next;
    char title[256];
    struct sl_span first = sl_span_trim(line->text), second = {0};
    if (first.data[first.size - 1] == ':' && sl_lines_peek(lines, &next)) second = sl_span_trim(next.text);
    (void)snprintf(title, sizeof title, "%.*s %.*s", sl_span_print(first, 120), first.data, sl_span_print(second, 120),
                   second.size ? second.data : "");
    sl_builder_section(builder, sl_span_of(title));
}

static void note_header(struct sl_builder *builder, struct sl_span name, struct sl_span value) {
    static const struct {
        const char *field, *key;
    } notes[] = {{"Upstream-Name", "upstream_name"}, {"Upstream-Contact", "upstream_contact"}, {"Source", "upstream_source"}};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (name.size == strlen(notes[i].field) && starts_with(name, notes[i].field)) {
            sl_builder_note(builder, notes[i].key, value);
        }
    }
}

/* A line of a field's value: one leading blank is the mark of continuation, " ." an empty line. A licence's first line is its
 * name, the rest its text. */
static void take_continuation(struct field *self, const struct sl_line *line) {
    struct sl_span body = sl_span_trim(line->text);
    if (strcmp(self->kind, "license") == 0) {
        flush(self);
        self->kind = "license-text";
    }
    if (sl_span_is(body, ".")) flush(self);
    else add_line(self, body, line);
    if (self->text.size > BLOCK_SIZE_MAX) flush(self);
}

static void read_stanzas(struct sl_builder *builder, struct sl_span text) {
    struct field field = {.builder = builder, .kind = "field"};
    struct sl_lines lines = {.text = text};
    struct sl_line line;
    bool is_first_stanza = true, is_between = true;
    while (sl_lines_next(&lines, &line)) {
        size_t name_size = field_name_size(line.text);
        if (line.is_blank) {
            flush(&field);
            is_between = true;
        } else if (line.text.data[0] == '#') {
            continue;
        } else if (name_size == 0) {
            take_continuation(&field, &line);
        } else {
            flush(&field);
            if (is_between) {
                is_first_stanza = builder->block_count == 0;
                begin_stanza(builder, &line, &lines);
            }
            is_between = false;
            struct sl_span name = sl_span(line.text.data, name_size);
            if (is_first_stanza) {
                note_header(builder, name, sl_span(line.text.data + name_size + 1, line.text.size - name_size - 1));
            }
            field.kind = kind_of(name);
            add_line(&field, sl_span_trim(line.text), &line);
        }
    }
    flush(&field);
    sl_string_fini(&field.text);
}

/* "License:" alone in its line, or a line with a line of "---" or "===" below. */
static bool is_free_heading(const struct sl_line *line, const struct sl_lines *lines) {
    struct sl_line next;
    struct sl_span body = sl_span_trim(line->text);
    if (body.size == 0 || body.size > 60 || sl_line_indent(line) > 0) return false;
    if (body.data[body.size - 1] == ':') return true;
    if (!sl_lines_peek(lines, &next)) return false;
    struct sl_span rule = sl_span_trim(next.text);
    if (rule.size < 3 || !strchr("-=~", rule.data[0])) return false;
    for (size_t i = 1; i < rule.size; i++) {
        if (rule.data[i] != rule.data[0]) return false;
    }
    return isalnum((unsigned char)body.data[0]) != 0;
}

/* A paragraph that claims a copyright, rather than speaking of it. */
static const char *free_kind(struct sl_span paragraph) {
    bool is_claim = contains(paragraph, "copyright (c)") || contains(paragraph, "copyright \xc2\xa9") ||
                    contains(paragraph, "copyright 19") || contains(paragraph, "copyright 20") ||
                    contains(paragraph, "(c) 19") || contains(paragraph, "(c) 20") || contains(paragraph, "\xc2\xa9 ");
    return is_claim ? "copyright" : "paragraph";
}

static void flush_free(struct sl_builder *builder, struct sl_span text, size_t start, size_t *end) {
    struct sl_span paragraph = sl_span(text.data + start, *end - start);
    if (*end > 0) {
        sl_builder_block(builder, &(struct sl_part){.kind = free_kind(paragraph), .text = paragraph, .start = start, .end = *end});
    }
    *end = 0;
}

static void read_free(struct sl_builder *builder, struct sl_span text) {
    struct sl_lines lines = {.text = text};
    struct sl_line line;
    size_t start = 0, end = 0;
    while (sl_lines_next(&lines, &line)) {
        if (line.is_blank) {
            flush_free(builder, text, start, &end);
            continue;
        }
        struct sl_span body = sl_span_trim(line.text);
        if (end == 0 && is_free_heading(&line, &lines)) {
            if (body.data[body.size - 1] != ':') (void)sl_lines_next(&lines, &(struct sl_line){0}); /* its underline */
            sl_builder_heading(builder, body, line.start, line.end);
            continue;
        }
        if (end == 0) start = line.start + (size_t)(body.data - line.text.data);
        end = line.start + (size_t)(body.data - line.text.data) + body.size;
    }
    flush_free(builder, text, start, &end);
}

/* The package: the directory in which the file lies. */
static void note_package(struct sl_builder *builder, struct sl_span name) {
    size_t end = name.size;
    while (end > 0 && name.data[end - 1] != '/') end--;
    if (end < 2) return;
    size_t start = end - 1;
    while (start > 0 && name.data[start - 1] != '/') start--;
    struct sl_span package = sl_span(name.data + start, end - 1 - start);
    sl_builder_title(builder, package);
    sl_builder_note(builder, "package", package);
}

void sl_read_debian(struct sl_builder *builder, struct sl_span name, struct sl_span text) {
    note_package(builder, name);
    struct sl_span beginning = sl_span_head(text, 2048);
    bool is_machine_readable = (starts_with(beginning, "format") || contains(beginning, "\nformat")) &&
                               (contains(beginning, "copyright-format") || contains(beginning, "dep5") ||
                                contains(beginning, "dep-5") || contains(beginning, "copyright/1.0"));
    sl_builder_note(builder, "form", sl_span_of(is_machine_readable ? "dep-5" : "free"));
    if (is_machine_readable) read_stanzas(builder, text);
    else read_free(builder, text);
}
