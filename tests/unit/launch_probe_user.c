/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/launch_probe.h"

bool probe_status_says(const char *line)
{
    FILE *file = fopen("/proc/self/status", "re");
    char buffer[256];
    bool found = false;

    while (file && fgets(buffer, sizeof(buffer), file)) {
        buffer[strcspn(buffer, "\n")] = '\0';
        found = found || strcmp(buffer, line) == 0;
    }
    if (file)
        (void)fclose(file);
    return found;
}

int probe_user_has_nothing(void)
{
    const char *home = getenv("HOME");
    gid_t groups[8];

    EXPECT(getuid() == 1000 && geteuid() == 1000 && getgid() == 1000 && getegid() == 1000);
    EXPECT(getgroups(8, groups) == 1 && groups[0] == 10);
    EXPECT(probe_status_says("CapPrm:\t0000000000000000"));
    EXPECT(probe_status_says("CapEff:\t0000000000000000"));
    DENIED(EPERM, setuid(0));
    EXPECT(open("/dev/stdout", O_WRONLY) >= 0);
    EXPECT(home && strcmp(home, "/home/joe") == 0);
    return 0;
}

/* Root among its own, in a network of its own, and of ids from 65536 on there is none. */
int probe_has_users_of_its_own(void)
{
    const struct sockaddr_in http = { .sin_family = AF_INET, .sin_port = htons(80) };
    int status;
    pid_t pid;

    EXPECT(getuid() == 0 && getgid() == 0);
    EXPECT(bind(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&http, sizeof(http)) == 0);
    EXPECT(mkdir("/dev/shm/new", 0700) == 0 && chown("/dev/shm/new", 1000, 65535) == 0);
    DENIED(EINVAL, chown("/dev/shm/new", 65536, 0));
    DENIED(EINVAL, setuid(65536));
    DENIED(EPERM, mknod("/dev/shm/mem", S_IFCHR | 0600, 0x101));
    pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        if (setgid(1000) < 0 || setuid(1000) < 0)
            _exit(1);
        for (;;)
            (void)pause();
    }
    EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
    return 0;
}
