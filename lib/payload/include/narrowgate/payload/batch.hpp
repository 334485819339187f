// SPDX-License-Identifier: Apache-2.0
//
// Many readings in one message: what they share is said once, each is a row. Clouds meter messages by the
// kilobyte; a row is 40 to 60 bytes where an envelope is 300.
//
//   {"batch":1,"gateway":"gw-1","store":"0f8c…","from":1772366400,
//    "sources":[{"fleet":"water-meters","resource":"telemetry","content_format":112}],
//    "series":[{"n":"urn:dev:{device}:volume","u":"m3"}],
//    "rows":[[42,"wm-0001",0.123,0,[[0,17.25],[0,17.5,-60]]],
//            [43,"wm-0002",1.5,0,[[0,3.25]]]]}
//
//   batch    the version of this form
//   from     whole seconds since 1970; every other time counts from here
//   row      [number, device, received, source, content]; the reading's id, the same on every redelivery, is
//            `store`, "-", `number`; a number that is a string is the whole id
//   source   index into `sources`
//   content  of SenML an array of records [series, value] or [series, value, time]; a record without a time
//            was made when its reading was received; a fourth member, an object, holds what few packs have:
//            s, ut and bver (RFC 8428 section 5). Of other formats an object with the one member `value`,
//            `text` or `base64` that an envelope has (envelope.hpp)
//   series   name, with "{device}" in place of the device's name; unit; "k":"vs", "vb", "vd" or "s" when the
//            value is text, a boolean, base64url, or nothing but a sum
//
// docs/aws.md shows how to take a batch apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::payload {

// Thread: one.
class Batch {
public:
    // `max_bytes` of JSON, all of it; a first reading that is larger by itself is taken all the same, so that
    // a batch of one is always possible.
    Batch(std::string_view gateway, std::size_t max_bytes);

    // Takes a reading in, behind those before it. False when it does not fit: nothing has changed.
    bool add(const Reading& reading);

    std::size_t rows() const { return rows_; }
    std::size_t bytes() const;  // of finish()
    // One JSON object, UTF-8, no trailing newline. Only when there are rows; the batch is over then.
    std::string finish();

private:
    class RowForm;
    // What a record's series was written from, and its index.
    struct KnownSeries {
        std::string before;  // of the name, in front of the device's
        std::string after;
        std::string unit;
        bool has_device = false;
        char kind = 0;
        std::size_t index = 0;
    };

    struct LastSource {
        std::string fleet;
        std::string resource;
        std::optional<ContentFormat> content_format;
        std::size_t index = 0;
    };

    std::size_t source_of(const Reading& reading);
    void append_content(const Reading& reading);

    const std::size_t max_bytes_;
    std::string head_;
    std::string store_;  // of the first reading's id
    std::int64_t from_ = 0;
    std::string sources_;
    std::string series_;
    std::string row_texts_;
    std::size_t rows_ = 0;
    // What each source and series is, as it stands in the arrays, and its index.
    std::map<std::string, std::size_t, std::less<>> source_indexes_;
    std::map<std::string, std::size_t, std::less<>> series_indexes_;
    std::optional<LastSource> last_source_;  // readings of one source come in runs
    // By a record's place in its pack: readings of one source are alike.
    std::vector<KnownSeries> known_series_;
    std::string series_entry_;  // used again and again, for its memory
};

}  // namespace narrowgate::payload
