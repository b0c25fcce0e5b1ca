/* What a run is told. */
#ifndef CHAOS_OPTIONS_H
#define CHAOS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { CHAOS_WORKERS_MAX = 8, CHAOS_CLIENTS_MAX = 8 };

enum chaos_mode {
    CHAOS_MIX,   /* kills as the weights say, pauses and drains between them */
    CHAOS_EACH,  /* every kind once, in an order of the seed's choice */
    CHAOS_HOSTS  /* stage hosts only: broker and workers stay, and so must their descriptors */
};

struct chaos_options {
    uint64_t seed;
    uint32_t kills;
    uint32_t workers;
    uint32_t clients;
    enum chaos_mode mode;
    bool production;      /* production timers */
    bool keep;            /* the folder, also of a good run */
    const char *folder;   /* where the run's folder is made */

    /* From `production`. */
    uint32_t takeover_ms;
    uint32_t lost_ms;
    uint32_t settle_ms;   /* in which all jobs end once the faults have ended */
};

/* 0; 1 when all is done (--help); 2 for wrong usage, which is said on stderr. */
int chaos_options_read(int argc, char **argv, struct chaos_options *out_options);

#endif
