# SPDX-License-Identifier: Apache-2.0
"""A real userland does in a container what it does elsewhere: Debian (minbase, on a disk) and busybox, as root of the container."""
import hashlib
import unittest

from czone import Daemon, HostDaemon, wait_for
from vm import MicroVM, script

MIB = 1 << 20
ZONE = 768 * MIB
PROCESSES = 1000
NUMBERS = 20000
PACKAGE = "hello"
DEB = "/opt/hello.deb"


vm = daemon = None


def setUpModule():
    global vm, daemon
    deb = script("debian", "bookworm", "download", PACKAGE)
    # Kernel memory of many processes is on the home node.
    vm = MicroVM(zones=[f"{ZONE // MIB}M"], memory="1G", disks=[script("rootfs", "bookworm")], modules=["ext4"], add={deb: DEB})
    unittest.enterModuleContext(vm)
    unittest.enterModuleContext(HostDaemon(vm, "--max-zone", str(ZONE), "--max-total", str(ZONE)))
    daemon = Daemon(vm.address)
    wait_for(lambda: daemon.zones()["host_attached"], "host attached", 30)
    vm.guest.sh(f"mkdir -p {Debian.root} && mount -t ext4 /dev/vda {Debian.root} && cp {DEB} {Debian.root}{DEB}")
    vm.guest.sh(
        f"cd /; for d in bin sbin usr/bin usr/sbin tmp etc www; do mkdir -p {Busybox.root}/$d; done; cp -a etc/passwd etc/group {Busybox.root}/etc;"
        f"cp -a bin sbin usr {Busybox.root}"
    )


class Userland:
    """What holds for both."""

    root = None

    def setUp(self):
        self.before = vm.guest.traces()

    def tearDown(self):
        for container in daemon.containers():
            daemon.remove(container["id"], force=True)
        wait_for(lambda: vm.guest.traces() == self.before, lambda: f"traces as before\n{self.before}\n{vm.guest.traces()}", 30)

    def sh(self, text, **parameters):
        """Output of a shell script that must succeed, in a container of its own."""
        name = daemon.spawn("/bin/sh", "-euc", text, memory=ZONE, root=self.root, **parameters)
        container = daemon.wait(name, timeout=300)
        log = daemon.logs(name)
        self.assertEqual(container.get("exit_status"), 0, f"{container}\n{log}")
        return log

    def test_pipelines(self):
        lines = sorted((n for n in range(1, NUMBERS + 1) if "7" not in str(n)), key=lambda n: -n)
        text = "".join(f"{n} {n * n}\n" for n in lines)
        output = self.sh(
            f"seq 1 {NUMBERS} | grep -v 7 | sort -rn | awk '{{ print $1, $1 * $1 }}' | tee /tmp/squares | sha256sum | cut -d ' ' -f 1;"
            "wc -l </tmp/squares; tr ' ' '\\n' </tmp/squares | sort -n | uniq | head -n 3 | xargs echo"
        )
        numbers = sorted({int(word) for word in text.split()})
        self.assertEqual(
            output.split("\n")[:3],
            [hashlib.sha256(text.encode()).hexdigest(), str(len(lines)), " ".join(map(str, numbers[:3]))],
        )

    def test_a_shell_and_its_children_signals_and_status(self):
        output = self.sh(
            "sh -c 'exit 7' || echo $?; sleep 1000 & kill $!; { wait $! || echo $?; } 2>/dev/null; trap 'echo caught' USR1; kill -USR1 $$;"
            "rm -f /tmp/fifo; mkfifo /tmp/fifo; echo through >/tmp/fifo & cat /tmp/fifo; cat <<END\n$(echo nested)\nEND\n"
        )
        self.assertEqual(output.split(), ["7", "143", "caught", "through", "nested"])

    def test_files_are_packed_unpacked_renamed_and_synced(self):
        output = self.sh(
            "mkdir -p /tmp/in/a/b && cd /tmp/in; for i in $(seq 200); do seq $i >a/b/$i; done; ln -s b/100 a/link; ln a/b/1 a/hard;"
            "chmod 640 a/b/2; chown 12:34 a/b/3; tar -cf /tmp/t.tar .; mkdir /tmp/out; tar -xf /tmp/t.tar -C /tmp/out; cd /tmp/out;"
            "for f in a/b/*; do mv $f $f.new; mv $f.new $f; done; sync; diff -r /tmp/in /tmp/out; stat -c %a:%u:%g a/b/2 a/b/3; stat -c %h a/hard;"
            "readlink a/link; rm -r /tmp/in /tmp/out /tmp/t.tar; echo done"
        )
        self.assertEqual(output.split(), ["640:0:0", "644:12:34", "2", "b/100", "done"])

    def test_a_thousand_processes_at_once(self):
        output = self.sh(
            f"i=0; pids=; while [ $i -lt {PROCESSES} ]; do sleep 200 & pids=\"$pids $!\"; i=$((i + 1)); done;"
            "set -- /proc/[0-9]*; echo $#; kill $pids; wait || true; set -- /proc/[0-9]*; echo $#"
        )
        many, few = map(int, output.split())
        self.assertGreaterEqual(many, PROCESSES + 1)
        self.assertLess(few, 5)

    def test_root_may_do_in_its_root_what_root_does(self):
        output = self.sh(
            "mkdir -p /var/own/dir; touch /var/own/file; chown 1000:1000 /var/own/file; chmod 4711 /var/own/file; stat -c %a:%u /var/own/file;"
            "rm -r /var/own; mkdir -p /tmp/j/bin; chroot / /bin/sh -c 'echo chrooted'; rm -r /tmp/j; id -u"
        )
        self.assertEqual(output.split(), ["4711:1000", "chrooted", "0"])


