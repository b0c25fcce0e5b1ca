/* ingest takes one document by payload or by file, and says what is wrong with any other thing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "plugin_fixture.h"

Test(ingest, payload_is_the_document) {
    struct fixture self = fixture_open("ingest", "ingest", "{\"adapter\": \"payload\"}", NULL);
    struct sl_buf payload = fixture_payload("a/copyright", "text/plain", sl_text("hello"));
    cr_assert_eq(fixture_run(&self, sl_buf_bytes(&payload)), SLUICE_DONE);
    struct sl_bytes state = sl_bench_value(&self.result, "payloads");
    cr_assert(sl_bytes_equal(state, sl_buf_bytes(&payload)));
    cr_assert_eq(self.result.count, 1);
    sl_buf_fini(&payload);
    fixture_close(&self);
}

Test(ingest, an_array_of_one_is_that_one) {
    struct fixture self = fixture_open("ingest", "ingest", "{}", NULL);
    cr_assert_eq(fixture_run_json(&self, "[{\"name\": \"n\", \"bytes\": \"text\"}]"), SLUICE_DONE);
    cr_assert(sl_bytes_is(fixture_get(sl_bench_value(&self.result, "payloads"), "bytes"), "text"));
    fixture_close(&self);
}

Test(ingest, wrong_payloads_are_permanent_failures) {
    static const struct {
        const char *payload, *part;
    } rows[] = {
        {"[{\"name\": \"a\", \"bytes\": \"x\"}, {\"name\": \"b\", \"bytes\": \"y\"}]", "submit --each"},
        {"[]", "holds no document"},
        {"null", "The payload is nil"},
        {"\"text\"", "The payload is a text"},
        {"{}", "no text `name`"},
        {"{\"name\": 7, \"bytes\": \"x\"}", "no text `name`"},
        {"{\"name\": \"\", \"bytes\": \"x\"}", "`name` is empty"},
        {"{\"name\": \"n\"}", "The document n has no `bytes`"},
        {"{\"name\": \"n\", \"bytes\": [1]}", "has no `bytes`"},
        {"{\"name\": \"n\", \"bytes\": \"\"}", "The document n is empty"},
        {"{\"name\": \"n\", \"bytes\": \"x\", \"media_type\": 3}", "`media_type` of n is an integer"},
    };
    struct fixture self = fixture_open("ingest", "ingest", "{}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run_json(&self, rows[i].payload);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    fixture_close(&self);
}

Test(ingest, bytes_that_are_no_value_are_refused_without_a_crash) {
    static const struct sl_bytes rows[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\xc1", 1},
        {(const uint8_t *)"\xdd\xff\xff\xff\xff", 5},
        {(const uint8_t *)"\xdf\xff\xff\xff\xff", 5},
        {(const uint8_t *)"\xc6\xff\xff\xff\xff", 5},
        {(const uint8_t *)"\xdb\x7f\xff\xff\xff" "a", 6},
        {(const uint8_t *)"\x81\xa4name", 6},
        {(const uint8_t *)"\xc0\xc0", 2},
        {(const uint8_t *)"\xd9", 1},
        {(const uint8_t *)"\xc9\x00\x00\x00\xff", 5},
    };
    struct fixture self = fixture_open("ingest", "ingest", "{}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)fixture_run(&self, rows[i]);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, "not a readable value");
    }
    uint8_t deep[300];
    memset(deep, 0x91, sizeof deep);
    (void)fixture_run(&self, sl_bytes(deep, sizeof deep));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "not a readable value");
    fixture_close(&self);
}

/* A payload whose whole value has this size. */
static struct sl_buf payload_of(size_t value_size) {
    struct sl_buf probe = fixture_payload("n", "", sl_bytes(NULL, 0));
    size_t size = value_size - probe.size - 3; /* The head of a bin this long is three bytes longer. */
    sl_buf_fini(&probe);
    char *bytes = malloc(size);
    memset(bytes, 'a', size);
    struct sl_buf payload = fixture_payload("n", "", sl_bytes(bytes, size));
    free(bytes);
    return payload;
}

Test(ingest, a_document_at_the_limit_passes_and_one_above_does_not) {
    struct fixture self = fixture_open("ingest", "ingest", "{}", NULL);
    struct sl_buf at = payload_of(SLUICE_VALUE_BYTES_MAX), above = payload_of(SLUICE_VALUE_BYTES_MAX + 1);
    cr_assert_eq(at.size, SLUICE_VALUE_BYTES_MAX);
    cr_assert_eq(fixture_run(&self, sl_buf_bytes(&at)), SLUICE_DONE, "%s", self.result.sentence);
    (void)fixture_run(&self, sl_buf_bytes(&above));
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "The document n is above the limit of one value");
    sl_buf_fini(&at);
    sl_buf_fini(&above);
    fixture_close(&self);
}

static void write_file(const char *directory, const char *name, const char *text, size_t size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, size, file), size);
    fclose(file);
}

