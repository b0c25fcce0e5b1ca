/* Command line of sluice-broker. */
#include "options.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { USAGE = -1, DONE = 1 };

static const struct option long_options[] = {{"redis", required_argument, NULL, 'r'},
                                             {"listen", required_argument, NULL, 'l'},
                                             {"listen-workers", required_argument, NULL, 'w'},
                                             {"pipelines", required_argument, NULL, 'p'},
                                             {"policies", required_argument, NULL, 'P'},
                                             {"succeeds", required_argument, NULL, 'S'},
                                             {"data", required_argument, NULL, 'D'},
                                             {"incarnation-file", required_argument, NULL, 'i'},
                                             {"ready-fd", required_argument, NULL, 'R'},
                                             {"durability", required_argument, NULL, 'd'},
                                             {"shards", required_argument, NULL, 's'},
                                             {"retention-time", required_argument, NULL, 'k'},
                                             {"retention-bytes", required_argument, NULL, 'b'},
                                             {"no-create", no_argument, NULL, 'n'},
                                             {"insecure", no_argument, NULL, 'I'},
                                             {"timing", required_argument, NULL, 't'},
                                             {"log-level", required_argument, NULL, 'L'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'v'},
                                             {NULL, 0, NULL, 0}};

static const char help[] =
    "sluice-broker: schedules the stages of jobs; keeps the ledger in Redis.\n"
    "\n"
    "  sluice-broker --redis unix:/run/redis/redis.sock --listen tcp://127.0.0.1:7440 --pipelines deploy/pipelines\n"
    "\n"
    "  --redis ADDRESS          unix:PATH, HOST:PORT or redis://HOST:PORT    [redis://127.0.0.1:6379, SLUICE_REDIS_URL]\n"
    "  --listen ENDPOINT        for clients: tcp://HOST:PORT or ipc://PATH   [tcp://127.0.0.1:7440]\n"
    "  --listen-workers ENDPOINT  for workers                               [the port after that of clients]\n"
    "  --pipelines PATH         a file, or a folder of *.yaml, to store at start and whenever it changes;\n"
    "                           may be repeated\n"
    "  --policies FILE          resilience policies to store at start, for all brokers of the cluster\n"
    "                           [those that the cluster has; else the shipped ones]\n"
    "  --durability disk|process  what an acknowledged job survives          [disk]\n"
    "  --shards N               of a cluster that is made now                [8]\n"
    "  --retention-time TIME    how long finished jobs are kept: 90m, 12h, 7d, or none for ever      [7d]\n"
    "  --retention-bytes SIZE   how much of them the cluster keeps: 512M, 1G, or none for no limit   [1G]\n"
    "                           what goes first is the oldest; a repeated request is known for 7 days more\n"
    "  --no-create              refuse to make a cluster or to load the function library\n"
    "  --insecure               serve TCP beyond this machine without keys\n"
    "  --data DIR               where writes of a shard that had to be given up are kept, for a person to look at\n"
    "                           [XDG_STATE_HOME/sluice/broker]\n"
    "  --succeeds INCARNATION   of a broker known to be dead: its shards are taken at once\n"
    "  --incarnation-file FILE  write this broker's incarnation there\n"
    "  --ready-fd N             write \"ready CLIENTS WORKERS INCARNATION\" there when serving\n"
    "  --timing NAME=MS,...     beat, takeover, heartbeat, lost, reply, grace, settle\n"
    "                           [1000,3000,1000,5000,2000,10000,1000]\n"
    "  --log-level LEVEL        debug, info, warning, error                  [info, SLUICE_LOG_LEVEL]\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM and SIGINT stop it cleanly: its shards are given back. SIGHUP stores the pipelines again.\n";

static int usage(const char *sentence, const char *value) {
    fprintf(stderr, "sluice-broker: %s%s%s; see sluice-broker --help\n", sentence, value ? ": " : "", value ? value : "");
    return USAGE;
}

static int read_timing(struct sl_options *options, const char *text) {
    const struct {
        const char *name;
        uint32_t *place;
    } timers[] = {{"beat", &options->beat_ms},           {"takeover", &options->takeover_ms},
                  {"heartbeat", &options->heartbeat_ms}, {"lost", &options->lost_ms},
                  {"reply", &options->reply_ms},         {"grace", &options->grace_ms},
                  {"settle", &options->settle_ms}};
    while (*text) {
        size_t size = strcspn(text, ",");
        char item[64];
        uint64_t value;
        bool known = false;
        if (size >= sizeof item) return SL_E_BAD_INPUT;
        memcpy(item, text, size);
        item[size] = '\0';
        char *equals = strchr(item, '=');
        if (!equals || sl_text_to_uint(equals + 1, 86400000, &value) || value == 0) return SL_E_BAD_INPUT;
        *equals = '\0';
        for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
            if (strcmp(item, timers[i].name) != 0) continue;
            *timers[i].place = (uint32_t)value;
            known = true;
        }
        if (!known) return SL_E_BAD_INPUT;
        text += size + (text[size] == ',');
    }
    return SL_OK;
}

