# SPDX-License-Identifier: Apache-2.0
# czone-oci: its records, then the real program against a peer that answers as each test says.
if(TARGET czone_oci)
    add_executable(test_oci_record unit/test_oci_record.c)
    czone_defaults(test_oci_record)
    target_link_libraries(test_oci_record PRIVATE czone_oci PkgConfig::CHECK)
    add_test(NAME unit/oci/record COMMAND test_oci_record)

    # The peer of czonectl's tests, with another program to run.
    add_executable(test_oci_command unit/test_oci_command.c unit/ctl_peer.c)
    czone_defaults(test_oci_command)
    target_link_libraries(test_oci_command PRIVATE czone_proto PkgConfig::CHECK)
    target_compile_definitions(test_oci_command PRIVATE "CZONECTL=\"$<TARGET_FILE:czone-oci>\"")
    add_dependencies(test_oci_command czone-oci)
    add_test(NAME unit/oci/command COMMAND test_oci_command)
endif()
