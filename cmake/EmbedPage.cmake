# SPDX-License-Identifier: Apache-2.0
#
# cmake -D OUT=FILE.cpp -D FOLDER=DIR -P EmbedPage.cmake: the status page's files as one C++ source.
set(entries "")
function(append_asset path type file)
    file(READ ${FOLDER}/${file} text)
    # Compilers promise 64 KiB of one literal, C++ programs less; literals that follow each other are one.
    string(LENGTH "${text}" length)
    set(at 0)
    set(literal "")
    while(at LESS length)
        string(SUBSTRING "${text}" ${at} 8000 piece)
        string(APPEND literal "\n        R\"~page~(${piece})~page~\"")
        math(EXPR at "${at} + 8000")
    endwhile()
    set(entries "${entries}    Asset{\"${path}\", \"${type}\", ${literal}},\n" PARENT_SCOPE)
endfunction()
append_asset("/" "text/html" page.html)
append_asset("/page.css" "text/css" page.css)
append_asset("/icon.svg" "image/svg+xml" icon.svg)
file(GLOB scripts RELATIVE ${FOLDER} ${FOLDER}/*.js)
foreach(script ${scripts})
    append_asset("/${script}" "text/javascript" ${script})
endforeach()
file(WRITE ${OUT} "// Made by cmake/EmbedPage.cmake.
#include \"daemon/api/page.hpp\"

#include <array>

namespace narrowgate::daemon {
namespace {

constexpr std::array kAssets = {
${entries}};

}  // namespace

std::span<const Asset> assets() {
    return kAssets;
}

}  // namespace narrowgate::daemon
")