/* A tree: below/{good.txt,empty.txt,huge.bin,dir/,out -> /etc,up -> ../secret,in -> good.txt,pipe} and secret beside it. */
static char *make_tree(char root[512]) {
    char *base = fixture_directory(), path[600];
    (void)snprintf(root, 512, "%s/below", base);
    cr_assert_eq(mkdir(root, 0700), 0);
    write_file(base, "secret", "secret", 6);
    (void)snprintf(path, sizeof path, "%s/elsewhere", base);
    cr_assert_eq(mkdir(path, 0700), 0);
    write_file(path, "secret", "secret", 6);
    write_file(root, "good.txt", "good", 4);
    write_file(root, "empty.txt", "", 0);
    write_file(root, "huge.bin", "", 0);
    (void)snprintf(path, sizeof path, "%s/huge.bin", root);
    cr_assert_eq(truncate(path, 200 << 20), 0);
    (void)snprintf(path, sizeof path, "%s/dir", root);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/out", root);
    cr_assert_eq(symlink("../elsewhere", path), 0);
    (void)snprintf(path, sizeof path, "%s/up", root);
    cr_assert_eq(symlink("../secret", path), 0);
    (void)snprintf(path, sizeof path, "%s/in", root);
    cr_assert_eq(symlink("good.txt", path), 0);
    (void)snprintf(path, sizeof path, "%s/pipe", root);
    cr_assert_eq(mkfifo(path, 0600), 0);
    return base;
}

static sluice_outcome run_path(struct fixture *self, const char *path) {
    char json[1200];
    (void)snprintf(json, sizeof json, "{\"path\": \"%s\"}", path);
    return fixture_run_json(self, json);
}

Test(ingest, files_are_read_below_the_roots_only) {
    char root[512], config[600], path[1100];
    char *base = make_tree(root);
    (void)snprintf(config, sizeof config, "{\"adapter\": \"files\", \"roots\": [\"%s/\"]}", root);
    struct fixture self = fixture_open("ingest", "ingest", config, NULL);
    static const char *const good[] = {"good.txt", "./good.txt", "dir/../good.txt", "in"};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(run_path(&self, good[i]), SLUICE_DONE, "%s: %s", good[i], self.result.sentence);
        cr_assert(sl_bytes_is(fixture_get(sl_bench_value(&self.result, "payloads"), "bytes"), "good"));
        cr_assert(sl_bytes_is(fixture_get(sl_bench_value(&self.result, "payloads"), "name"), good[i]));
    }
    (void)snprintf(path, sizeof path, "%s/good.txt", root);
    cr_assert_eq(run_path(&self, path), SLUICE_DONE, "%s", self.result.sentence);
    static const char *const bad[] = {"../secret", "dir/../../secret", "out/secret", "up", "../below/good.txt"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)run_path(&self, bad[i]);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, "is not below `config.roots`");
    }
    static const char *const absolute[] = {"elsewhere/secret", "below/../secret"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", base, absolute[i]);
        (void)run_path(&self, path);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, "is not below `config.roots`");
    }
    fixture_close(&self);
    fixture_remove(base);
}

Test(ingest, files_that_are_no_documents_are_named) {
    char root[512], config[600];
    char *base = make_tree(root);
    (void)snprintf(config, sizeof config, "{\"adapter\": \"files\", \"roots\": [\"/nonexistent\", \"%s\"]}", root);
    struct fixture self = fixture_open("ingest", "ingest", config, NULL);
    static const struct {
        const char *path, *part;
    } rows[] = {{"empty.txt", "The document empty.txt is empty"},
                {"huge.bin", "huge.bin has 209715200 bytes, above the limit"},
                {"dir", "is a directory"},
                {".", "is a directory"},
                {"pipe", "is not a regular file"},
                {"missing", "does not exist below"},
                {"good.txt/x", "does not exist below"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)run_path(&self, rows[i].path);
        fixture_failed(&self, SLUICE_FAILED_PERMANENT, rows[i].part);
    }
    (void)fixture_run_json(&self, "{\"bytes\": \"x\"}");
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "needs {\"path\": text}");
    fixture_close(&self);
    fixture_remove(base);
}

Test(ingest, wrong_configs_are_refused) {
    fixture_refuses("ingest", "ingest", "{\"adapter\": \"http\"}", "must be one of: payload, files");
    fixture_refuses("ingest", "ingest", "{\"adapter\": \"files\"}", "`config.roots` must list 1 to 16");
    fixture_refuses("ingest", "ingest", "{\"adapter\": \"files\", \"roots\": []}", "`config.roots` must list");
    fixture_refuses("ingest", "ingest", "{\"adapter\": \"files\", \"roots\": [\"a\"]}", "`config.roots[0]` must be an absolute");
    fixture_refuses("ingest", "ingest", "{\"root\": 1}", "`config.root` is not known here");
}

Test(ingest, a_file_without_the_right_to_read_is_named) {
    if (geteuid() == 0) cr_skip_test("root may read everything");
    char root[512], config[600], path[600];
    char *base = make_tree(root);
    (void)snprintf(path, sizeof path, "%s/good.txt", root);
    cr_assert_eq(chmod(path, 0), 0);
    (void)snprintf(config, sizeof config, "{\"adapter\": \"files\", \"roots\": [\"%s\"]}", root);
    struct fixture self = fixture_open("ingest", "ingest", config, NULL);
    (void)run_path(&self, "good.txt");
    fixture_failed(&self, SLUICE_FAILED_PERMANENT, "Permission denied");
    fixture_close(&self);
    fixture_remove(base);
}
