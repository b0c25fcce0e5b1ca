/* Planted bugs for the simulator's proof that its checks can fail. A release build has none: the macro is the constant false. */
#ifndef SL_CORE_BUG_H
#define SL_CORE_BUG_H

#ifdef SLUICE_PLANTED_BUGS
#define SL_BUG(sched, number) ((sched)->config.bug == (number))
#else
#define SL_BUG(sched, number) ((void)(sched), 0)
#endif

#endif
