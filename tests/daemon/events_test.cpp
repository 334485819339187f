// SPDX-License-Identifier: Apache-2.0
#include "daemon/events.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "narrowgate/store/events.hpp"

namespace narrowgate::daemon {
namespace {

std::vector<LogEvent> all_events() {
    std::vector<LogEvent> events(std::begin(kEvents), std::end(kEvents));
    events.insert(events.end(), std::begin(store::kEvents), std::end(store::kEvents));
    return events;
}

std::string_view words_of(LogLevel level) {
    return level == LogLevel::kError ? "error" : level == LogLevel::kWarning ? "warning" : "info";
}

std::string_view fields_of(About about) {
    switch (about) {
        case About::kGateway:
            return "";
        case About::kFleet:
            return "fleet";
        case About::kDevice:
            return "device, fleet";
        case About::kUpstream:
            return "upstream";
    }
    return "";
}

std::string cell(std::string_view text) {
    return text.empty() ? " " : fmt::format(" {} ", text);
}

std::string row_of(const LogEvent& event) {
    return fmt::format("| `{}` | {} |{}| {} |{}|", event.name, words_of(event.level),
                       cell(fields_of(event.about)), event.when, cell(event.cure));
}

std::vector<std::string> lines_of_the_page(std::string_view prefix) {
    std::ifstream file(NARROWGATE_SOURCE_DIRECTORY "/docs/events.md");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(prefix)) lines.push_back(line);
    return lines;
}

TEST(EventsTest, AreThoseOfTheirPage) {
    std::vector<std::string> rows;
    for (const LogEvent& event : all_events())
        rows.push_back(row_of(event));
    EXPECT_THAT(lines_of_the_page("| `"), testing::UnorderedElementsAreArray(rows));
}

TEST(EventsTest, MessageIdsAreThoseOfTheirPage) {
    std::vector<std::string> ids;
    for (const LogEvent& event : all_events())
        if (!event.message_id.empty()) ids.push_back(fmt::format("    {}  {}", event.message_id, event.name));
    EXPECT_THAT(lines_of_the_page("    "), testing::IsSupersetOf(ids));
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
}

// Each room sees to its own; nobody but this sees both.
TEST(EventsTest, NoTwoRoomsHaveTheSame) {
    std::set<std::string_view> names;
    std::set<std::string_view> ids;
    for (const LogEvent& event : all_events()) {
        EXPECT_TRUE(names.insert(event.name).second) << event.name;
        if (event.message_id.empty()) continue;
        EXPECT_TRUE(ids.insert(event.message_id).second) << event.name;
    }
}

}  // namespace
}  // namespace narrowgate::daemon
