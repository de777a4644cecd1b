# SPDX-License-Identifier: Apache-2.0
foreach(noun address base64 client connection ending fields frame message output reason service size text)
    add_executable(test_proto_${noun} unit/test_proto_${noun}.c)
    czone_defaults(test_proto_${noun})
    target_link_libraries(test_proto_${noun} PRIVATE czone_proto PkgConfig::CHECK)
    add_test(NAME unit/proto/${noun} COMMAND test_proto_${noun})
endforeach()
