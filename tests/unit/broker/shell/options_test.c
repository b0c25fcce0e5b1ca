/* The broker's command line, its endpoints, and stage types as bytes. */
#include "base/err.h"
#include "base/msgpack.h"
#include "shell/catalog_type.h"
#include "shell/endpoint.h"
#include "shell/options.h"

#include <criterion/criterion.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static struct sl_options options;

/* Reads a command line of words that are separated by blanks. */
static int read_line(const char *line) {
    static char text[512];
    char *argv[32];
    int argc = 0;
    strcpy(text, line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    optind = 0;
    return sl_options_read(argc, argv, &options);
}

Test(options, what_is_not_said_has_its_default) {
    cr_assert_eq(read_line("sluice-broker"), 0);
    cr_assert_str_eq(options.listen, "tcp://127.0.0.1:7440");
    cr_assert_null(options.listen_workers);
    cr_assert_eq(options.durability, SL_DURABILITY_DISK);
    cr_assert_eq(options.ready_fd, -1);
    cr_assert_eq(options.shards, 0);
    cr_assert_not(options.insecure);
    cr_assert_eq(options.retention_ms, 7u * 24 * 3600 * 1000);
    cr_assert_eq(options.retention_bytes, 1u << 30);
}

Test(options, retention_has_units_and_may_be_without_limit) {
    cr_assert_eq(read_line("sluice-broker --retention-time 12h --retention-bytes 512M"), 0);
    cr_assert_eq(options.retention_ms, 12u * 3600 * 1000);
    cr_assert_eq(options.retention_bytes, 512u << 20);
    cr_assert_eq(read_line("sluice-broker --retention-time none --retention-bytes none"), 0);
    cr_assert(options.retention_ms == 0 && options.retention_bytes == 0);
    cr_assert_eq(read_line("sluice-broker --retention-time 0 --retention-bytes 0"), 0);
    cr_assert(options.retention_ms == 0 && options.retention_bytes == 0);
}

Test(options, data_is_kept_below_the_users_state) {
    cr_assert_eq(setenv("HOME", "/h", 1) + unsetenv("XDG_STATE_HOME"), 0);
    cr_assert_eq(read_line("sluice-broker"), 0);
    cr_assert_str_eq(options.data, "/h/.local/state/sluice/broker");
    cr_assert_eq(setenv("XDG_STATE_HOME", "/state", 1), 0);
    cr_assert_eq(read_line("sluice-broker"), 0);
    cr_assert_str_eq(options.data, "/state/sluice/broker");
    cr_assert_eq(read_line("sluice-broker --data there"), 0);
    cr_assert_str_eq(options.data, "there");
}

Test(options, data_has_a_path_that_can_be) {
    for (size_t size = SL_DATA_PATH_SIZE - 1; size <= 3 * SL_DATA_PATH_SIZE; size += size < SL_DATA_PATH_SIZE ? 1 : SL_DATA_PATH_SIZE) {
        char *path = calloc(1, size + 1);
        char *argv[] = {"sluice-broker", "--data", memset(path, 'd', size), NULL};
        optind = 0;
        cr_assert_eq(sl_options_read(3, argv, &options), size < SL_DATA_PATH_SIZE ? 0 : -1, "%zu", size);
        free(path);
    }
}

Test(options, what_is_said_counts) {
    cr_assert_eq(read_line("sluice-broker --redis unix:/r --listen ipc:///c --listen-workers ipc:///w --pipelines a --pipelines b "
                           "--durability process --shards 4 --no-create --insecure --ready-fd 7 --timing beat=50,lost=600"), 0);
    cr_assert_str_eq(options.redis, "unix:/r");
    cr_assert_str_eq(options.listen, "ipc:///c");
    cr_assert_str_eq(options.listen_workers, "ipc:///w");
    cr_assert_eq(options.pipeline_count, 2);
    cr_assert_str_eq(options.pipelines[1], "b");
    cr_assert_eq(options.durability, SL_DURABILITY_PROCESS);
    cr_assert_eq(options.shards, 4);
    cr_assert(options.no_create);
    cr_assert(options.insecure);
    cr_assert_eq(options.ready_fd, 7);
    cr_assert_eq(options.beat_ms, 50);
    cr_assert_eq(options.lost_ms, 600);
}

Test(options, what_is_wrong_is_refused) {
    static const char *const rows[] = {"--shards 0",   "--shards 1025",     "--shards x",         "--durability never", "--ready-fd x",
                                       "--timing x=1", "--timing beat",     "--timing beat=0",    "--timing beat=x",    "--succeeds x",
                                       "--log-level x", "--nonsense",       "--shards",           "word",
                                       "--retention-time week", "--retention-time -1d", "--retention-bytes 1T", "--retention-bytes x"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128] = "sluice-broker ";
        strcat(line, rows[i]);
        cr_assert_lt(read_line(line), 0, "%s", rows[i]);
    }
}

