/* Looks at one plugin: loads it, writes what it offers to a descriptor, and nothing else. Done in a process of its own, because a
 * plugin may end or hang the process that loads it. */
#ifndef SL_STAGEHOST_PROBE_H
#define SL_STAGEHOST_PROBE_H

/* Calls `function` of the file at `path`; SL_ENTRY is a plugin's own. Writes one msgpack object: [true, [type, ...]], each type a map with the keys of struct sluice_registration; or [false, sentence].
 * Returns the exit status of the program: 0, or 9 when the plugin will not load. */
int sl_probe(const char *path, const char *function, int fd);

#endif
