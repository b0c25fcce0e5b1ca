/* Which format a document has that did not say it. */
#include <strings.h>

#include "formats.h"

const char *const sl_format_names[] = {[SL_FORMAT_AUTO] = "auto",     [SL_FORMAT_TEXT] = "text",
                                       [SL_FORMAT_MARKDOWN] = "markdown", [SL_FORMAT_DEBIAN] = "debian-copyright",
                                       [SL_FORMAT_HTML] = "html",     [SL_FORMAT_JATS] = "jats",
                                       NULL};

static bool begins(struct sl_span text, const char *word) {
    size_t size = strlen(word);
    return text.size >= size && strncasecmp(text.data, word, size) == 0;
}

static bool ends(struct sl_span text, const char *word) {
    size_t size = strlen(word);
    return text.size >= size && strncasecmp(text.data + text.size - size, word, size) == 0;
}

/* text/plain and application/octet-stream say nothing: that is what senders write who do not know. */
static enum sl_format by_media_type(struct sl_span type) {
    if (begins(type, "text/markdown") || begins(type, "text/x-markdown")) return SL_FORMAT_MARKDOWN;
    if (begins(type, "text/html") || begins(type, "application/xhtml+xml")) return SL_FORMAT_HTML;
    if (begins(type, "application/jats+xml") || begins(type, "application/xml") || begins(type, "text/xml")) return SL_FORMAT_JATS;
    return SL_FORMAT_AUTO;
}

static enum sl_format by_name(struct sl_span name) {
    static const struct {
        const char *end;
        enum sl_format format;
    } rows[] = {{".md", SL_FORMAT_MARKDOWN}, {".markdown", SL_FORMAT_MARKDOWN}, {".html", SL_FORMAT_HTML},
                {".htm", SL_FORMAT_HTML},    {".xhtml", SL_FORMAT_HTML},        {".nxml", SL_FORMAT_JATS},
                {".xml", SL_FORMAT_JATS},    {"/copyright", SL_FORMAT_DEBIAN},  {".copyright", SL_FORMAT_DEBIAN}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (ends(name, rows[i].end)) return rows[i].format;
    }
    return name.size == strlen("copyright") && begins(name, "copyright") ? SL_FORMAT_DEBIAN : SL_FORMAT_AUTO;
}

static enum sl_format by_content(struct sl_span bytes) {
    if (begins(bytes, "\xef\xbb\xbf")) bytes = sl_span(bytes.data + 3, bytes.size - 3);
    struct sl_span start = sl_span_head(sl_span_trim(bytes), 1024);
    if (begins(start, "<!doctype html") || begins(start, "<html")) return SL_FORMAT_HTML;
    if (begins(start, "<?xml")) {
        for (size_t i = 0; i + 5 < start.size; i++) {
            if (begins(sl_span(start.data + i, start.size - i), "<html")) return SL_FORMAT_HTML;
        }
        return SL_FORMAT_JATS;
    }
    if (begins(start, "<!doctype article") || begins(start, "<article") || begins(start, "<pubmedarticle")) return SL_FORMAT_JATS;
    if (begins(start, "format:")) {
        for (size_t i = 0; i < start.size && start.data[i] != '\n'; i++) {
            if (begins(sl_span(start.data + i, start.size - i), "copyright-format")) return SL_FORMAT_DEBIAN;
        }
    }
    return SL_FORMAT_TEXT;
}

enum sl_format sl_format_detect(struct sl_span name, struct sl_span media_type, struct sl_span bytes) {
    enum sl_format format = by_media_type(media_type);
    if (format == SL_FORMAT_AUTO) format = by_name(name);
    /* Pages of XHTML are often sent as XML: then the content decides between the two. */
    if (format == SL_FORMAT_AUTO || format == SL_FORMAT_JATS) {
        enum sl_format content = by_content(bytes);
        if (format == SL_FORMAT_AUTO || content == SL_FORMAT_HTML) format = content;
    }
    return format;
}