class Debian(Userland, unittest.TestCase):
    root = "/srv/debian"

    def test_it_is_debian(self):
        self.assertIn("VERSION_CODENAME=bookworm", self.sh("cat /etc/os-release"))

    def test_perl(self):
        output = self.sh(
            r"""perl -e 'my %count; $count{length($_ ** 2)}++ for 1 .. 1000; print join(" ", map { "$_:$count{$_}" } sort keys %count), "\n";'
            perl -e 'pipe(R, W); if (!fork) { print W "child $$ of ", getppid() == 1 ? "1" : "other", "\n"; exit } wait; close W; print scalar(<R>) =~ s/\d+/N/r'"""
        )
        counts = {}
        for n in range(1, 1001):
            counts[len(str(n * n))] = counts.get(len(str(n * n)), 0) + 1
        self.assertEqual(output.splitlines()[0], " ".join(f"{k}:{v}" for k, v in sorted(counts.items())))
        self.assertIn("child N of", output)

    def test_a_package_is_installed_and_purged(self):
        output = self.sh(
            f"export DEBIAN_FRONTEND=noninteractive; dpkg -i {DEB} >/dev/null 2>/tmp/errors || {{ cat /tmp/errors; exit 1; }}; {PACKAGE};"
            f"dpkg-query -W -f '${{Status}}\\n' {PACKAGE}; dpkg --verify {PACKAGE}; dpkg -P {PACKAGE} >/dev/null; hash -r; command -v {PACKAGE} || echo gone;"
            "dpkg --audit; apt-get check"
        )
        self.assertIn("Hello, world!\ninstall ok installed\ngone\n", output)

    def test_sockets_on_loopback(self):
        output = self.sh(
            r"""perl -MSocket -e '
                socket(my $l, PF_INET, SOCK_STREAM, 0) or die $!;
                bind($l, sockaddr_in(0, INADDR_LOOPBACK)) && listen($l, 64) or die $!;
                my ($port) = sockaddr_in(getsockname($l));
                for my $n (1 .. 20) { next if fork; socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
                    connect($s, sockaddr_in($port, INADDR_LOOPBACK)) or die $!; syswrite($s, "$n " x 5000); exit }
                my $bytes = 0;
                for (1 .. 20) { accept(my $c, $l) or die $!; while (sysread($c, my $b, 65536)) { $bytes += length $b } }
                wait for 1 .. 20; print "$bytes\n"'"""
        )
        self.assertEqual(int(output), sum(5000 * (len(str(n)) + 1) for n in range(1, 21)))

    def test_another_user_has_its_own_rights(self):
        output = self.sh("id -un; touch /etc/mine 2>/dev/null || echo refused; touch /tmp/mine && rm /tmp/mine && echo made", user="nobody")
        self.assertEqual(output.split(), ["nobody", "refused", "made"])


class Busybox(Userland, unittest.TestCase):
    root = "/srv/busybox"

    def test_sockets_on_loopback(self):
        output = self.sh(
            "seq 10000 >/www/numbers; httpd -p 127.0.0.1:8080 -h /www; wget -q -O - http://127.0.0.1:8080/numbers | md5sum; md5sum </www/numbers;"
            "killall httpd"
        )
        first, second = output.splitlines()
        self.assertEqual(first, second)


if __name__ == "__main__":
    unittest.main()
