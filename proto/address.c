/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/address.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/sockaddr.h"

#define FORMS "expected vsock:CID[:PORT], hvsock:PATH[:PORT] or unix:PATH"

/* Decimal digits to uint32_t; no sign, space or leading zero, so that every address has one spelling. */
static bool parse_number(const char *text, size_t length, uint32_t *ret)
{
    uint64_t value = 0;

    if (length == 0 || length > 10 || (text[0] == '0' && length > 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value >= UINT32_MAX) /* VMADDR_CID_ANY, VMADDR_PORT_ANY */
        return false;
    *ret = (uint32_t)value;
    return true;
}

static int parse_port(const char *text, uint32_t *ret, struct reason *reason)
{
    if (!parse_number(text, strlen(text), ret) || *ret == 0)
        return reason_fail(reason, -EINVAL,
                           "'%s' is not a port: expected a decimal number from 1 to 4294967294", text);
    return 0;
}

static int parse_vsock(const char *text, struct address *address, struct reason *reason)
{
    size_t length = strcspn(text, ":");

    if (length == 0 && text[0] == '\0')
        return reason_fail(reason, -EINVAL,
                           "vsock: lacks a CID: expected vsock:CID[:PORT], the CID decimal or 'any'");
    address->cid = ADDRESS_ANY_CID;
    if (length > 0 && !(length == 3 && memcmp(text, "any", 3) == 0) &&
        !parse_number(text, length, &address->cid))
        return reason_fail(reason, -EINVAL,
                           "'%.*s' is not a CID: expected a decimal number below 4294967295, or 'any'",
                           (int)length, text);
    return text[length] == ':' ? parse_port(text + length + 1, &address->port, reason) : 0;
}

static int parse_path(const char *text, size_t length, struct address *address, struct reason *reason)
{
    if (length == 0)
        return reason_fail(reason, -EINVAL, "the path is empty: " FORMS);
    if (length > ADDRESS_PATH_MAX)
        return reason_fail(reason, -ENAMETOOLONG,
                           "the path '%.64s...' has %zu bytes: a Unix socket's path has at most %u", text,
                           length, ADDRESS_PATH_MAX);
    memcpy(address->path, text, length);
    address->path[length] = '\0';
    return 0;
}

static int parse_hvsock(const char *text, struct address *address, struct reason *reason)
{
    const char *colon = strrchr(text, ':');
    bool has_port = colon && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1);
    int r = has_port ? parse_port(colon + 1, &address->port, reason) : 0;

    if (r < 0)
        return r;
    return parse_path(text, has_port ? (size_t)(colon - text) : strlen(text), address, reason);
}

int address_parse(const char *text, struct address *ret, struct reason *reason)
{
    struct address address = { .port = ADDRESS_DEFAULT_PORT };
    int r;

    if (strncmp(text, "vsock:", 6) == 0) {
        address.type = ADDRESS_VSOCK;
        r = parse_vsock(text + 6, &address, reason);
    } else if (strncmp(text, "hvsock:", 7) == 0) {
        address.type = ADDRESS_HVSOCK;
        r = parse_hvsock(text + 7, &address, reason);
    } else if (strncmp(text, "unix:", 5) == 0) {
        address.type = ADDRESS_UNIX;
        address.abstract = text[5] == '@';
        r = parse_path(text + 5 + address.abstract, strlen(text + 5 + address.abstract), &address, reason);
    } else {
        r = reason_fail(reason, -EINVAL, "'%.100s' is not an address: " FORMS, text);
    }
    if (r == 0)
        *ret = address;
    return r;
}

const char *address_format(const struct address *address, char buffer[ADDRESS_TEXT_MAX])
{
    if (address->type == ADDRESS_UNIX)
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "unix:%s%s", address->abstract ? "@" : "", address->path);
    else if (address->type == ADDRESS_HVSOCK)
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "hvsock:%s:%" PRIu32, address->path, address->port);
    else if (address->cid == ADDRESS_ANY_CID)
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "vsock:any:%" PRIu32, address->port);
    else
        (void)snprintf(buffer, ADDRESS_TEXT_MAX, "vsock:%" PRIu32 ":%" PRIu32, address->cid, address->port);
    return buffer;
}

socklen_t sockaddr_of_address(const struct address *address, union sockaddr_any *ret)
{
    size_t length = strlen(address->path);

    *ret = (union sockaddr_any){ 0 };
    if (address->type == ADDRESS_VSOCK) {
        ret->vm = (struct sockaddr_vm){
            .svm_family = AF_VSOCK,
            .svm_cid = address->cid,
            .svm_port = address->port,
        };
        return sizeof(ret->vm);
    }
    ret->un.sun_family = AF_UNIX;
    /* An abstract name is everything up to the given length, behind a NUL. */
    memcpy(ret->un.sun_path + address->abstract, address->path, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}
