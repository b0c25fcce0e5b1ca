/* What the tests of plugins share. */
#include "plugin_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "json_pack.h"

static struct sl_bench *load(const char *plugin) {
    char path[512], error[1024] = "";
    (void)snprintf(path, sizeof path, "%s/%s.so", SL_PLUGINS, plugin);
    struct sl_bench *bench = sl_bench_load(path, error, sizeof error);
    cr_assert_not_null(bench, "%s", error);
    return bench;
}

struct fixture fixture_open(const char *plugin, const char *type, const char *config, const char *data) {
    char error[1024] = "";
    struct fixture self = {.bench = load(plugin)};
    self.stage = sl_bench_open(self.bench, type, config, data, error, sizeof error);
    cr_assert_not_null(self.stage, "%s", error);
    return self;
}

void fixture_close(struct fixture *self) {
    sl_bench_result_fini(&self->result);
    sl_bench_close(&self->stage);
    sl_bench_free(&self->bench);
}

sluice_outcome fixture_run(struct fixture *self, struct sl_bytes upstream) {
    sl_bench_result_fini(&self->result);
    sl_bench_run(self->stage, NULL, upstream, &self->result);
    return self->result.outcome;
}

sluice_outcome fixture_run_json(struct fixture *self, const char *upstream) {
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    cr_assert_eq(sl_json_pack(upstream, &value), 0, "not JSON: %s", upstream);
    sluice_outcome outcome = fixture_run(self, sl_buf_bytes(&value));
    sl_buf_fini(&value);
    return outcome;
}

void fixture_refuses(const char *plugin, const char *type, const char *config, const char *part) {
    char error[1024] = "";
    struct sl_bench *bench = load(plugin);
    struct sl_bench_stage *stage = sl_bench_open(bench, type, config, "/nonexistent", error, sizeof error);
    cr_assert_null(stage, "open accepted %s", config);
    cr_assert(strstr(error, part), "\"%s\" does not say \"%s\"", error, part);
    sl_bench_free(&bench);
}

void fixture_failed(const struct fixture *self, sluice_outcome outcome, const char *part) {
    cr_assert_eq(self->result.outcome, outcome, "outcome %d: %s", self->result.outcome, self->result.sentence);
    cr_assert(strstr(self->result.sentence, part), "\"%s\" does not say \"%s\"", self->result.sentence, part);
}

struct sl_buf fixture_payload(const char *name, const char *media_type, struct sl_bytes bytes) {
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    sl_mp_map(&value, 3);
    sl_mp_key(&value, "name");
    sl_mp_str(&value, sl_text(name));
    sl_mp_key(&value, "media_type");
    sl_mp_str(&value, sl_text(media_type));
    sl_mp_key(&value, "bytes");
    sl_mp_bin(&value, bytes);
    return value;
}

static void add_block(struct sl_buf *value, size_t number, const char *kind, const char *text, size_t start) {
    char id[24];
    (void)snprintf(id, sizeof id, "b%zu", number);
    sl_mp_map(value, 5);
    sl_mp_key(value, "id");
    sl_mp_str(value, sl_text(id));
    sl_mp_key(value, "kind");
    sl_mp_str(value, sl_text(kind));
    sl_mp_key(value, "text");
    sl_mp_str(value, sl_text(text));
    sl_mp_key(value, "start");
    sl_mp_uint(value, start);
    sl_mp_key(value, "end");
    sl_mp_uint(value, start + strlen(text));
}

struct sl_buf fixture_document(const char *id, const char *kind, const char *const *texts, size_t count) {
    struct sl_buf value;
    size_t start = 0;
    sl_buf_init(&value, sl_alloc_system());
    sl_mp_map(&value, 2);
    sl_mp_key(&value, "id");
    sl_mp_str(&value, sl_text(id));
    sl_mp_key(&value, "sections");
    sl_mp_array(&value, 1);
    sl_mp_map(&value, 3);
    sl_mp_key(&value, "id");
    sl_mp_str(&value, sl_text("s1"));
    sl_mp_key(&value, "title");
    sl_mp_str(&value, sl_text("Head"));
    sl_mp_key(&value, "blocks");
    sl_mp_array(&value, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        add_block(&value, i + 1, kind, texts[i], start);
        start += strlen(texts[i]) + 2;
    }
    return value;
}

struct sl_buf fixture_file(const char *path) {
    struct sl_buf bytes;
    char part[65536];
    sl_buf_init(&bytes, sl_alloc_system());
    FILE *file = fopen(path, "rb");
    if (!file) return bytes;
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;) cr_assert_eq(sl_buf_append(&bytes, part, size), 0);
    fclose(file);
    return bytes;
}

struct sl_buf fixture_pair(const char *key1, struct sl_bytes value1, const char *key2, struct sl_bytes value2) {
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    sl_mp_map(&value, 2);
    sl_mp_key(&value, key1);
    sl_mp_raw(&value, value1);
    sl_mp_key(&value, key2);
    sl_mp_raw(&value, value2);
    return value;
}

char *fixture_directory(void) {
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    cr_assert(asprintf(&path, "%s/sluice-test-XXXXXX", base ? base : "/tmp") > 0);
    cr_assert_not_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void fixture_remove(char *path) {
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* Moves the reader to the member of the next object that `name` (of `size` bytes) names; false when there is none. */
static bool enter(struct sl_mp_reader *reader, const char *name, size_t size) {
    struct sl_mp_object object;
    if (sl_mp_next(reader, &object) != 0) return false;
    if (object.type == SL_MP_ARRAY) {
        uint32_t index = (uint32_t)strtoul(name, NULL, 10);
        for (uint32_t i = 0; i < index && i < object.count; i++) sl_mp_skip(reader, SLUICE_VALUE_DEPTH_MAX);
        return index < object.count && reader->rc == 0;
    }
    for (uint32_t i = 0; object.type == SL_MP_MAP && i < object.count; i++) {
        struct sl_bytes key = sl_mp_read_str(reader, SIZE_MAX);
        if (sl_bytes_equal(key, sl_bytes(name, size))) return reader->rc == 0;
        sl_mp_skip(reader, SLUICE_VALUE_DEPTH_MAX);
    }
    return false;
}

static bool find(struct sl_bytes value, const char *path, struct sl_mp_object *out_object) {
    struct sl_mp_reader reader = sl_mp_reader(value);
    while (*path && strcmp(path, "#") != 0) {
        size_t size = strcspn(path, ".");
        if (!enter(&reader, path, size)) return false;
        path += size + (path[size] == '.');
    }
    return sl_mp_next(&reader, out_object) == 0;
}

struct sl_bytes fixture_get(struct sl_bytes value, const char *path) {
    struct sl_mp_object object;
    bool is_text = find(value, path, &object) && (object.type == SL_MP_STR || object.type == SL_MP_BIN);
    return is_text ? object.bytes : sl_bytes("", 0);
}

int64_t fixture_get_int(struct sl_bytes value, const char *path) {
    struct sl_mp_object object;
    if (!find(value, path, &object)) return -1;
    if (object.type == SL_MP_UINT) return (int64_t)object.uint;
    return object.type == SL_MP_ARRAY || object.type == SL_MP_MAP ? (int64_t)object.count : -1;
}
