/* Options of a run; see options.h. */
#include "options.h"

#include "base/text.h"
#include "io/entropy.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE = 1, USAGE = 2, KILLS = 50, WORKERS = 3, CLIENTS = 3 };

static const char help[] = "chaos: kills parts of a running cluster and proves that nothing was lost, repeated or reordered.\n"
                           "\n"
                           "  chaos --kills 50             fifty kills with test timers\n"
                           "  chaos --seed 7 --kills 50    the same choices again (the processes' own timing differs)\n"
                           "\n"
                           "  --kills N        kill -9 of a broker, worker, stage host, Redis or all  [SLUICE_CHAOS, 50]\n"
                           "  --seed N         of every choice                                    [random, printed]\n"
                           "  --mode mix|each|hosts  each: every kind once; hosts: only stage hosts      [mix]\n"
                           "  --production     production timers instead of test timers\n"
                           "  --workers N, --clients N                                            [3, 3]\n"
                           "  --folder FOLDER  where the run keeps its history and logs               [.]\n"
                           "  --keep           keep them also when all went well\n";

static const struct option long_options[] = {
    {"kills", required_argument, NULL, 'k'},  {"seed", required_argument, NULL, 's'},   {"mode", required_argument, NULL, 'm'},
    {"production", no_argument, NULL, 'p'},   {"workers", required_argument, NULL, 'w'}, {"clients", required_argument, NULL, 'c'},
    {"folder", required_argument, NULL, 'f'}, {"keep", no_argument, NULL, 'K'},         {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static int take_number(const char *value, uint64_t max, uint64_t *out) {
    if (sl_text_to_uint(value, max, out) == 0) return 0;
    fprintf(stderr, "chaos: \"%s\" is no number up to %llu\n", value, (unsigned long long)max);
    return USAGE;
}

static int take_mode(const char *value, enum chaos_mode *out) {
    static const char *const modes[] = {"mix", "each", "hosts"};
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(value, modes[i]) != 0) continue;
        *out = (enum chaos_mode)i;
        return 0;
    }
    fprintf(stderr, "chaos: --mode is mix, each or hosts\n");
    return USAGE;
}

static int take(struct chaos_options *options, int option, const char *value) {
    uint64_t number = 0;
    int rc = 0;
    switch (option) {
    case 'k':
        rc = take_number(value, 100000, &number);
        options->kills = (uint32_t)number;
        return rc;
    case 's':
        return take_number(value, UINT64_MAX, &options->seed);
    case 'm':
        return take_mode(value, &options->mode);
    case 'p':
        options->production = true;
        return 0;
    case 'w':
        rc = take_number(value, CHAOS_WORKERS_MAX, &number);
        options->workers = (uint32_t)number;
        return rc;
    case 'c':
        rc = take_number(value, CHAOS_CLIENTS_MAX, &number);
        options->clients = (uint32_t)number;
        return rc;
    case 'f':
        options->folder = value;
        return 0;
    case 'K':
        options->keep = true;
        return 0;
    case 'h':
        (void)fputs(help, stdout);
        return DONE;
    default:
        fprintf(stderr, "chaos: see chaos --help\n");
        return USAGE;
    }
}

int chaos_options_read(int argc, char **argv, struct chaos_options *out) {
    *out = (struct chaos_options){.kills = KILLS, .workers = WORKERS, .clients = CLIENTS, .folder = "."};
    sl_entropy(&out->seed, sizeof out->seed);
    out->seed %= 1000000;
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) rc = take(out, option, optarg);
    const char *wanted = getenv("SLUICE_CHAOS");
    if (rc == 0 && wanted && out->mode == CHAOS_MIX) rc = take(out, 'k', wanted);
    if (rc == 0 && (out->workers == 0 || out->clients == 0 || out->kills == 0)) {
        fprintf(stderr, "chaos: a run needs a worker, a client and a kill\n");
        rc = USAGE;
    }
    out->takeover_ms = out->production ? 3000 : 300;
    out->lost_ms = out->production ? 5000 : 500;
    out->settle_ms = 60000;
    return rc;
}
