/* The built-in set of patterns for copyright files and licence texts. \s spans lines, because texts are wrapped. */
#include "patterns.h"

/* Years as they stand in copyright lines: 1999, 2001-2004, 2006. What was read as a year is never given back, so that a long list
 * costs nothing to leave. */
#define YEARS "(?:19|20)\\d\\d(?:[ \\t]*(?:-|–|,|and|to|&)[ \\t]*(?:(?:(?:19|20)?\\d\\d)|present|now))*+"

/* A holder: to the end of the line, before an address, a bracket or the usual closing words. */
#define HOLDER                                                                                                              \
    "(\\p{L}[^\\n<(\\[]{1,120}?)(?=[ \\t]*(?:[<(\\[\\n]|$|[.,;]?[ \\t]+(?i:all[ \\t]+rights|and[ \\t]+others|licensed|"       \
    "under[ \\t]+the)))"

/* "Or later" counts beside the number only: further on it may speak of something else. */
#define OR_LATER "(?:\\+|-or-later\\b|[\\s,(]*\\bor\\s+(?:any\\s+)?(?:later|newer|higher|greater|above)\\b)"
#define LATER "(?:(?:(?!\\bGNU\\b)[\\s\\S]){0,90}?\\bany\\s+later\\s+version|" OR_LATER ")"
#define VERSION(numbers) "(?:(?!\\bGNU\\b)[\\s\\S]){0,90}?\\b(?i:version|v)[ \\t\\n]*(" numbers ")(?:\\.0)?+\\b(?!\\.\\d)"

/* A short name with its number: GPLv2, LGPL-2.1, MPL 2.0, GPL version 3; not a part of a longer word or number. */
#define SHORT(name, numbers)                                                                                               \
    "(?<![\\w/.+-])(?:GNU[ \\t]+)?" name "(?:[ \\t]*,?[ \\t]*(?i:version|v\\.?)[ \\t]*|[ \\t]*-?)(" numbers ")(?:\\.0)?"
#define SHORT_END "(?:-only)?(?!\\.?\\w|[+-])" NO_EXCEPTION
/* A name with an exception was found as a whole, by the field or the tag that it stands in. */
#define NO_EXCEPTION "(?![ \\t]+(?:WITH\\b|with[ \\t]+\\S+[ \\t]+exception))"

#define LICENCE(text, canonical) {"licence", text, canonical, "licensed-under", NULL, false}

const struct sl_pattern_source sl_licence_patterns[] = {
    /* The field "License:" of DEP-5: short names joined by "and", "or". */
    {"licence",
     "(?:^License:[ \\t]*|\\G(?!^),?[ \\t]+(?:and/or|and|or)[ \\t]+)"
     "((?!(?:and|or)\\b)[A-Za-z0-9][A-Za-z0-9.+_~-]*(?:[ \\t]+with[ \\t]+\\S+[ \\t]+exception)?)",
     NULL, "licensed-under", "license", false},
    /* The expression of an SPDX tag, name by name. */
    {"licence",
     "(?:\\bSPDX-License-Identifier:[ \\t]*\\(*|\\G(?!^)\\)*[ \\t]+(?:AND|OR)[ \\t]+\\(*)"
     "((?!(?:AND|OR)\\b)[A-Za-z0-9][A-Za-z0-9.+-]*(?:[ \\t]+WITH[ \\t]+[A-Za-z0-9][A-Za-z0-9.-]*)?)",
     NULL, "licensed-under", NULL, false},
    LICENCE("/usr/share/common-licenses/([A-Za-z]+(?:-[0-9]+(?:\\.[0-9]+)*)?)", NULL),
    LICENCE("(?i)GNU\\s+General\\s+Public\\s+License\\b" VERSION("[123]") LATER, "GPL-$1+"),
    LICENCE("(?i)GNU\\s+General\\s+Public\\s+License\\b" VERSION("[123]") "(?!" LATER ")", "GPL-$1"),
    LICENCE("(?i)GNU\\s+(?:Lesser|Library)\\s+General\\s+Public\\s+License\\b" VERSION("2\\.1|[23]") LATER, "LGPL-$1+"),
    LICENCE("(?i)GNU\\s+(?:Lesser|Library)\\s+General\\s+Public\\s+License\\b" VERSION("2\\.1|[23]") "(?!" LATER ")", "LGPL-$1"),
    LICENCE("(?i)GNU\\s+Affero\\s+General\\s+Public\\s+License\\b" VERSION("[123]"), "AGPL-$1"),
    LICENCE("(?i)GNU\\s+Free\\s+Documentation\\s+License\\b" VERSION("1\\.[123]"), "GFDL-$1"),
    LICENCE(SHORT("GPL", "[123]") OR_LATER "(?![\\w-])" NO_EXCEPTION, "GPL-$1+"),
    LICENCE(SHORT("GPL", "[123]") "(?!" OR_LATER ")" SHORT_END, "GPL-$1"),
    LICENCE(SHORT("LGPL", "2\\.1|[23]") OR_LATER "(?![\\w-])" NO_EXCEPTION, "LGPL-$1+"),
    LICENCE(SHORT("LGPL", "2\\.1|[23]") "(?!" OR_LATER ")" SHORT_END, "LGPL-$1"),
    LICENCE("(?i)Apache\\s+(?:Software\\s+)?Licen[cs]e,?\\s+(?:version\\s+|v\\.?\\s*)?([12]\\.[01])(?!\\.?\\d)", "Apache-$1"),
    LICENCE("(?<![\\w/.+-])Apache[ \\t-]([12]\\.[01])\\s+(?i:licen[cs]e)\\b", "Apache-$1"),
    LICENCE("(?i)Mozilla\\s+Public\\s+Licen[cs]e,?\\s+(?:(?:v\\.?|version)\\s*)?([12]\\.[01])(?!\\.?\\d)", "MPL-$1"),
    LICENCE("(?<![\\w/.+-])MPL[ \\t]*(?:-|(?i:version|v\\.?))?[ \\t]*([12]\\.[01])" SHORT_END, "MPL-$1"),
    LICENCE("(?<![\\w/-])MIT(?:/(?:X11|Expat))?(?:[ \\t]+\\((?:Expat|X11)\\))?\\s+(?i:licen[cs]ed?)\\b", "Expat"),
    LICENCE("(?<![\\w/-])ISC\\s+(?i:licen[cs]ed?)\\b", "ISC"),
    LICENCE("(?i)(?<![\\w/.-])BSD[ \\t-]+\\(?([234])[ \\t-]clause(?![\\w~+-])", "BSD-$1-clause"),
    LICENCE("(?i)(?<![\\w/.-])([234])[ \\t-]clause\\s+(?:(?:new|modified|revised|simplified)\\s+)?BSD\\b", "BSD-$1-clause"),
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

    /* Without the word, only behind a year and with a name that begins as one: "(c)" alone is an item of a list. */
    {"holder",
     "(?:(?i:\\(c\\))|©)[ \\t]*" YEARS "[ \\t,.:;]*(?=[\\p{Lu}\\p{Lo}]|(?i:by)[ \\t]|the[ \\t]+\\p{Lu})(?i:by[ \\t]+)?" HOLDER,
     NULL, "copyright-by", NULL, false},

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
