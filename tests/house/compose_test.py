"""Deployment by compose, as far as it can be judged without an engine: the file against the rules that it must keep, the
Dockerfile, and the list of its run-time packages against what the built programs really link."""
import copy
import glob
import os
import re
import subprocess
import unittest

import yaml

import tree

COMPOSE, DOCKERFILE = "docker-compose.yml", "deploy/docker/Dockerfile"
ONLY_V2 = {"include", "name"}        # top-level keys that docker-compose 1.29 does not know
DRAIN_S = 30                         # how long a broker or Redis may take to stop; a stop must wait longer
# What a worker may take, one after the other: running attempts, their grace, the last acknowledgements, what the link still
# has to send, the grace of idle hosts, and the kill of those that ignore it.
WORKER_WAITS = (("worker/shell/options.c", r"\bDRAIN_MS = (\d+)"), ("worker/shell/options.c", r"\bGRACE_MS = (\d+)"),
                ("worker/core/drain.c", r"grace_ms \+ (\d+)u"), ("worker/shell/session.c", r"\bLINGER_MS = (\d+)"),
                ("worker/shell/main.c", r"\bHOST_GRACE_MS = (\d+)"),
                ("worker/shell/spawner_process.c", r"\bKILL_AFTER_MS = (\d+)"))
DEV, DEV_WAIT = "broker/cli/dev/dev.c", r"\bDRAIN_WORKERS_MS = (\d+)"
READY = ["CMD", "sluice", "status", "--ready"]


def seconds(duration):
    amount = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", str(duration))
    return int(amount[1] or 0) * 60 + int(amount[2] or 0) if amount else 0


def number(path, pattern):
    return int(re.search(pattern, tree.text(tree.SOURCE, path))[1])


def worker_drain_s():
    return sum(number(*wait) for wait in WORKER_WAITS) / 1000


def problems(told):
    """Sentences about what breaks a rule in a compose file that was read."""
    found = [f"{key}: a key that one of the two compose lines refuses" for key in (ONLY_V2 | {"version"}) & set(told)]
    for name in ("redis", "broker", "worker"):
        if name not in told.get("services", {}):
            found.append(f"{name}: there is no such service")
    for name, service in told.get("services", {}).items():
        found += [f"{name}: {why}" for why in hardening(service) + life(name, service) + volumes(told, service)]
    found += [f"worker: {key} makes --scale worker=N impossible"
              for key in ("container_name", "ports", "hostname") if key in told["services"].get("worker", {})]
    return found


def hardening(service):
    rules = {
        "runs as root": str(service.get("user", "0")).split(":")[0] not in ("0", "root"),
        "its root can be written (read_only)": service.get("read_only") is True,
        "has no tmpfs for /tmp": "/tmp" in service.get("tmpfs", []),
        "keeps capabilities (cap_drop)": service.get("cap_drop") == ["ALL"],
        "adds capabilities": "cap_add" not in service and not service.get("privileged"),
        "may gain privileges": "no-new-privileges:true" in service.get("security_opt", []),
        "has no init": service.get("init") is True,
        "publishes a port beyond this host": all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])),
    }
    return [why for why, kept in rules.items() if not kept]


def life(name, service):
    depends = service.get("depends_on", {})
    check = service.get("healthcheck", {}).get("test", [])
    drain = worker_drain_s() if name == "worker" else DRAIN_S
    rules = {
        f"has no more than {drain} s to drain": seconds(service.get("stop_grace_period", "10s")) > drain,
        "has no health check": bool(check),
        "is not checked by sluice status --ready": name == "redis" or check[:4] == READY,
        "does not say what it waits for (depends_on with a condition)":
            isinstance(depends, dict) and all("condition" in how for how in depends.values()),
    }
    return [why for why, kept in rules.items() if not kept]


def volumes(told, service):
    used = [str(volume).split(":")[0] for volume in service.get("volumes", [])]
    found = [f"volume {name} is declared nowhere" for name in used if name not in told.get("volumes", {})]
    command = " ".join(service.get("command", []))
    if ("redis.conf" in command or "sluice-worker" in command) and not used:
        found.append("keeps its data in no volume")
    return found


def dockerfile_problems(text, root):
    """Stages from Debian 12 slim only, each final one not as root, nothing piped from the network, no absent file."""
    joined = re.sub(r"\\\n", " ", text)
    stages = re.findall(r"^FROM (\S+) AS (\w+)\n(.*?)(?=^FROM |\Z)", joined, re.MULTILINE | re.DOTALL)
    names = {name for _, name, _ in stages}
    found = [f"stage {name} comes from {origin}" for origin, name, _ in stages
             if origin not in names | {"debian:12-slim"}]
    found += [f"stage {name} runs as root" for _, name, body in stages
              if name in ("redis", "sluice") and re.findall(r"^USER (\S+)", body, re.MULTILINE)[-1:] != ["sluice"]]
    found += ["pipes a download into a shell"] if re.search(r"(?:curl|wget)[^\n]*\|\s*(?:ba)?sh", joined) else []
    found += ["ADD fetches from the network; use COPY"] if re.search(r"^ADD ", joined, re.MULTILINE) else []
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", joined, re.MULTILINE):
        found += [f"copies {source}, which does not exist" for source in sources.split()
                  if not os.path.exists(os.path.join(root, source))]
    return found


