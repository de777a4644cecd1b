# SPDX-License-Identifier: Apache-2.0
# Every library from outside, each only where a built part needs it. The names are Debian's pkg-config modules.
find_package(PkgConfig REQUIRED)

pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)
if(CZONE_GUEST)
    pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-3.0>=3.5)
    pkg_check_modules(LIBNL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0>=3.5)
    pkg_check_modules(LIBCGROUP REQUIRED IMPORTED_TARGET libcgroup>=2.0)
    pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
endif()
if(CZONE_GUEST OR CZONE_HOST)
    pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core>=2.1)
endif()
if(CZONE_TESTS)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check>=0.15)
endif()
