/* extract finds what its patterns say, within limits, and claims each thing once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"
#include "plugin_fixture.h"

/* A document with one block of this kind. */
static sluice_outcome run(struct fixture *self, const char *kind, const char *text) {
    struct sl_buf value = fixture_document("doc", kind, &text, 1);
    sluice_outcome outcome = fixture_run(self, sl_buf_bytes(&value));
    sl_buf_fini(&value);
    return outcome;
}

/* "type=text" of all entities, apart by "; ". */
static const char *entities(const struct fixture *self) {
    static char all[4096];
    struct sl_bytes value = sl_bench_value(&self->result, "entities");
    size_t used = 0;
    all[0] = 0;
    for (int i = 0; i < (int)self->result.count; i++) {
        char type_path[32], text_path[32];
        (void)snprintf(type_path, sizeof type_path, "%d.type", i);
        (void)snprintf(text_path, sizeof text_path, "%d.text", i);
        struct sl_bytes type = fixture_get(value, type_path), text = fixture_get(value, text_path);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%.*s=%.*s", i ? "; " : "", (int)type.size,
                                 (const char *)type.data, (int)text.size, (const char *)text.data);
    }
    return all;
}

Test(extract, default_patterns_read_copyright_files) {
    static const struct {
        const char *kind, *text, *entities;
    } rows[] = {
        {"license", "License: GPL-2+ or Artistic", "licence=GPL-2+; licence=Artistic"},
        {"license", "License: GPL-2+ with OpenSSL exception and Expat", "licence=GPL-2+ with OpenSSL exception; licence=Expat"},
        {"license-text", "see /usr/share/common-licenses/LGPL-2.1.", "licence=LGPL-2.1"},
        {"paragraph", "under the terms of the GNU General Public License as published by the Free Software Foundation;\neither "
                      "version 2 of the License, or (at your option) any later\nversion.", "licence=GPL-2+"},
        {"paragraph", "the GNU Lesser General Public License, version 2.1, and no other", "licence=LGPL-2.1"},
        {"paragraph", "GNU General Public License version 3.0 only", "licence=GPL-3"},
        {"paragraph", "Licensed under the Apache License, Version 2.0 (the \"License\")", "licence=Apache-2.0"},
        {"paragraph", "Permission is hereby granted, free of\n charge, to any person obtaining a copy", "licence=Expat"},
        {"copyright", "Copyright: 2001-2004, 2006 Ann Example <Ann@Example.ORG>\n(c) 2010 The Bob Foundation. All rights reserved.",
         "year=2001; year=2004; year=2006; holder=Ann Example; email=ann@example.org; year=2010; holder=The Bob Foundation"},
        {"paragraph", "Copyright © 1999 by Jürgen Müller, Inc.", "year=1999; holder=Jürgen Müller, Inc"},
        {"paragraph", "the copyright notice of 2001 must stay", ""},
        {"paragraph", "downloaded from https://example.org/a_(b)?q=1, then <ftp://x.y/z>.", "url=https://example.org/a_; url=ftp://x.y/z"},
        {"files", "Files: foo@example.org https://example.org", ""},
        {"paragraph", "nothing at all", ""},
    };
    struct fixture self = fixture_open("extract", "extract", "{\"patterns\": \"licences\"}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(run(&self, rows[i].kind, rows[i].text), SLUICE_DONE, "%s", self.result.sentence);
        cr_expect_str_eq(entities(&self), rows[i].entities, "row %zu: %s", i, entities(&self));
    }
    fixture_close(&self);
}