def linked_packages(build):
    """Debian packages of the libraries that programs and plugins name, without the C library's own."""
    files = glob.glob(f"{build}/bin/sluice*") + glob.glob(f"{build}/lib/sluice/plugins/*.so")
    wanted = set()
    for path in files:
        told = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
        wanted |= set(re.findall(r"\(NEEDED\).*\[(.+?)\]", told))
    packages = set()
    machine = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    for library in wanted:
        owners = subprocess.run(["dpkg", "-S", f"*/{machine}/{library}"], capture_output=True, text=True, check=True).stdout
        packages |= {line.split(":")[0] for line in owners.splitlines()}
    return files, packages - {"libc6", "libgcc-s1", "libstdc++6"}


class Compose(unittest.TestCase):
    def setUp(self):
        self.told = yaml.safe_load(tree.text(tree.SOURCE, COMPOSE))

    def change(self, path, value):
        """The problems of the real file after one change; a value of None takes the key away."""
        changed = copy.deepcopy(self.told)
        place = changed
        *way, last = path.split("/")
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return problems(changed)

    def test_file_keeps_the_rules(self):
        tree.assert_kept(self, problems(self.told))

    def test_sluice_dev_waits_for_its_workers_as_long(self):
        self.assertGreaterEqual(worker_drain_s(), 40, "a wait was not found where it stands")
        self.assertGreater(number(DEV, DEV_WAIT) / 1000, worker_drain_s())

    def test_docker_compose_reads_it(self):
        read = subprocess.run(["docker-compose", "-f", COMPOSE, "config", "-q"], cwd=tree.SOURCE, capture_output=True,
                              text=True, check=False)
        self.assertEqual(read.returncode, 0, read.stderr)

    def test_docker_compose_refuses_a_broken_one(self):
        root = tree.planted(self, {COMPOSE: "services: {redis: {no_such_key: 1}}\n"})
        read = subprocess.run(["docker-compose", "-f", COMPOSE, "config", "-q"], cwd=root, capture_output=True,
                              check=False)
        self.assertNotEqual(read.returncode, 0)

    def test_each_broken_rule_is_red(self):
        for path, value in (
                ("version", "3.9"), ("name", "sluice"), ("services/worker/container_name", "w"),
                ("services/worker/ports", ["127.0.0.1:1:1"]), ("services/broker/ports", ["7440:7440"]),
                ("services/worker/volumes", None), ("services/redis/volumes", ["elsewhere:/data"]),
                ("services/broker/user", "0"), ("services/broker/user", None), ("services/broker/read_only", None),
                ("services/worker/tmpfs", []), ("services/worker/cap_drop", ["NET_RAW"]),
                ("services/worker/privileged", True), ("services/redis/security_opt", []),
                ("services/redis/init", False), ("services/worker/stop_grace_period", "10s"),
                ("services/worker/stop_grace_period", "40s"),
                ("services/broker/healthcheck", {"test": ["CMD", "true"]}), ("services/redis/healthcheck", None),
                ("services/worker/depends_on", ["broker"]), ("services/redis", None)):
            self.assertTrue(self.change(path, value), f"{path} = {value}")


class Images(unittest.TestCase):
    def broken(self, old, new):
        text = tree.text(tree.SOURCE, DOCKERFILE)
        self.assertIn(old, text)
        return dockerfile_problems(text.replace(old, new), tree.SOURCE)

    def test_dockerfile_keeps_the_rules(self):
        tree.assert_kept(self, dockerfile_problems(tree.text(tree.SOURCE, DOCKERFILE), tree.SOURCE))

    def test_each_broken_rule_is_red(self):
        for old, new in (("FROM debian:12-slim AS base", "FROM alpine:3 AS base"), ("USER sluice\n", ""),
                         ("COPY . .", "ADD . ."), ("deploy/redis.conf ", "deploy/absent.conf "),
                         ("COPY . .", "RUN curl example.org/x | sh")):
            self.assertTrue(self.broken(old, new), new)

    def test_image_has_the_libraries_that_the_programs_link(self):
        files, packages = linked_packages(tree.BUILD)
        self.assertTrue(files, "nothing was built")
        listed = set(re.findall(r"[\w.+-]+", tree.text(tree.SOURCE, DOCKERFILE)))
        self.assertEqual(packages - listed, set())


if __name__ == "__main__":
    tree.main()
