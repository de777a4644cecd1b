/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 character at p: 1 to 4; 0 for none; -1 for one that the end of the string cuts. */
static int character_length(const unsigned char *p)
{
    int length;

    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        length = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        length = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        length = 4;
    else
        return 0;
    for (int i = 1; i < length; i++) {
        if (p[i] == '\0')
            return -1;
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates and what lies beyond U+10FFFF. */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

void launch_text_clean(char *text)
{
    while (*text) {
        int length = character_length((const unsigned char *)text);

        if (length < 0) {
            *text = '\0';
            return;
        }
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

int launch_failure_set(struct launch_failure *failure, enum launch_trouble trouble, enum launch_stage stage,
                       int error, const char *parameter, const char *format, ...)
{
    va_list ap;

    *failure =
        (struct launch_failure){ .trouble = trouble, .stage = stage, .error = error, .parameter = parameter };
    va_start(ap, format);
    (void)vsnprintf(failure->message, sizeof(failure->message), format, ap);
    va_end(ap);
    launch_text_clean(failure->message);
    return error;
}

const char *launch_stage_name(enum launch_stage stage)
{
    static const char *const names[] = {
        [LAUNCH_STAGE_NONE] = "none",         [LAUNCH_STAGE_REQUEST] = "request",
        [LAUNCH_STAGE_ROOT] = "root",         [LAUNCH_STAGE_USER] = "user",
        [LAUNCH_STAGE_PROGRAM] = "program",   [LAUNCH_STAGE_CLONE] = "clone",
        [LAUNCH_STAGE_POLICY] = "policy",     [LAUNCH_STAGE_NAMESPACE] = "namespace",
        [LAUNCH_STAGE_NETWORK] = "network",   [LAUNCH_STAGE_LAYERS] = "layers",
        [LAUNCH_STAGE_MOUNT] = "mount",       [LAUNCH_STAGE_PIVOT] = "pivot",
        [LAUNCH_STAGE_STDIO] = "stdio",       [LAUNCH_STAGE_LIMITS] = "limits",
        [LAUNCH_STAGE_IDENTITY] = "identity", [LAUNCH_STAGE_CWD] = "cwd",
        [LAUNCH_STAGE_SECCOMP] = "seccomp",   [LAUNCH_STAGE_EXEC] = "exec",
    };

    return (unsigned)stage < sizeof(names) / sizeof(names[0]) ? names[stage] : "unknown";
}
