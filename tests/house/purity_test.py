"""Purity: what the core's objects, and what they pull in of base and model, may ask of the C library.
Read from the plain build; a sanitized one asks for much more."""
import glob
import os
import subprocess
import tempfile
import unittest

import tree

CORES = ("broker/core", "worker/core")
PULLED = ("common/base", "common/model")

# Memory, strings and numbers: no clock, no file, no socket, no thread, no randomness.
PURE = set("""memchr memcmp memcpy memmove memset strchr strcmp strlen strncmp stpcpy strspn strtod strtoll snprintf vsnprintf
    sigabbrev_np abort __errno_location __stack_chk_fail _GLOBAL_OFFSET_TABLE_
    __memcpy_chk __memmove_chk __memset_chk __snprintf_chk __stpcpy_chk __vsnprintf_chk""".split())
# Base may also: hash (libsodium), sum (ISA-L), be the default allocator, and say on stderr which assertion broke.
BASE_ONLY = set("""crypto_generichash_blake2b_final crypto_generichash_blake2b_init crypto_generichash_blake2b_update
    crypto_hash_sha256_final crypto_hash_sha256_init crypto_hash_sha256_update crc32_iscsi realloc free
    stderr fprintf __fprintf_chk""".split())



def objects_of(folder):
    """{object: (defined, undefined)} of every archive in a build's folder."""
    found = {}
    for archive in sorted(glob.glob(os.path.join(folder, "*.a"))):
        told = subprocess.run(["nm", "-A", "-P", archive], capture_output=True, text=True, check=True).stdout
        for line in told.splitlines():
            place, _, rest = line.partition(": ")
            symbol, kind = rest.split()[:2]
            defined, undefined = found.setdefault(place, (set(), set()))
            if kind in "Uwv":
                undefined.add(symbol.partition("@")[0])
            elif kind.isupper() or kind == "u":
                defined.add(symbol)
    return found


def closure(own, pulled):
    """The core's objects and those of base and model that they need, as the linker would take them."""
    taken, wanted = dict(own), set().union(*(undefined for _, undefined in own.values()))
    while True:
        more = {name: symbols for name, symbols in pulled.items() if name not in taken and symbols[0] & wanted}
        if not more:
            return taken
        taken.update(more)
        wanted |= set().union(*(undefined for _, undefined in more.values()))


def problems(build, core):
    own = objects_of(os.path.join(build, core))
    pulled = {}
    for folder in PULLED:
        pulled.update(objects_of(os.path.join(build, folder)))
    taken = closure(own, pulled)
    defined = set().union(*(symbols[0] for symbols in taken.values())) if taken else set()
    found = []
    for name, (_, undefined) in sorted(taken.items()):
        allowed = PURE if name in own else PURE | BASE_ONLY
        found += [f"{os.path.relpath(name, build)} asks for {symbol}" for symbol in sorted(undefined - defined - allowed)]
    return found, len(own), len(taken)


def compiled(case, sources):
    """A build folder with an archive for each {folder: C text}."""
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    for path, text in sources.items():
        place = os.path.join(folder.name, path)
        os.makedirs(place)
        with open(os.path.join(place, "a.c"), "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run("gcc -O1 -c a.c -o a.o && ar rc liba.a a.o", shell=True, cwd=place, check=True)
    return folder.name


class Purity(unittest.TestCase):
    def test_cores_are_pure(self):
        for core in CORES:
            with self.subTest(core):
                found, own, taken = problems(tree.BUILD, core)
                self.assertGreater(own, 0, f"no archive in {tree.BUILD}/{core}: was it built?")
                print(f"  {core}: {own} objects, {taken - own} more of base and model")
                tree.assert_kept(self, found)

    def test_core_that_reads_a_clock_is_red(self):
        build = compiled(self, {"broker/core": "#include <time.h>\nlong now(void) { return (long)time(NULL); }\n"})
        self.assertEqual(problems(build, "broker/core")[0], ["broker/core/liba.a[a.o] asks for time"])

    def test_core_that_allocates_by_itself_is_red(self):
        build = compiled(self, {"broker/core": "#include <stdlib.h>\nvoid *get(void) { return malloc(1); }\n"})
        self.assertEqual(problems(build, "broker/core")[0], ["broker/core/liba.a[a.o] asks for malloc"])

    def test_core_that_does_it_through_base_is_red(self):
        build = compiled(self, {"broker/core": "int b(void);\nint f(void) { return b(); }\n",
                                "common/base": "#include <unistd.h>\nint b(void) { return getpid(); }\n"})
        self.assertEqual(problems(build, "broker/core")[0], ["common/base/liba.a[a.o] asks for getpid"])

    def test_what_the_core_does_not_pull_is_not_judged(self):
        build = compiled(self, {"broker/core": "int f(void) { return 1; }\n",
                                "common/base": "#include <unistd.h>\nint b(void) { return getpid(); }\n"})
        self.assertEqual(problems(build, "broker/core")[0], [])


if __name__ == "__main__":
    tree.main()
