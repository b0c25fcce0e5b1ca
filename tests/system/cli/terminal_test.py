"""What a terminal shows: colours and redrawing by the rules, progress by stage, Ctrl-C that detaches."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import unittest

from cluster import SLUICE, ClusterCase, cases, environment

UP = re.compile(rb"\x1b\[(\d+)A")


class Terminal:
    """A command on a pseudo-terminal of 24 rows and 100 columns."""

    def __init__(self, words, **more):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen([SLUICE, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env=environment(**{"TERM": "xterm", **more}))
        os.close(slave)
        self.seen = b""

    def read(self, until=None):
        """Reads until the terminal is closed, or shows `until`."""
        while until is None or until not in self.seen:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                break
            if not part:
                break
            self.seen += part
        return self.seen

    def end(self):
        """Reads the rest; all that was shown, and the exit code."""
        self.read()
        os.close(self.master)
        return self.seen, self.process.wait(60)


class Screen(ClusterCase):
    def show(self, *words, **more):
        return Terminal(words, SLUICE_BROKER=self.dev.endpoint, **more)

    def test_colours_only_where_they_are_wanted(self):
        self.sluice("submit", "quick", "--wait")
        self.assertIn(b"\x1b[", self.show("jobs", "list").end()[0])
        for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn(b"\x1b", self.show("jobs", "list", **more).end()[0], more)
        self.assertNotIn(b"\x1b", self.show("jobs", "list", "--color", "never").end()[0])
        self.assertIn("\x1b[", self.sluice("jobs", "list", "--color", "always").stdout)
        self.assertNotIn("\x1b", self.sluice("jobs", "list").stdout)
        self.assertIn(b"\x1b[31m", self.show("sumbit").end()[0])
        self.sluice("jobs", "list", "--color", "sometimes", expected=2)

    def test_progress_is_drawn_in_place_by_stage(self):
        documents = os.path.join(self.dev.folder, "documents")
        os.mkdir(documents)
        for number in range(400):
            with open(os.path.join(documents, f"{number}.txt"), "w", encoding="utf-8") as file:
                file.write(f"number {number}\n")
        shown, code = self.show("submit", "quick", "--each", documents, "--watch").end()
        self.assertEqual(code, 0)
        heights = [int(rows) for rows in UP.findall(shown)]
        self.assertTrue(heights, "it was redrawn")
        self.assertLessEqual(max(heights), 2 + 4)
        self.assertIn(b"400/400", shown)
        self.assertIn(b"400 files: 400 submitted, 0 known already; 400 jobs: 400 completed", shown)

    def test_without_colour_progress_is_still_drawn_and_on_a_dumb_terminal_it_is_not(self):
        shown, _ = self.show("submit", "quick", "--watch", NO_COLOR="1").end()
        self.assertNotIn(b"0 jobs", shown, "there is one from the first picture on")
        self.assertIsNone(re.search(rb"\x1b\[\d*m", shown))
        shown, _ = self.show("submit", "quick", "--watch", TERM="dumb").end()
        self.assertNotIn(b"\x1b", shown)
        self.assertIn(b"two      done", shown)

    def test_piped_it_is_plain_lines(self):
        ended = self.sluice("submit", "quick", "--watch")
        self.assertNotIn("\x1b", ended.stdout + ended.stderr)
        self.assertIn("one      done\n", ended.stderr)
        self.assertIn("two      done\n", ended.stderr)

    def test_ctrl_c_detaches_and_says_how_to_come_back(self):
        job = self.sluice("submit", "slow", "-q").stdout.strip()
        terminal = self.show("watch", job)
        terminal.read(b"1 running")
        os.write(terminal.master, b"\x03")
        shown, code = terminal.end()
        self.assertEqual(code, 130)
        self.assertIn(f"sluice watch {job[:8]}".encode(), shown)
        self.assertEqual(self.json("jobs", "show", job)["status"], "processing")
        watch = self.show("watch", job)
        watch.read(b"1 running")
        watch.process.send_signal(signal.SIGTERM)
        self.assertEqual(watch.end()[1], 130)
        self.sluice("jobs", "cancel", job)


if __name__ == "__main__":
    cases.main()
