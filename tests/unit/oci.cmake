# SPDX-License-Identifier: Apache-2.0
# czone-oci: its records, then the real program against a peer that answers as each test says.
if(TARGET czone_oci)
    add_executable(test_oci_record unit/test_oci_record.c)
    czone_defaults(test_oci_record)
    target_link_libraries(test_oci_record PRIVATE czone_oci PkgConfig::CHECK)
    add_test(NAME unit/oci/record COMMAND test_oci_record)

    # The peer of czonectl's tests, with another program to run.
    add_library(test_oci_peer STATIC unit/oci_peer.c unit/ctl_peer.c)
    czone_defaults(test_oci_peer)
    target_link_libraries(test_oci_peer PUBLIC czone_proto PkgConfig::CHECK)
    target_compile_definitions(test_oci_peer PRIVATE "CZONECTL=\"$<TARGET_FILE:czone-oci>\"")
    foreach(noun command exec stand_in)
        add_executable(test_oci_${noun} unit/test_oci_${noun}.c)
        czone_defaults(test_oci_${noun})
        target_link_libraries(test_oci_${noun} PRIVATE test_oci_peer)
        add_dependencies(test_oci_${noun} czone-oci)
        add_test(NAME unit/oci/${noun} COMMAND test_oci_${noun})
    endforeach()
endif()