/* "none" and 0 are no limit, which is 0 here. */
static int take_retention(struct sl_options *options, int option, const char *value) {
    const char *limit = strcmp(value, "none") == 0 ? "0" : value;
    if (option == 'k' && sl_text_to_duration_ms(limit, &options->retention_ms)) {
        return usage("--retention-time is a time such as 90m, 12h or 7d, or none", value);
    }
    if (option == 'b' && sl_text_to_size(limit, &options->retention_bytes)) {
        return usage("--retention-bytes is a size such as 512M or 1G, or none", value);
    }
    return SL_OK;
}

/* Options with a value that must be looked at. */
static int take_checked(struct sl_options *options, int option, const char *value) {
    uint64_t number;
    switch (option) {
    case 'S':
        if (sl_id_from_text(sl_text(value), options->succeeds.bytes)) return usage("--succeeds is no incarnation", value);
        return SL_OK;
    case 'R':
        if (sl_text_to_uint(value, 1 << 20, &number)) return usage("--ready-fd is no descriptor", value);
        options->ready_fd = (int)number;
        return SL_OK;
    case 'd':
        if (sl_durability_from_text(value, &options->durability)) {
            return usage("--durability is disk or process", value);
        }
        return SL_OK;
    case 's':
        if (sl_text_to_uint(value, SL_SHARDS_MAX, &number) || number == 0) return usage("--shards is 1 to 1024", value);
        options->shards = (uint16_t)number;
        return SL_OK;
    case 'D':
        if (strlen(value) == 0 || strlen(value) >= sizeof options->data) return usage("--data is no folder's path", value);
        (void)strcpy(options->data, value);
        return SL_OK;
    case 'k':
    case 'b':
        return take_retention(options, option, value);
    case 't':
        if (read_timing(options, value)) return usage("--timing is NAME=MILLISECONDS,...", value);
        return SL_OK;
    default:
        if (sl_log_level_from_text(value, &options->log_level)) {
            return usage("--log-level is debug, info, warning or error", value);
        }
        return SL_OK;
    }
}

static int take(struct sl_options *options, int option, const char *value, const char *given) {
    switch (option) {
    case 'r':
        options->redis = value;
        return SL_OK;
    case 'l':
        options->listen = value;
        return SL_OK;
    case 'w':
        options->listen_workers = value;
        return SL_OK;
    case 'p':
        if (options->pipeline_count == SL_PIPELINE_PATHS_MAX) return usage("--pipelines is given too often", value);
        options->pipelines[options->pipeline_count++] = value;
        return SL_OK;
    case 'P':
        options->policies = value;
        return SL_OK;
    case 'i':
        options->incarnation_file = value;
        return SL_OK;
    case 'n':
        options->no_create = true;
        return SL_OK;
    case 'I':
        options->insecure = true;
        return SL_OK;
    case 'h':
        (void)fputs(help, stdout);
        return DONE;
    case 'v':
        (void)printf("sluice-broker %s\n", SLUICE_VERSION);
        return DONE;
    case '?':
        return usage("unknown option, or one without its value", given);
    default:
        return take_checked(options, option, value);
    }
}

static void set_default_data(struct sl_options *options) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state) {
        (void)snprintf(options->data, sizeof options->data, "%s/sluice/broker", state);
    } else {
        (void)snprintf(options->data, sizeof options->data, "%s/.local/state/sluice/broker", home && *home ? home : "/var/lib/sluice");
    }
}

int sl_options_read(int argc, char **argv, struct sl_options *out_options) {
    const char *redis = getenv("SLUICE_REDIS_URL"), *level = getenv("SLUICE_LOG_LEVEL");
    *out_options = (struct sl_options){.redis = redis && *redis ? redis : "redis://127.0.0.1:6379",
                                       .listen = "tcp://127.0.0.1:7440",
                                       .ready_fd = -1,
                                       .beat_ms = SL_BEAT_MS,
                                       .takeover_ms = SL_TAKEOVER_MS,
                                       .heartbeat_ms = SL_HEARTBEAT_MS,
                                       .lost_ms = SL_LOST_MS,
                                       .reply_ms = SL_REPLY_MS,
                                       .grace_ms = SL_TIMEOUT_GRACE_MS,
                                       .settle_ms = SL_SETTLE_MS,
                                       .retention_ms = SL_RETENTION_MS,
                                       .retention_bytes = SL_RETENTION_BYTES,
                                       .durability = SL_DURABILITY_DISK,
                                       .log_level = SL_LOG_INFO};
    set_default_data(out_options);
    if (level && *level && take_checked(out_options, 'L', level)) return USAGE;
    int option;
    opterr = 0; /* one sentence is enough, and it is ours */
    while ((option = getopt_long(argc, argv, "hv", long_options, NULL)) != -1) {
        int rc = take(out_options, option, optarg, optind > 0 ? argv[optind - 1] : NULL);
        if (rc) return rc;
    }
    return optind < argc ? usage("unexpected argument", argv[optind]) : SL_OK;
}
