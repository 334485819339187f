// SPDX-License-Identifier: Apache-2.0
//
// Takes secrets out of texts that leave the house, and puts other names in the place of devices' names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class Scrubber {
public:
    // Draws a key: the same name becomes the same other name in all texts of this scrubber, and in no other.
    Scrubber();

    // Found wherever it stands as it is, in hexadecimal or in base64. Shorter than 8 bytes it is not looked
    // for.
    void add_secret(ByteView secret);
    // The same of a file's text: its lines, and for PEM what they say.
    void add_secret_text(std::string_view text);
    void add_name(std::string_view name);
    std::string other_name(std::string_view name) const;

    // What the text says without: what was added; private keys in PEM; what is assigned to a name such as
    // "psk" or "password" (paths of files stay: "key_file"); user and password in a URL; runs of 24
    // hexadecimal digits or more, and of 22 letters and digits or more that look like base64. Fingerprints of
    // certificates are such runs: `with_digests` leaves hexadecimal ones.
    std::string scrub(std::string text, bool with_digests = false) const;

private:
    std::string with_other_names(std::string_view text) const;

    Secret key_;
    std::vector<Secret> needles_;
    std::unordered_set<std::string> names_;
    std::vector<std::string> odd_names_;  // that are not of a word's characters
};

}  // namespace narrowgate::daemon
