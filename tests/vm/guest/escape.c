/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries to get out of the container it runs in: `escape VERB[=ARGUMENT]...`. Each verb is tried in a process
 * of its own and told in one line, "VERB worked", "VERB refused ENAME", "VERB killed SIGNAME" or "VERB
 * unclear". The exit status is 0 if one worked, 1 if none did, 2 for a verb that is not known, 3 if one could
 * not be tried. Linked statically, so that it runs in any root.
 */
#include "attempt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct attempt *const lists[] = {
    attempts_on_devices, attempts_on_files,      attempts_on_kernel,    attempts_on_memory,
    attempts_on_mounts,  attempts_on_namespaces, attempts_on_processes,
};

int attempt_result(long result)
{
    return result < 0 ? -errno : 0;
}

long attempt_number(const char *text)
{
    char *end;
    long number = strtol(text, &end, 0);

    if (end == text || *end != '\0')
        attempt_unclear("a number is needed");
    return number;
}

void attempt_unclear(const char *why)
{
    (void)fprintf(stderr, "escape: %s\n", why);
    _exit(ATTEMPT_UNCLEAR);
}

static const struct attempt *find(const char *verb)
{
    size_t length = strcspn(verb, "=");

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (const struct attempt *attempt = lists[i]; attempt->name; attempt++)
            if (strlen(attempt->name) == length && strncmp(attempt->name, verb, length) == 0)
                return attempt;
    return NULL;
}

/* In the process of the attempt: the errno goes through the pipe, since an exit status is too small for it.
 */
_Noreturn static void try_here(const struct attempt *attempt, const char *argument, int out)
{
    int r = attempt->run(argument);

    if (r < 0 && write(out, &r, sizeof(r)) != sizeof(r))
        _exit(ATTEMPT_UNCLEAR);
    _exit(r < 0 ? ATTEMPT_REFUSED : ATTEMPT_WORKED);
}

static int tell(const char *verb, int status, int error)
{
    if (WIFSIGNALED(status))
        (void)printf("%s killed SIG%s\n", verb, sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == ATTEMPT_WORKED)
        (void)printf("%s worked\n", verb);
    else if (WEXITSTATUS(status) == ATTEMPT_REFUSED)
        (void)printf("%s refused %s\n", verb, strerrorname_np(-error));
    else
        (void)printf("%s unclear\n", verb);
    (void)fflush(stdout);
    return WIFSIGNALED(status) ? ATTEMPT_REFUSED : WEXITSTATUS(status);
}

/* Returns the exit status of the attempt, or 2 if there is none of that name. */
static int try_verb(const char *verb)
{
    const struct attempt *attempt = find(verb);
    const char *argument = strchr(verb, '=');
    int ends[2], status, error = 0;
    pid_t pid;

    if (!attempt) {
        (void)fprintf(stderr, "escape: no attempt '%s'\n", verb);
        return 2;
    }
    if (pipe(ends) < 0)
        return ATTEMPT_UNCLEAR;
    pid = fork();
    if (pid == 0)
        try_here(attempt, argument ? argument + 1 : "", ends[1]);
    (void)close(ends[1]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return ATTEMPT_UNCLEAR;
    /* An attempt that goes on as another program has no more than its exit status. */
    if (read(ends[0], &error, sizeof(error)) != sizeof(error))
        error = -EPERM;
    (void)close(ends[0]);
    return tell(verb, status, error);
}

int main(int argc, char **argv)
{
    int worst = argc > 1 ? ATTEMPT_REFUSED : 2;

    for (int i = 1; i < argc; i++) {
        int r = try_verb(argv[i]);

        if (r == ATTEMPT_WORKED || (worst != ATTEMPT_WORKED && r > worst))
            worst = r;
    }
    return worst;
}
