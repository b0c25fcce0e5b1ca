/* The built-in set of patterns for copyright files and licence texts. \s spans lines, because texts are wrapped. */
#include "patterns.h"

/* Years as they stand in copyright lines: 1999, 2001-2004, 2006. What was read as a year is never given back, so that a long list
 * costs nothing to leave. */
#define YEARS "(?:19|20)\\d\\d(?:[ \\t]*(?:-|–|,|and|to|&)[ \\t]*(?:(?:(?:19|20)?\\d\\d)|present|now))*+"

/* A holder: to the end of the line, before an address, a bracket or the usual closing words. */
#define HOLDER                                                                                                              \
    "(\\p{L}[^\\n<(\\[]{1,120}?)(?=[ \\t]*(?:[<(\\[\\n]|$|[.,;]?[ \\t]+(?i:all[ \\t]+rights|and[ \\t]+others|licensed|"       \
    "under[ \\t]+the)))"

#define LATER "(?:(?!\\bGNU\\b)[\\s\\S]){0,90}?\\bany\\s+later\\s+version"
#define VERSION(numbers) "(?:(?!\\bGNU\\b)[\\s\\S]){0,90}?\\b(?i:version|v)[ \\t\\n]*(" numbers ")(?:\\.0)?\\b"

#define LICENCE(text, canonical) {"licence", text, canonical, "licensed-under", NULL, false}

const struct sl_pattern_source sl_licence_patterns[] = {
    /* The field "License:" of DEP-5: short names joined by "and", "or". */
    {"licence",
     "(?:^License:[ \\t]*|\\G(?!^),?[ \\t]+(?:and/or|and|or)[ \\t]+)"
     "((?!(?:and|or)\\b)[A-Za-z0-9][A-Za-z0-9.+_~-]*(?:[ \\t]+with[ \\t]+\\S+[ \\t]+exception)?)",
     NULL, "licensed-under", "license", false},
    LICENCE("/usr/share/common-licenses/([A-Za-z]+(?:-[0-9]+(?:\\.[0-9]+)*)?)", NULL),
    LICENCE("(?i)GNU\\s+General\\s+Public\\s+License\\b" VERSION("[123]") LATER, "GPL-$1+"),
    LICENCE("(?i)GNU\\s+General\\s+Public\\s+License\\b" VERSION("[123]") "(?!" LATER ")", "GPL-$1"),
    LICENCE("(?i)GNU\\s+(?:Lesser|Library)\\s+General\\s+Public\\s+License\\b" VERSION("2\\.1|[23]") LATER, "LGPL-$1+"),
    LICENCE("(?i)GNU\\s+(?:Lesser|Library)\\s+General\\s+Public\\s+License\\b" VERSION("2\\.1|[23]") "(?!" LATER ")", "LGPL-$1"),
    LICENCE("(?i)GNU\\s+Affero\\s+General\\s+Public\\s+License\\b" VERSION("[123]"), "AGPL-$1"),
    LICENCE("(?i)GNU\\s+Free\\s+Documentation\\s+License\\b" VERSION("1\\.[123]"), "GFDL-$1"),
    LICENCE("(?i)Apache\\s+License,?\\s+Version\\s+([12]\\.[01])", "Apache-$1"),
    LICENCE("(?i)Mozilla\\s+Public\\s+License,?\\s+(?:v\\.?|version)\\s*([12]\\.[01])", "MPL-$1"),
    LICENCE("(?i)Permission\\s+is\\s+hereby\\s+granted,\\s+free\\s+of\\s+charge,\\s+to\\s+any\\s+person\\s+obtaining", "Expat"),
    LICENCE("(?i)Permission\\s+to\\s+use,\\s+copy,\\s+modify,?\\s+and(?:/or)?\\s+distribute\\s+this\\s+software\\s+for\\s+any", "ISC"),
    LICENCE("(?i)Redistribution\\s+and\\s+use\\s+in\\s+source\\s+and\\s+binary\\s+forms", "BSD"),
    LICENCE("(?i)Boost\\s+Software\\s+License", "BSL-1.0"),
    LICENCE("(?i)\\bArtistic\\s+Licen[cs]e", "Artistic"),
    LICENCE("(?i)provided\\s+'as-is',\\s+without\\s+any\\s+express\\s+or\\s+implied\\s+warranty", "Zlib"),
    LICENCE("(?i)SIL\\s+Open\\s+Font\\s+License", "OFL-1.1"),
    LICENCE("(?i)\\b(?:in|into)\\s+the\\s+public\\s+domain", "public-domain"),

    {"holder",
     "(?i:copyright)[ \\t]*:?[ \\t]*(?:(?:(?i:\\(c\\))|©)[ \\t]*(?:" YEARS ")?|" YEARS ")[ \\t,.:;]*(?i:by[ \\t]+)?" HOLDER,
     NULL, "copyright-by", NULL, false},
    {"holder",
     "^(?:Copyright:)?[ \\t]*(?:(?:(?i:\\(c\\))|©)[ \\t]*)?" YEARS "[ \\t,.:;]*(?i:by[ \\t]+)?" HOLDER,
     NULL, "copyright-by", "copyright", false},

    {"year",
     "(?:(?:(?i:copyright)[^\\n\\dA-Za-z]{0,6}(?:(?i:\\(c\\)))?|(?i:\\(c\\))|©)[^\\n\\dA-Za-z]{0,4}|\\G(?!^)[ \\t]*(?:-|–|,|and|&)[ \\t]*)"
     "\\b((?:19|20)\\d\\d)\\b",
     NULL, "copyright-in", NULL, false},
    {"year",
     "(?:^(?:Copyright:)?[ \\t]*(?:(?:(?i:\\(c\\))|©)[ \\t]*)?|\\G(?!^)[ \\t]*(?:-|–|,|and|&)[ \\t]*)\\b((?:19|20)\\d\\d)\\b",
     NULL, "copyright-in", "copyright", false},

    {"email", "\\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+[A-Za-z]{2,24}\\b",
     NULL, "contact", NULL, true},
    {"url", "\\b(?:https?|ftp)://[^\\s<>\"'`()\\[\\]{}|]*[^\\s<>\"'`()\\[\\]{}|.,;:!?]", NULL, "refers-to", NULL, false},
};

const size_t sl_licence_pattern_count = sizeof sl_licence_patterns / sizeof sl_licence_patterns[0];
