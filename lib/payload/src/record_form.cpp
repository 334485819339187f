// SPDX-License-Identifier: Apache-2.0
#include "record_form.hpp"

#include <fmt/format.h>

#include <iterator>

#include "json_text.hpp"

namespace narrowgate::payload {

void SenmlJsonForm::append(const ResolvedRecord& record, std::string& out) {
    out += "{\"n\":";
    append_json_string(out, record.name);
    if (!record.unit.empty()) {
        out += ",\"u\":";
        append_json_string(out, record.unit);
    }
    if (record.value) {
        out += ",\"v\":";
        record.value->append_to(out);
    } else if (record.text) {
        out += ",\"vs\":";
        append_json_string(out, *record.text);
    } else if (record.data) {
        out += ",\"vd\":";
        append_json_string(out, *record.data);
    } else if (record.boolean) {
        out += *record.boolean ? ",\"vb\":true" : ",\"vb\":false";
    }
    if (record.sum) {
        out += ",\"s\":";
        record.sum->append_to(out);
    }
    out += ",\"t\":";
    record.time.append_to(out);
    if (record.update_time) {
        out += ",\"ut\":";
        record.update_time->append_to(out);
    }
    // Section 4.6: the version stays in resolved records unless it is the default.
    if (record.version) fmt::format_to(std::back_inserter(out), ",\"bver\":{}", *record.version);
    out += '}';
}

}  // namespace narrowgate::payload
