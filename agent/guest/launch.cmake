# SPDX-License-Identifier: Apache-2.0
# The native launcher (launch.h), apart from the rest of czoned so that its tests link nothing else. A program that links it also
# links czone_static, for czone_policy_apply(), and czone_proto.
add_library(czone_launch_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/launch_child.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_dev.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_extra_mounts.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_failure.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_filter.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_guest_mounts.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_identity.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_image.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_join.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_json.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_layers.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_mount.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_network.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_path.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_parts.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_plan.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_process.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_program.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_rehearsal.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_report.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_rlimit.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_root.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_stdio.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_tree.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_user.c)
czone_defaults(czone_launch_objects)
target_include_directories(czone_launch_objects PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(czone_launch_objects PUBLIC PkgConfig::JANSSON PkgConfig::LIBNL_ROUTE)

# The filter is compiled by czoned, and handed to keepers, which do without libseccomp.
add_library(czone_seccomp_objects OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/launch_seccomp.c
    ${CMAKE_CURRENT_LIST_DIR}/launch_syscalls.c)
czone_defaults(czone_seccomp_objects)
target_include_directories(czone_seccomp_objects PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(czone_seccomp_objects PRIVATE PkgConfig::JANSSON PUBLIC PkgConfig::SECCOMP)
