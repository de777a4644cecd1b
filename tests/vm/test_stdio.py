# SPDX-License-Identifier: Apache-2.0
"""Standard input, terminals and exec: a program in a container behaves towards czonectl's user as a local one does."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from case import MIB, SMALL, ZoneCase
from czone import CZONECTL, wait_for
from wire import Connection, VarlinkError

# More than all that buffers on the way: the keeper's 64 KiB, the transport's 256 KiB, czoned's 256 KiB.
INPUT = bytes(range(256)) * 4096
LINES = 400000
OUTPUT = "".join(f"{n}\n" for n in range(1, LINES + 1)).encode()
PRINTER = f"seq 1 {LINES}"
# More than all that czoned lets wait on its connections together (32 MiB), at 256 KiB each.
READERS = 130


class Terminal:
    """czonectl on a pty, and somebody who types."""

    def __init__(self, environment, *args, columns=80, rows=24):
        self.ours, self.theirs = pty.openpty()
        self.modes = termios.tcgetattr(self.theirs)
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [CZONECTL, *args], env=environment, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True
        )
        os.set_blocking(self.ours, False)
        self.seen = ""

    def resize(self, columns, rows):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.ours, text.encode())

    def read(self):
        try:
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return self.seen

    def expect(self, text):
        wait_for(lambda: text in self.read(), f"{text!r} on the terminal", 60)
        self.seen = self.seen.split(text, 1)[1]

    def is_raw(self):
        return not termios.tcgetattr(self.theirs)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def end(self):
        """The status; the terminal must be as it was."""
        status = self.process.wait(timeout=60)
        self.read()
        if termios.tcgetattr(self.theirs) != self.modes:
            raise AssertionError("czonectl left the terminal in another mode than it found it in")
        os.close(self.theirs)
        os.close(self.ours)
        return status


class Stdio(ZoneCase):
    def sleeper(self, **parameters):
        name = self.daemon.spawn("/bin/sh", "-c", "echo up; sleep 10000", memory=SMALL, **parameters)
        self.daemon.wait_for_log(name, "up")
        return name

    def ctl_with_input(self, data, *args):
        return subprocess.run([CZONECTL, *args], env=self.ctl.environment, input=data, capture_output=True, timeout=120)

    def error_of(self, method, **parameters):
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.call("io.czone.Container." + method, **parameters)
        return caught.exception.error.rsplit(".", 1)[1]

    def test_exec_has_the_container_s_namespaces_and_cgroup_and_a_status_of_its_own(self):
        name = self.sleeper()
        done = self.ctl.run("exec", name, "/bin/sh", "-c", "readlink /proc/self/ns/pid; readlink /proc/1/ns/pid; exit 3")
        self.assertEqual(done.returncode, 3, done.stderr)
        first, second = done.stdout.split()
        self.assertEqual(first, second)
        session = self.daemon.call("io.czone.Container.Exec", id=name, args=["/bin/sleep", "1234"])["exec"]["exec"]

        def pid_of():
            return [path.split("/")[2] for path in self.guest.run("grep -l '[1]234' /proc/[0-9]*/cmdline").output.split()]

        wait_for(pid_of, "the exec runs")
        pid = self.daemon.inspect(name)["pid"]
        self.assertEqual(self.guest.cgroup_of(pid_of()[0]), self.guest.cgroup_of(pid))
        self.assertIn("bind=relative", self.guest.read(f"/proc/{pid_of()[0]}/numa_maps").split("\n")[-1])
        self.daemon.call("io.czone.Container.Kill", id=name, exec=session, signal="TERM")
        answer = self.daemon.call("io.czone.Container.Wait", id=name, exec=session)
        self.assertEqual(answer["exec"]["exit_signal"], 15)
        self.assertEqual(answer["container"]["state"], "running")

    def test_exec_keeps_less_of_its_output_than_a_container(self):
        name = self.sleeper()
        session = self.daemon.call("io.czone.Container.Exec", id=name, args=["/bin/dd", "if=/dev/zero", "bs=64k", "count=96"])["exec"]["exec"]
        answer = self.daemon.call("io.czone.Container.Wait", id=name, exec=session)
        self.assertEqual(answer["exec"]["exit_status"], 0)
        log = self.daemon.call("io.czone.Container.Logs", id=name, exec=session)
        self.assertEqual(log["limit"], 4 * MIB)
        self.assertGreater(log["offset"], 0)
        size = int(self.guest.sh(f"cat $(find /run/czone -path '*/{name}/exec/{session}/log/*') | wc -c"))
        self.assertGreater(size, 2 * MIB)
        self.assertLessEqual(size, 4 * MIB)

    def test_exec_goes_on_through_a_restart(self):
        name = self.sleeper()
        session = self.daemon.call(
            "io.czone.Container.Exec", id=name, args=["/bin/sh", "-c", "echo one; read line; echo $line; exit 6"], stdin=True
        )["exec"]["exec"]
        self.guest.sh("kill -KILL $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")
        time.sleep(0.5)
        wait_for(self.reachable, "czoned answers", 30)
        self.daemon.call("io.czone.Container.Write", id=name, exec=session, data="dHdvCg==")
        answer = self.daemon.call("io.czone.Container.Wait", id=name, exec=session)
        self.assertEqual(answer["exec"]["exit_status"], 6)
        self.assertEqual(self.ctl.text("logs", "--exec", session, name), "one\ntwo\n")
        self.wait_for_host(True)

    def test_what_is_typed_while_czoned_restarts_arrives(self):
        shell = Terminal(self.ctl.environment, "run", "-i", "-t", "-m", "256M", "--rm", "--", "/bin/sh")
        shell.type("echo up $((1 + 1))\r")
        shell.expect("up 2")
        self.guest.sh("kill -KILL $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")
        shell.resize(101, 31)
        os.kill(shell.process.pid, signal.SIGWINCH)
        for key in "echo kept $((40 + 2))\r":
            shell.type(key)
            time.sleep(0.02)
        shell.expect("kept 42")
        shell.type("stty size; exit 5\r")
        shell.expect("31 101")
        self.assertEqual(shell.end(), 5)
        self.wait_for_host(True)

    def reachable(self):
        try:
            return bool(self.daemon.zones())
        except OSError:
            return False

    def test_input_arrives_whole_and_its_end_too(self):
        done = self.ctl_with_input(INPUT, "run", "-i", "-m", "256M", "--rm", "--", "/bin/cat")
        self.assertEqual((done.returncode, done.stdout == INPUT), (0, True), done.stderr)
        name = self.sleeper()
        done = self.ctl_with_input(INPUT, "exec", "-i", name, "/bin/cat")
        self.assertEqual((done.returncode, done.stdout == INPUT), (0, True), done.stderr)
        done = self.ctl_with_input(b"not read", "exec", "-i", name, "/bin/true")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_megabytes_of_output_arrive_whole(self):
        done = self.ctl_with_input(b"", "run", "-m", "256M", "--id", "printer", "--", "/bin/sh", "-c", PRINTER + "; exit 4")
        self.assertEqual((done.returncode, done.stdout == OUTPUT), (4, True), (len(done.stdout), done.stderr))
        for arguments, begin in ((), 0), (("-f",), 0), (("--since-offset", "1000003"), 1000003), (("-f", "--since-offset", "7"), 7):
            done = self.ctl_with_input(b"", "logs", *arguments, "printer")
            self.assertEqual((done.returncode, done.stdout == OUTPUT[begin:]), (0, True), (arguments, len(done.stdout), done.stderr))

    def test_a_reader_that_stalls_gets_everything_and_the_container_does_not_wait_for_it(self):
        name = self.daemon.spawn("/bin/sh", "-c", PRINTER + "; exit 5", memory=SMALL)
        reader = subprocess.Popen([CZONECTL, "logs", "-f", name], env=self.ctl.environment, stdout=subprocess.PIPE)
        self.assertEqual(self.daemon.wait(name, until="exited")["exit_status"], 5)
        time.sleep(1)
        self.assertIsNone(reader.poll())
        output, _ = reader.communicate(timeout=60)
        self.assertEqual((reader.returncode, output == OUTPUT), (0, True), len(output))

    def test_readers_that_vanish_keep_no_place_from_others(self):
        """The transport may never tell of a peer that is gone with bytes unread. One that only pauses loses nothing."""
        name = self.daemon.spawn("/bin/sh", "-c", PRINTER + "; sleep 10000", memory=SMALL)
        paused = subprocess.Popen([CZONECTL, "logs", "-f", name], env=self.ctl.environment, stdout=subprocess.PIPE)
        self.daemon.wait_for_log_size(name, len(OUTPUT))
        for _ in range(READERS):
            with Connection(self.vm.address) as reader:
                reader.request("io.czone.Container.Logs", {"id": name}, more=True)
                self.assertIsNotNone(reader.receive())
        for _ in range(10):
            self.assertEqual(self.daemon.inspect(name)["state"], "running")
        self.daemon.kill(name)
        output, _ = paused.communicate(timeout=60)
        self.assertEqual((paused.returncode, output == OUTPUT), (0, True), len(output))
        self.daemon.wait(name)
        self.wait_for_host(True)

    def test_a_terminal_is_one(self):
        shell = Terminal(self.ctl.environment, "run", "-i", "-t", "-m", "256M", "--id", "shell", "--", "/bin/sh")
        shell.type("echo $((6 * 7)); test -t 0 && stty size\r")
        shell.expect("\r\n42\r\n24 80")
        shell.resize(100, 30)
        os.kill(shell.process.pid, signal.SIGWINCH)
        time.sleep(1)
        shell.type("stty size\r")
        shell.expect("30 100")
        shell.type("sleep 1000\r")
        time.sleep(1)
        shell.type("\x03")
        shell.type("echo still $((1 + 1))\r")
        shell.expect("still 2")
        shell.type("\x10\x11")
        self.assertEqual(shell.end(), 120)
        self.assertEqual(self.daemon.inspect("shell")["state"], "running")
        shell = Terminal(self.ctl.environment, "attach", "shell")
        shell.type("echo back $((2 + 3)); exit 9\r")
        shell.expect("back 5")
        self.assertEqual(shell.end(), 9)

    def test_the_terminal_is_as_it_was_whatever_the_end(self):
        """Terminal.end() looks."""
        arguments = ("run", "-i", "-t", "-m", "256M", "--rm", "--", "/bin/sh", "-c")
        ends = (("exit 3", 3), ("exec /bin/cat", 120))
        for program, status in ends:
            with self.subTest(program=program):
                shell = Terminal(self.ctl.environment, *arguments, "stty -echo; echo r''eady; read line; " + program)
                shell.expect("ready")
                self.assertTrue(shell.is_raw())
                shell.type("go\r")
                if status == 120:
                    # The first is passed on, which a first process without a handler does not notice; the second one detaches.
                    os.kill(shell.process.pid, signal.SIGTERM)
                    shell.expect("is passed on")
                    os.kill(shell.process.pid, signal.SIGTERM)
                self.assertEqual(shell.end(), status, shell.seen)
        name = self.sleeper()
        shell = Terminal(self.ctl.environment, "exec", "-i", "-t", name, "/bin/sh")
        shell.type("tty; test -t 2 && echo t''wo; exit 4\r")
        shell.expect("/dev/pts/")
        shell.expect("two")
        self.assertEqual(shell.end(), 4)
        shell = Terminal(self.ctl.environment, "exec", "-i", "-t", name, "/bin/nothing")
        self.assertEqual(shell.end(), 127)
        done = self.ctl_with_input(b"", "run", "-i", "-t", "-m", "256M", "--", "/bin/sh")
        self.assertEqual(done.returncode, 122, done.stderr)
        self.assertIn(b"standard input is none", done.stderr)

    def test_each_stream_goes_to_its_own(self):
        program = "echo one; sleep 0.3; echo two >&2; sleep 0.3; echo three; exit 3"
        done = self.ctl.run("run", "-m", "256M", "--id", "streams", "--", "/bin/sh", "-c", program)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "one\nthree\n", "two\n"))
        done = self.ctl.run("logs", "streams")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "one\nthree\n", "two\n"))
        done = self.ctl.run("exec", self.sleeper(), "/bin/sh", "-c", program)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "one\nthree\n", "two\n"))
        both = subprocess.run(
            [CZONECTL, "logs", "streams"], env=self.ctl.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
        )
        self.assertEqual(both.stdout, b"one\ntwo\nthree\n")

    def test_signals_reach_the_program(self):
        program = "trap 'echo one' USR1; trap 'echo two' USR2; trap 'echo term; exit 7' TERM; echo up; while :; do sleep 1; done"
        run = subprocess.Popen(
            [CZONECTL, "run", "-m", "256M", "--", "/bin/sh", "-c", program], env=self.ctl.environment, stdout=subprocess.PIPE, text=True
        )
        self.assertEqual(run.stdout.readline(), "up\n")
        for name, said in ((signal.SIGUSR1, "one"), (signal.SIGUSR1, "one"), (signal.SIGUSR2, "two"), (signal.SIGTERM, "term")):
            run.send_signal(name)
            self.assertEqual(run.stdout.readline(), said + "\n")
        self.assertEqual(run.wait(timeout=60), 7)
        run.stdout.close()

    def test_exec_has_what_its_container_has_and_no_more(self):
        name = self.sleeper(
            env=["A=1", "B=2"], cwd="/tmp", user="12:34", umask=0o27, capabilities=["CAP_KILL"], rlimits=[{"name": "nofile", "soft": 77, "hard": 99}]
        )
        told = "echo $A $B $C; pwd; id -u; id -g; umask; ulimit -n; ulimit -Hn; grep CapBnd /proc/self/status"
        first = self.ctl.text("exec", name, "/bin/sh", "-c", told)
        self.assertEqual(first.split("\n")[:7], ["1 2", "/tmp", "12", "34", "0027", "77", "99"], first)
        self.assertEqual(int(first.split()[-1], 16), 1 << 5, first)
        other = self.ctl.text("exec", "-e", "B=3", "-e", "C=4", "-w", "/", "-u", "0", name, "/bin/sh", "-c", told)
        self.assertEqual(other.split("\n")[:4], ["1 3 4", "/", "0", "0"], other)
        self.assertEqual(int(other.split()[-1], 16), 1 << 5, other)
        self.guest.sh("kill -KILL $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")
        time.sleep(0.5)
        wait_for(self.reachable, "czoned answers", 30)
        self.assertEqual(self.ctl.text("exec", name, "/bin/sh", "-c", told), first)
        self.wait_for_host(True)

    def test_who_attaches_second_gets_the_same_and_both_can_type(self):
        self.daemon.spawn("/bin/cat", memory=SMALL, id="shared", stdin=True)
        self.daemon.wait_for_state("shared", "running")
        both = [
            subprocess.Popen([CZONECTL, "attach", "shared"], env=self.ctl.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        followers = ("io.czone.Container.Write", {"id": "shared", "data": "dXAK"})
        # Each shows what comes after it; so until both show the first line it is written again.
        wait_for(lambda: (self.daemon.call(followers[0], **followers[1]), all(select.select([p.stdout], [], [], 0.1)[0] for p in both))[1], "both show it")
        for typed, reader in zip(("from the first\n", "from the second\n", "once more\n", "and again\n"), both * 2):
            reader.stdin.write(typed)
            reader.stdin.flush()
            for process in both:
                wait_for(lambda process=process, typed=typed: process.stdout.readline() == typed, f"{typed!r}")
        both[0].stdin.close()
        for process in both:
            self.assertEqual(process.stdout.read(), "")
            self.assertEqual(process.wait(timeout=60), 0)
            process.stdout.close()
        both[1].stdin.close()

    def keeper_of(self, pid):
        return self.guest.sh(f"awk '/^PPid:/ {{ print $2 }}' /proc/{pid}/status").strip()

    def test_a_keeper_that_is_killed_takes_its_program_along_and_is_named(self):
        run = subprocess.Popen(
            [CZONECTL, "run", "-m", "256M", "--id", "unkept", "--", "/bin/sh", "-c", "echo up; sleep 10000"],
            env=self.ctl.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.assertEqual(run.stdout.readline(), "up\n")
        session = self.daemon.call("io.czone.Container.Exec", id="unkept", args=["/bin/sleep", "10000"])["exec"]["exec"]
        wait_for(lambda: self.guest.run("grep -lx 'sleep' /proc/[0-9]*/comm").output.count("/proc/") == 2, "both sleep")
        first = self.daemon.inspect("unkept")["pid"]
        sleeper = next(
            pid for pid in self.guest.sh("pidof sleep").split() if self.guest.read(f"/proc/{pid}/cmdline").startswith("/bin/sleep")
        )
        self.guest.sh(f"kill -KILL {self.keeper_of(sleeper)}")
        ended = self.daemon.call("io.czone.Container.Wait", id="unkept", exec=session)
        self.assertEqual((ended["exec"]["exit_signal"], ended["exec"]["keeper_lost"]), (9, True))
        self.assertEqual(ended["container"]["state"], "running")
        self.guest.sh(f"kill -KILL {self.keeper_of(first)}")
        _, told = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 137)
        self.assertIn("somebody killed its keeper", told)
        ended = self.daemon.wait("unkept")
        self.assertEqual((ended["exit_signal"], ended["keeper_lost"], ended["state"]), (9, True, "done"))
        self.assertEqual(self.daemon.receipt("unkept")["outcome"], "returned")
        self.assertEqual(self.ctl.text("logs", "unkept"), "up\n")

    def test_output_that_no_disk_takes_is_counted_and_the_program_does_not_notice(self):
        name = self.daemon.spawn("/bin/sh", "-c", "read line; " + PRINTER + "; exit 8", memory=SMALL, stdin=True)
        self.daemon.wait_for_state(name, "running")
        total, used = map(int, self.guest.sh("df -Pk /run | awk 'END { print $2, $3 }'").split())
        where = self.guest.sh("df -Pk /run | awk 'END { print $6 }'").strip()
        # Room for 1.5 MiB beside what logs leave to others: 4 MiB, or an eighth of the disk.
        size = min(used + 1536 + 4096, (used + 1536) * 8 // 7)
        self.guest.sh(f"mount -o remount,size={size}k {where}")
        try:
            self.daemon.call("io.czone.Container.Write", id=name, data="Z28K")
            self.assertEqual(self.daemon.wait(name, until="exited")["exit_status"], 8)
            # czoned has room for its own notes, so the zone goes back all the same.
            self.assertEqual(self.daemon.wait(name)["state"], "done")
            self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")
        finally:
            self.guest.sh(f"mount -o remount,size={total}k {where}")
        self.assertEqual(self.daemon.wait(name)["state"], "done")
        done = self.ctl.run("logs", name)
        self.assertEqual(done.returncode, 0)
        missing = sum(int(line.split()[2]) for line in done.stderr.splitlines() if "bytes are missing here" in line)
        self.assertGreater(missing, 0, done.stderr)
        self.assertGreater(len(done.stdout), 100000)
        self.assertEqual(len(done.stdout) + missing, len(OUTPUT), done.stderr)
        self.assertEqual(done.stdout[:100000].encode(), OUTPUT[:100000])

    def test_a_size_that_is_told_before_the_program_begins_is_its_terminals(self):
        name = self.daemon.spawn("/bin/sh", "-c", "stty size", memory=SMALL, tty=True, columns=80, rows=24, hold=True)
        self.daemon.wait_for_state(name, "created")
        self.daemon.call("io.czone.Container.Resize", id=name, columns=101, rows=31)
        self.daemon.call("io.czone.Container.Start", id=name)
        self.daemon.wait(name)
        self.assertEqual(self.daemon.logs(name), "31 101\r\n")
        self.assertEqual(self.error_of("Resize", id=name, columns=80, rows=24), "WrongState")

    def test_what_cannot_be_is_said(self):
        name = self.sleeper()
        self.assertEqual(self.error_of("Write", id=name, data="eA=="), "NoInput")
        self.assertEqual(self.error_of("Resize", id=name, columns=80, rows=24), "NoTerminal")
        self.assertEqual(self.error_of("Logs", id=name, offset=4), "NoSuchOffset")
        self.assertEqual(self.error_of("Wait", id=name, exec="7"), "NoSuchExec")
        done = self.ctl.run("exec", name, "/bin/nothing")
        self.assertEqual(done.returncode, 127, done.stderr)
        self.daemon.kill(name)
        self.daemon.wait(name)
        self.assertEqual(self.error_of("Exec", id=name, args=["/bin/true"]), "WrongState")


if __name__ == "__main__":
    unittest.main()