Test(endpoint, workers_come_behind_clients) {
    static const char *const rows[][2] = {{"tcp://127.0.0.1:7440", "tcp://127.0.0.1:7441"},
                                          {"tcp://[::1]:1", "tcp://[::1]:2"},
                                          {"tcp://127.0.0.1:65534", "tcp://127.0.0.1:65535"},
                                          {"tcp://127.0.0.1:*", "tcp://127.0.0.1:*"},
                                          {"ipc:///run/c", "ipc:///run/c.workers"}};
    char workers[SL_ENDPOINT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(sl_endpoint_of_workers(rows[i][0], workers), SL_OK, "%s", rows[i][0]);
        cr_assert_str_eq(workers, rows[i][1]);
    }
    static const char *const bad[] = {"tcp://127.0.0.1:65535", "tcp://127.0.0.1", "tcp://host:port", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_neq(sl_endpoint_of_workers(bad[i], workers), SL_OK, "%s", bad[i]);
}

Test(endpoint, only_this_machine_is_local) {
    static const char *const local[] = {"ipc:///x", "tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1"};
    static const char *const other[] = {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://10.0.0.1:1", "tcp://localhost.example:1", "tcp://[::]:1"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) cr_assert(sl_endpoint_is_local(local[i]), "%s", local[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) cr_assert_not(sl_endpoint_is_local(other[i]), "%s", other[i]);
}

static void put_type(struct sl_buf *buf) {
    static const struct sl_bytes keys[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
    struct sl_stage_type type = {.type = sl_text("parse"), .state_keys = {.items = keys, .count = 2},
                                 .dependencies = {.items = keys, .count = 1}, .description = sl_text("reads"),
                                 .version = sl_text("1.2"), .idempotent = true, .digest = {{9, 8, 7}}};
    sl_buf_init(buf, sl_alloc_system());
    sl_encode_type(buf, &type);
    cr_assert_not(buf->failed);
}

Test(catalog_type, it_is_read_as_it_was_written) {
    struct sl_buf buf;
    struct sl_decoded_type decoded;
    put_type(&buf);
    cr_assert_eq(sl_decode_type(sl_buf_bytes(&buf), &decoded), SL_OK);
    cr_assert(sl_bytes_is(decoded.type.type, "parse"));
    cr_assert_eq(decoded.type.state_keys.count, 2);
    cr_assert(sl_bytes_is(decoded.type.state_keys.items[1], "bc"));
    cr_assert_eq(decoded.type.dependencies.count, 1);
    cr_assert(sl_bytes_is(decoded.type.version, "1.2"));
    cr_assert(decoded.type.idempotent);
    cr_assert_not(decoded.type.inline_allowed);
    cr_assert_eq(decoded.type.digest.bytes[2], 7);
    sl_buf_fini(&buf);
}

Test(catalog_type, damage_anywhere_never_harms) {
    struct sl_buf buf;
    struct sl_decoded_type decoded;
    put_type(&buf);
    for (size_t size = 0; size < buf.size; size++) {
        uint8_t *cut = malloc(size ? size : 1); /* of exactly that size: reading beyond it would be seen */
        memcpy(cut, buf.data, size);
        cr_assert_eq(sl_decode_type(sl_bytes(cut, size), &decoded), SL_E_DAMAGED, "cut at %zu", size);
        free(cut);
    }
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = sl_decode_type(sl_buf_bytes(&buf), &decoded);
        cr_assert(rc == SL_OK || rc == SL_E_DAMAGED, "bit %zu: %d", bit, rc);
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    sl_buf_fini(&buf);
}
