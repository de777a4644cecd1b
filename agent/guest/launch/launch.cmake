# SPDX-License-Identifier: Apache-2.0
# The native launcher (launch.h), apart from the rest of czoned so that its tests link nothing else. A program that links it also
# links czone_static, for czone_policy_apply(), and czone_proto.
add_library(czone_launch_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/briefing.c
    ${CMAKE_CURRENT_LIST_DIR}/child.c
    ${CMAKE_CURRENT_LIST_DIR}/clone.c
    ${CMAKE_CURRENT_LIST_DIR}/dev.c
    ${CMAKE_CURRENT_LIST_DIR}/extra_mounts.c
    ${CMAKE_CURRENT_LIST_DIR}/failure.c
    ${CMAKE_CURRENT_LIST_DIR}/filter.c
    ${CMAKE_CURRENT_LIST_DIR}/guest_mounts.c
    ${CMAKE_CURRENT_LIST_DIR}/identity.c
    ${CMAKE_CURRENT_LIST_DIR}/image.c
    ${CMAKE_CURRENT_LIST_DIR}/join.c
    ${CMAKE_CURRENT_LIST_DIR}/json.c
    ${CMAKE_CURRENT_LIST_DIR}/layers.c
    ${CMAKE_CURRENT_LIST_DIR}/mask.c
    ${CMAKE_CURRENT_LIST_DIR}/mount.c
    ${CMAKE_CURRENT_LIST_DIR}/network.c
    ${CMAKE_CURRENT_LIST_DIR}/path.c
    ${CMAKE_CURRENT_LIST_DIR}/parts.c
    ${CMAKE_CURRENT_LIST_DIR}/plan.c
    ${CMAKE_CURRENT_LIST_DIR}/proc.c
    ${CMAKE_CURRENT_LIST_DIR}/process.c
    ${CMAKE_CURRENT_LIST_DIR}/program.c
    ${CMAKE_CURRENT_LIST_DIR}/rehearsal.c
    ${CMAKE_CURRENT_LIST_DIR}/report.c
    ${CMAKE_CURRENT_LIST_DIR}/rlimit.c
    ${CMAKE_CURRENT_LIST_DIR}/root.c
    ${CMAKE_CURRENT_LIST_DIR}/runtime.c
    ${CMAKE_CURRENT_LIST_DIR}/scratch.c
    ${CMAKE_CURRENT_LIST_DIR}/shared.c
    ${CMAKE_CURRENT_LIST_DIR}/skeleton.c
    ${CMAKE_CURRENT_LIST_DIR}/standby.c
    ${CMAKE_CURRENT_LIST_DIR}/stdio.c
    ${CMAKE_CURRENT_LIST_DIR}/sys.c
    ${CMAKE_CURRENT_LIST_DIR}/tree.c
    ${CMAKE_CURRENT_LIST_DIR}/user.c
    ${CMAKE_CURRENT_LIST_DIR}/userns.c
    ${CMAKE_CURRENT_LIST_DIR}/users.c)
czone_defaults(czone_launch_objects)
target_include_directories(czone_launch_objects PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(czone_launch_objects PUBLIC PkgConfig::JANSSON PkgConfig::LIBNL_ROUTE)

# The filter is compiled by czoned, and handed to keepers, which do without libseccomp.
add_library(czone_seccomp_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/seccomp.c
    ${CMAKE_CURRENT_LIST_DIR}/syscalls.c)
czone_defaults(czone_seccomp_objects)
target_include_directories(czone_seccomp_objects PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(czone_seccomp_objects PRIVATE PkgConfig::JANSSON PUBLIC PkgConfig::SECCOMP)
