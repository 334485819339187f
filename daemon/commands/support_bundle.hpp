// SPDX-License-Identifier: Apache-2.0
//
// What a support bundle holds, and the file that it becomes: NAME.tar.gz with one folder NAME, a file a part
// and a manifest of them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/commands/output_file.hpp"
#include "daemon/commands/scrubber.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class SupportBundle {
public:
    static constexpr std::size_t kMostBytes = std::size_t{2} << 20;  // of a part, unless it says otherwise

    // What is too long loses its end, or its beginning where the end is newest.
    enum class Keep : std::uint8_t { kBeginning, kEnd };
    struct Part {
        std::string name;  // a file's, without a path
        std::string text;
        std::size_t most = kMostBytes;
        Keep keep = Keep::kBeginning;
        bool with_digests = false;  // Scrubber::scrub()
        bool cut = false;           // it was cut before it came here
    };

    void add(Part part);
    // One that was added, if it was.
    void take_out(std::string_view name, std::string why);
    void leave_out(std::string name, std::string why);

    // Nothing goes out that was not scrubbed: all at once, when every secret and name is known.
    void scrub(const Scrubber& scrubber);
    // A line a part, and a line for each that was left out.
    std::string manifest() const;
    // Packs all with tar(1). `name` is that of the folder.
    Expected<void> write(const std::string& name, OutputFile& file) const;
    const std::vector<Part>& parts() const { return parts_; }

private:
    struct LeftOut {
        std::string name;
        std::string why;
    };

    std::vector<Part> parts_;
    std::vector<LeftOut> left_out_;
};

}  // namespace narrowgate::daemon
