/* SL_ASSERT: for our own bugs only, on in every build. Bad input, a full disk and no memory are errors, not asserts. */
#ifndef SL_BASE_ASSERT_H
#define SL_BASE_ASSERT_H

/* Prints the broken condition with its place to stderr and aborts. Never returns. */
_Noreturn void sl_assert_failed(const char *condition, const char *file, int line);

#define SL_ASSERT(condition) ((condition) ? (void)0 : sl_assert_failed(#condition, __FILE__, __LINE__))

/* When a holds, b must hold: lets an invariant read as "when in this state, then this". */
#define SL_IMPLIES(a, b) SL_ASSERT(!(a) || (b))

#endif
