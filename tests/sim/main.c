/* The simulator's command line: runs seeds, each twice with other hash seeds and other addresses, and compares the traces. */
#include "base/text.h"
#include "run.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

struct arguments {
    uint64_t first, last;
    unsigned bug;
    bool quiet, text, heartbeats, once, plain, hashes;
};

struct sums {
    uint64_t seeds, virtual_ns, steps, commits, transitions, messages, alarms, faults, recoveries, answers;
    uint64_t hash; /* of all trace hashes in order */
};

static void usage(FILE *file) {
    fputs("usage: sim [--seed N | --seeds A..B] [--bug N] [--trace | --trace-all] [--quiet] [--once] [--plain] [--hashes]\n"
          "  --seed N      run one seed\n"
          "  --seeds A..B  run these (default 1..100); each runs twice, with other hash seeds and other addresses\n"
          "  --bug N       plant a bug (a build with SLUICE_PLANTED_BUGS only); stops at the first seed that catches it\n"
          "  --trace       print what happens; --trace-all also heartbeats, reads and ticks\n"
          "  --quiet       print only the sums\n"
          "  --once        run each seed once\n"
          "  --plain       every block from malloc, for sanitizers\n"
          "  --hashes      print each seed's trace hash\n",
          file);
}

static bool read_range(const char *text, struct arguments *arguments) {
    char first[24];
    const char *dots = strstr(text, "..");
    if (!dots || (size_t)(dots - text) >= sizeof first) return false;
    memcpy(first, text, (size_t)(dots - text));
    first[dots - text] = 0;
    return sl_text_to_uint(first, UINT64_MAX, &arguments->first) == 0 &&
           sl_text_to_uint(dots + 2, UINT64_MAX, &arguments->last) == 0 && arguments->first <= arguments->last;
}

static bool read_value(const char *option, const char *value, struct arguments *out) {
    uint64_t number;
    if (!value) return false;
    if (strcmp(option, "--seeds") == 0) return read_range(value, out);
    if (sl_text_to_uint(value, UINT64_MAX, &number)) return false;
    if (strcmp(option, "--seed") == 0) out->first = out->last = number;
#ifdef SLUICE_PLANTED_BUGS
    else if (strcmp(option, "--bug") == 0 && number < 100) out->bug = (unsigned)number;
#endif
    else return false;
    return true;
}

static bool read_arguments(int argc, char **argv, struct arguments *out) {
    struct { const char *name; bool *flag; } flags[] = {
        {"--quiet", &out->quiet}, {"--trace", &out->text}, {"--trace-all", &out->heartbeats},
        {"--once", &out->once},   {"--plain", &out->plain}, {"--hashes", &out->hashes}};
    for (int i = 1; i < argc; i++) {
        bool found = false;
        for (size_t f = 0; f < sizeof flags / sizeof *flags && !found; f++) {
            found = strcmp(argv[i], flags[f].name) == 0;
            if (found) *flags[f].flag = true;
        }
        if (found) continue;
        if (!read_value(argv[i], i + 1 < argc ? argv[i + 1] : NULL, out)) return false;
        i++;
    }
    if (out->heartbeats) out->text = true;
    return true;
}

static void print_failure(struct sim_arena *arena, const struct sim_plan *plan, struct sim_options options,
                          const struct sim_outcome *outcome) {
    struct sl_buf tail;
    struct sim_outcome again;
    sl_buf_init(&tail, sl_alloc_system());
    options.tail = &tail;
    options.text = false;
    sim_run(arena, plan, &options, &again);
    size_t from = tail.size > 6000 ? tail.size - 6000 : 0;
    printf("%.*s", (int)(tail.size - from), (const char *)tail.data + from);
    printf("seed %llu: %s at %llu ms: %s\n  again with: sim --seed %llu --trace%s\n", (unsigned long long)plan->seed,
           outcome->violation, (unsigned long long)(outcome->virtual_ns / SIM_MS), outcome->why,
           (unsigned long long)plan->seed, options.bug ? " --bug N" : "");
    sl_buf_fini(&tail);
}

