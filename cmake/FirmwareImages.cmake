# SPDX-License-Identifier: Apache-2.0
#
# Images for the node's core, built beside everything else by a CMake of their own: another compiler. Their
# folders are firmware-<name> in the build folder.
include(ExternalProject)

# narrowgate_firmware_image(NAME SOURCE folder [CONFIGURE argument...])
function(narrowgate_firmware_image name)
    cmake_parse_arguments(PARSE_ARGV 1 IMAGE "" "SOURCE" "CONFIGURE")
    set(folder ${CMAKE_BINARY_DIR}/firmware-${name})
    ExternalProject_Add(firmware-${name}
        SOURCE_DIR ${IMAGE_SOURCE}
        BINARY_DIR ${folder}
        PREFIX ${folder}/external
        CONFIGURE_COMMAND ${CMAKE_COMMAND} -S <SOURCE_DIR> -B <BINARY_DIR> -G Ninja ${IMAGE_CONFIGURE}
            -DNARROWGATE_WERROR=${NARROWGATE_WERROR} -DNARROWGATE_DEPS=${NARROWGATE_DEPS}
            "-DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}"
        BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR>
        BUILD_ALWAYS ON
        INSTALL_COMMAND "")
endfunction()

foreach(board nucleo-f207zg qemu-netduino2)
    narrowgate_firmware_image(${board} SOURCE ${CMAKE_SOURCE_DIR}/firmware CONFIGURE --preset ${board})
endforeach()
narrowgate_firmware_image(certificate-client SOURCE ${CMAKE_SOURCE_DIR}/tests/bench/certificate_client)
add_custom_target(firmware_images DEPENDS firmware-nucleo-f207zg firmware-qemu-netduino2 firmware-certificate-client)
