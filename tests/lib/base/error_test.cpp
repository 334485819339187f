// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace narrowgate {
namespace {

TEST(ErrorTest, SaysWhatIsWrongAndWhatToDo) {
    const Expected<int> with_cure = failure("port 5684 is in use", "stop the other daemon");
    ASSERT_FALSE(with_cure);
    EXPECT_EQ(with_cure.error().text(), "port 5684 is in use; stop the other daemon");
    EXPECT_EQ(Expected<int>(failure("gone")).error().text(), "gone");
}

TEST(ErrorTest, NamesTheSystemsErrors) {
    EXPECT_EQ(system_message(ENOENT), "No such file or directory");
    EXPECT_NE(system_message(EACCES), system_message(EADDRINUSE));
}

}  // namespace
}  // namespace narrowgate