static void add(struct sums *sums, const struct sim_outcome *outcome) {
    sums->seeds++;
    sums->virtual_ns += outcome->virtual_ns;
    sums->steps += outcome->steps;
    sums->commits += outcome->commits;
    sums->transitions += outcome->transitions;
    sums->messages += outcome->messages;
    sums->alarms += outcome->alarms;
    sums->faults += outcome->faults;
    sums->recoveries += outcome->recoveries;
    sums->answers += outcome->answers;
    sums->hash = (sums->hash ^ outcome->hash) * 0x9e3779b97f4a7c15u;
}

/* Runs a seed, twice if asked to. False when a check failed. */
static bool run_seed(struct sim_arena *arena, const struct arguments *arguments, uint64_t seed, struct sums *sums) {
    struct sim_plan plan;
    struct sim_outcome first, second;
    struct sim_options options = {.hash_seed = 1, .bug = arguments->bug, .text = arguments->text, .heartbeats = arguments->heartbeats};
    sim_plan_draw(&plan, seed);
    sim_run(arena, &plan, &options, &first);
    add(sums, &first);
    if (arguments->hashes) printf("%llu %016llx\n", (unsigned long long)seed, (unsigned long long)first.hash);
    if (first.violation[0]) {
        /* An assertion of the core that trips first names no invariant: a later seed must. */
        if (arguments->bug && arguments->quiet && strcmp(first.violation, "ASSERT") == 0) return true;
        if (arguments->bug && arguments->quiet)
            printf("bug %u: caught by %s after %llu seeds: %s\n", arguments->bug, first.violation,
                   (unsigned long long)sums->seeds, first.why);
        else print_failure(arena, &plan, options, &first);
        return false;
    }
    if (arguments->once || arguments->text) return true;
    options.hash_seed = seed * 0x9e3779b97f4a7c15u + 77;
    options.shift = 4096 + 16 * (size_t)(seed % 100);
    sim_run(arena, &plan, &options, &second);
    if (second.hash == first.hash) return true;
    printf("seed %llu: ORDER: other hash seeds and addresses give another trace (%016llx, %016llx)\n",
           (unsigned long long)seed, (unsigned long long)first.hash, (unsigned long long)second.hash);
    return false;
}

static void print_sums(const struct sums *sums) {
    printf("%llu seeds, %llu faults, %llu commits, %llu transitions, %llu messages, %llu alarms, "
           "%llu answers, %llu recoveries compared, %llu steps, %llu virtual s, hash %016llx\n",
           (unsigned long long)sums->seeds, (unsigned long long)sums->faults, (unsigned long long)sums->commits,
           (unsigned long long)sums->transitions, (unsigned long long)sums->messages, (unsigned long long)sums->alarms,
           (unsigned long long)sums->answers, (unsigned long long)sums->recoveries, (unsigned long long)sums->steps, (unsigned long long)(sums->virtual_ns / SIM_SECOND), (unsigned long long)sums->hash);
}

int main(int argc, char **argv) {
    struct arguments arguments = {.first = 1, .last = 100};
    struct sums sums = {0};
    struct sim_arena arena;
    bool good = true;
    if (!read_arguments(argc, argv, &arguments)) {
        usage(stderr);
        return 2;
    }
    sim_arena_init(&arena, arguments.plain);
    for (uint64_t seed = arguments.first; seed <= arguments.last && good; seed++)
        good = run_seed(&arena, &arguments, seed, &sums);
    if (good || !arguments.quiet) print_sums(&sums);
    if (good && arguments.last > arguments.first && sums.recoveries == 0) {
        puts("no recovery was compared: I5 says nothing");
        good = false;
    }
    sim_arena_fini(&arena);
    sim_shapes_free();
    return good ? 0 : 1;
}