/* What licences and holders are called most, and what only looks like one of them. */
Test(extract, default_patterns_know_the_common_forms_and_nothing_like_them) {
    static const struct {
        const char *text, *entities;
    } rows[] = {
        {"© 2021 ACME GmbH & Co. KG", "year=2021; holder=ACME GmbH & Co. KG"},
        {"(c) 1999-2003, The Foo Project", "year=1999; year=2003; holder=The Foo Project"},
        {"(C) 2010 by the Bar Authors <a@b.org>", "year=2010; holder=the Bar Authors; email=a@b.org"},
        {"Code (c) 2004 and others", "year=2004"},
        {"(c) the third clause", ""},
        {"(c) 2004 is when it began", "year=2004"},
        {"see (c) and (d), or (c) All of 2004", ""},
        {"released under the MIT License.", "licence=Expat"},
        {"MIT/X11 licensed, like the others", "licence=Expat"},
        {"COMMIT license, the MIT has a license", ""},
        {"ISC license", "licence=ISC"},
        {"SPDX-License-Identifier: MPL-2.0", "licence=MPL-2.0"},
        {"// SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note OR MIT) AND BSD-3-Clause",
         "licence=GPL-2.0-only WITH Linux-syscall-note; licence=MIT; licence=BSD-3-Clause"},
        {"BSD 3-clause, or 2-Clause BSD", "licence=BSD-3-clause; licence=BSD-2-clause"},
        {"BSD (3 clause) license", "licence=BSD-3-clause"},
        {"13-clause BSD, BSD 3-clauses, BSD-3-clause-mod", ""},
        {"GNU General Public License version 2 or later", "licence=GPL-2+"},
        {"GNU General Public License (v3 or newer)", "licence=GPL-3+"},
        {"GNU General Public License version 2. It needs Python 3 or later.", "licence=GPL-2"},
        {"GNU Lesser General Public License version 2.1 or later", "licence=LGPL-2.1+"},
        {"GPLv3, LGPL 2.1+, GPL-2.0-or-later, LGPL-3.0-only", "licence=GPL-3; licence=LGPL-2.1+; licence=GPL-2+; licence=LGPL-3"},
        {"GNU GPL version 2 or later", "licence=GPL-2+"},
        {"GPL 2001, GPL 3rd, AGPL-3, GPL, GPL-2+-exception, GPL2x", ""},
        {"Apache License 2.0 or Apache 1.1 license", "licence=Apache-2.0; licence=Apache-1.1"},
        {"Apache 2.0.52 serves; Apache License 2.0.1", ""},
        {"Mozilla Public License 2.0; MPL v1.1; MPL 2.0", "licence=MPL-2.0; licence=MPL-1.1; licence=MPL-2.0"},
        {"XMPL 2.0, MPL 2.0.5, MPL", ""},
    };
    struct fixture self = fixture_open("extract", "extract", "{}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(run(&self, "paragraph", rows[i].text), SLUICE_DONE, "%s", self.result.sentence);
        cr_expect_str_eq(entities(&self), rows[i].entities, "%s: %s", rows[i].text, entities(&self));
    }
    fixture_close(&self);
}

Test(extract, claims_name_the_document_first_and_say_each_thing_once) {
    struct fixture self = fixture_open("extract", "extract", "{}", NULL);
    cr_assert_eq(run(&self, "paragraph", "a@b.org then A@B.ORG then c@d.org"), SLUICE_DONE);
    struct sl_bytes claims = sl_bench_value(&self.result, "claims");
    cr_assert_eq(self.result.count, 3);
    cr_assert_eq(fixture_get_int(claims, "#"), 3);
    cr_assert(sl_bytes_is(fixture_get(claims, "0.subject"), "doc"));
    cr_assert(sl_bytes_is(fixture_get(claims, "0.predicate"), "is-a"));
    cr_assert(sl_bytes_is(fixture_get(claims, "0.object"), "document"));
    cr_assert(sl_bytes_is(fixture_get(claims, "1.predicate"), "contact"));
    cr_assert(sl_bytes_is(fixture_get(claims, "1.object"), "a@b.org"));
    cr_assert(sl_bytes_is(fixture_get(claims, "1.object_type"), "email"));
    cr_assert(sl_bytes_is(fixture_get(claims, "1.block"), "b1"));
    struct sl_bytes found = sl_bench_value(&self.result, "entities");
    cr_assert(sl_bytes_is(fixture_get(found, "1.id"), "e2"));
    cr_assert_eq(fixture_get_int(found, "1.start"), 13);
    cr_assert_eq(fixture_get_int(found, "1.end"), 20);
    fixture_close(&self);
}

Test(extract, own_patterns_have_groups_templates_kinds_and_claims) {
    struct fixture self = fixture_open("extract", "extract",
                                       "{\"patterns\": [{\"type\": \"dose\", \"pattern\": \"(\\\\d+)\\\\s*(mg|g)\\\\b\", \"as\": \"$1 $2\", \"claim\": \"has-dose\"},"
                                       "{\"type\": \"drug\", \"pattern\": \"[A-Z]\\\\w+ol\\\\b\", \"lower\": true},"
                                       "{\"type\": \"note\", \"pattern\": \"(?=x)\"},"
                                       "{\"type\": \"head\", \"pattern\": \"^.+$\", \"kinds\": [\"heading\"]}], \"skip_kinds\": []}", NULL);
    cr_assert_eq(run(&self, "files", "Formoterol 200mg x 6 g"), SLUICE_DONE, "%s", self.result.sentence);
    cr_assert_str_eq(entities(&self), "drug=formoterol; dose=200 mg; dose=6 g");
    cr_assert_eq(fixture_get_int(sl_bench_value(&self.result, "claims"), "#"), 3);
    cr_assert_eq(run(&self, "heading", "No stops here"), SLUICE_DONE);
    cr_assert_str_eq(entities(&self), "head=No stops here");
    fixture_close(&self);
}

