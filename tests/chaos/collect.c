/* The last questions; see collect.h. */
#include "collect.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "client/client.h"
#include "io/json.h"
#include "support/redis_server.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>

enum { ANSWER_MS = 20000, SETTLE_LOOKS = 500, SETTLE_LOOK_MS = 20, LINE_SIZE = 8192 };

/* Job ids; unique() makes them each once. */
struct ids {
    struct sl_job_id *list; /* owns */
    size_t count, capacity;
};

static void take(struct ids *self, const uint8_t bytes[16]) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity * 2 + 256;
        self->list = realloc(self->list, self->capacity * sizeof *self->list);
        if (!self->list) abort();
    }
    memcpy(self->list[self->count++].bytes, bytes, 16);
}

static int compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct sl_job_id));
}

static void unique(struct ids *self) {
    size_t kept = 0;
    if (self->count > 0) qsort(self->list, self->count, sizeof *self->list, compare);
    for (size_t i = 0; i < self->count; i++) {
        if (kept == 0 || !sl_job_id_equal(self->list[kept - 1], self->list[i])) self->list[kept++] = self->list[i];
    }
    self->count = kept;
}

/* One list of ids that Redis answers, as JSON and into the ids. */
static size_t write_ids(FILE *out, const char *name, const redisReply *reply, struct ids *ids) {
    size_t count = 0;
    fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *id = reply->element[i];
        char text[SL_ID_TEXT_SIZE];
        if (id->type != REDIS_REPLY_STRING || id->len != 16) continue;
        sl_id_to_text((const uint8_t *)id->str, text);
        fprintf(out, "%s\"%s\"", count++ ? "," : "", text);
        take(ids, (const uint8_t *)id->str);
    }
    fprintf(out, "]");
    return count;
}

/* How many jobs Redis still lists as live; 0 is what the end must come to. */
static size_t write_redis(const struct chaos_cluster *cluster, redisContext *redis, struct ids *ids) {
    char path[CHAOS_PATH_SIZE + 32];
    size_t live_count = 0;
    ids->count = 0;
    (void)snprintf(path, sizeof path, "%s/redis.jsonl", cluster->folder);
    FILE *out = fopen(path, "we");
    if (!out) return 1;
    for (unsigned shard = 0; shard < SL_SHARDS_DEFAULT; shard++) {
        redisReply *ended = redisCommand(redis, "ZRANGE sl:{s%02u}:ended 0 -1", shard);
        redisReply *live = redisCommand(redis, "HKEYS sl:{s%02u}:live", shard);
        fprintf(out, "{\"shard\":%u", shard);
        (void)write_ids(out, "ended", ended, ids);
        live_count += write_ids(out, "live", live, ids);
        fprintf(out, "}\n");
        freeReplyObject(ended);
        freeReplyObject(live);
    }
    (void)fclose(out); /* the checker says what is missing */
    return live_count;
}

static int read_redis(const struct chaos_cluster *cluster, struct ids *ids) {
    redisContext *redis = redisConnectUnix(redis_server_socket(cluster->redis));
    if (!redis || redis->err) {
        printf("chaos: Redis cannot be asked what it holds\n");
        if (redis) redisFree(redis);
        return 1;
    }
    /* The owner settles behind the commits, so what has ended is on its way to the list of the ended. */
    for (int looks = 0; write_redis(cluster, redis, ids) > 0 && looks < SETTLE_LOOKS; looks++) (void)poll(NULL, 0, SETTLE_LOOK_MS);
    redisFree(redis);
    return 0;
}

/* Jobs that a client holds an ACCEPTED of, whatever Redis lists. */
static int read_history(const struct chaos_cluster *cluster, struct ids *ids) {
    char line[LINE_SIZE];
    FILE *file = fopen(cluster->history_path, "re");
    if (!file) return 1;
    while (fgets(line, sizeof line, file)) {
        uint8_t id[16];
        const char *at = strstr(line, "\"outcome\":\"accepted\"") ? strstr(line, "\"job\":\"") : NULL;
        if (at && sl_id_from_text(sl_bytes(at + 7, 36), id) == SL_OK) take(ids, id);
    }
    (void)fclose(file); /* it was only read */
    return 0;
}

/* Asks one thing about a job and appends its items as JSON. */
static int put_answer(struct sl_client *client, const char *what, const char *job, struct sl_buf *out) {
    const struct sl_wire_query query = {.what = sl_text(what), .job = sl_text(job)};
    struct sl_session_done done;
    struct sl_wire_answer answer;
    uint64_t id;
    if (sl_client_query(client, &query, ANSWER_MS, &id) || sl_client_call(client, id, -1, &done)) return 1;
    if (done.end == SL_CALL_REFUSED && !done.refused.retryable) return sl_buf_append(out, "[]", 2);
    if (done.end != SL_CALL_ANSWERED || done.type != SL_WIRE_ANSWER || sl_wire_answer_decode(done.body, &answer)) {
        printf("chaos: no answer about %s of job %s\n", what, job);
        return 1;
    }
    return sl_msgpack_to_json(answer.items, false, out);
}

static int write_answers(const struct chaos_cluster *cluster, struct sl_client *client, const struct ids *ids) {
    char path[CHAOS_PATH_SIZE + 32];
    struct sl_buf line;
    int rc = 0;
    (void)snprintf(path, sizeof path, "%s/answers.jsonl", cluster->folder);
    FILE *out = fopen(path, "we");
    if (!out) return 1;
    sl_buf_init(&line, sl_alloc_system());
    for (size_t i = 0; i < ids->count && rc == 0; i++) {
        char id[SL_ID_TEXT_SIZE];
        sl_id_to_text(ids->list[i].bytes, id);
        sl_buf_clear(&line);
        (void)sl_buf_format(&line, "{\"job\":\"%s\",\"show\":", id); /* failures are kept in the buffer */
        rc = put_answer(client, "job", id, &line);
        (void)sl_buf_format(&line, ",\"events\":");
        if (rc == 0) rc = put_answer(client, "events", id, &line);
        (void)sl_buf_format(&line, "}\n");
        if (line.failed || fwrite(line.data, 1, line.size, out) != line.size) rc = 1;
    }
    sl_buf_fini(&line);
    return fclose(out) ? 1 : rc;
}

int chaos_collect_run(const struct chaos_cluster *cluster) {
    char why[SL_CLIENT_SENTENCE_SIZE];
    const struct sl_client_cfg cfg = {.endpoint = cluster->clients_endpoint};
    struct sl_client *client = NULL;
    struct ids ids = {.count = 0};
    int rc = read_redis(cluster, &ids);
    if (rc == 0) rc = read_history(cluster, &ids);
    unique(&ids);
    if (rc == 0 && sl_client_new(&cfg, &client, why)) rc = 1;
    if (rc == 0) rc = write_answers(cluster, client, &ids);
    sl_client_free(&client);
    free(ids.list);
    return rc;
}