Test(extract, a_catastrophic_pattern_is_a_failure_that_names_it) {
    static const char *const patterns[] = {"(a+)+$", "(a|aa)+$", "(.*a){12}$", "(?:(?:a*)*)*b"};
    char *text = malloc(5001);
    memset(text, 'a', 5000);
    memcpy(text + 4999, "!", 2);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        char config[256];
        (void)snprintf(config, sizeof config, "{\"patterns\": [{\"type\": \"x\", \"pattern\": \"%s\"}]}", patterns[i]);
        struct fixture self = fixture_open("extract", "extract", config, NULL);
        sluice_outcome outcome = run(&self, "paragraph", text);
        /* PCRE2 sees at once that a text without a needed character cannot match; every other one meets the limit. */
        if (outcome != SLUICE_DONE) fixture_failed(&self, SLUICE_FAILED_PERMANENT, "needs too much work on block b1 of doc");
        if (i == 0) fixture_failed(&self, SLUICE_FAILED_PERMANENT, "Pattern 1 (`(a+)+$`) needs too much work");
        fixture_close(&self);
    }
    free(text);
}

/* `count` times the unit behind a head; the caller frees. */
static char *repeated(const char *head, const char *unit, size_t count) {
    size_t head_size = strlen(head), unit_size = strlen(unit);
    char *text = malloc(head_size + unit_size * count + 1);
    memcpy(text, head, head_size);
    for (size_t i = 0; i < count; i++) memcpy(text + head_size + i * unit_size, unit, unit_size);
    text[head_size + unit_size * count] = 0;
    return text;
}

Test(extract, a_long_list_of_years_is_an_ordinary_text) {
    struct fixture self = fixture_open("extract", "extract", "{}", NULL);
    char *text = repeated("Copyright ", "2000, ", 60000);
    cr_assert_eq(run(&self, "paragraph", text), SLUICE_DONE, "%s", self.result.sentence);
    cr_assert_eq(self.result.count, 60000);
    free(text);
    text = repeated("Copyright 2000 ", "GNU General Public License ", 20000);
    cr_assert_eq(run(&self, "paragraph", text), SLUICE_DONE, "%s", self.result.sentence);
    free(text);
    fixture_close(&self);
}

/* More than the stack of a compiled pattern holds, and less than the limits: then it is interpreted. */
Test(extract, a_pattern_that_needs_much_stack_and_little_work_is_matched) {
    struct fixture self = fixture_open("extract", "extract", "{\"patterns\": [{\"type\": \"x\", \"pattern\": \"(?:(?:ab|cd) ?)*e\"}]}", NULL);
    char *text = repeated("", "ab cd ", 60000);
    size_t size = strlen(text);
    text[size - 1] = 'e';
    cr_assert_eq(run(&self, "paragraph", text), SLUICE_DONE, "%s", self.result.sentence);
    cr_assert_eq(self.result.count, 1);
    free(text);
    fixture_close(&self);
}

Test(extract, wrong_configs_are_refused_by_name) {
    static const struct {
        const char *config, *part;
    } rows[] = {
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"a(b\"}]}", "pattern 1 (`a(b`, type x) is wrong at character 4: missing closing parenthesis"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"[a\"}]}", "missing terminating ]"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"\\\\C\"}]}", "is wrong at"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"a\"}, {\"pattern\": \"a\"}]}", "pattern 2 must have `type` and `pattern`"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"a\", \"flags\": 1}]}", "pattern 1 has the unknown member `flags`"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"a\", \"lower\": 1}]}", "`lower` of pattern 1 must be true or false"},
        {"{\"patterns\": [{\"type\": \"x\", \"pattern\": \"a\", \"kinds\": \"p\"}]}", "`kinds` must list at most 8"},
        {"{\"patterns\": [\"a\"]}", "pattern 1 must be a map"},
        {"{\"patterns\": []}", "must list 1 to 256 patterns"},
        {"{\"patterns\": \"medicine\"}", "must be `licences` or a list of patterns, not a text"},
        {"{\"patterns\": {}}", "not a map"},
        {"{\"match_limit\": 1}", "`config.match_limit` must be an integer from 1000"},
        {"{\"skip_kinds\": [\"a b\"]}", "`config.skip_kinds` must list"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) fixture_refuses("extract", "extract", rows[i].config, rows[i].part);
}

Test(extract, four_mebibytes_of_text_are_read_in_time) {
    size_t size = (4 << 20) - 4096;
    char *text = malloc(size + 1);
    static const char line[] = "Copyright (C) 1999 is not GNU General Public License a@ http:// License: x ";
    for (size_t i = 0; i < size; i++) text[i] = line[i % (sizeof line - 1)];
    text[size] = 0;
    struct fixture self = fixture_open("extract", "extract", "{}", NULL);
    (void)run(&self, "paragraph", text);
    if (self.result.outcome != SLUICE_DONE) fixture_failed(&self, SLUICE_FAILED_PERMANENT, "doc");
    free(text);
    fixture_close(&self);
}
