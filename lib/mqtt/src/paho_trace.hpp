// SPDX-License-Identifier: Apache-2.0
//
// What paho's own trace tells about TLS: alerts, encrypted ones too, and a host name that does not match.
// There is no other way to learn them: its error handler for TLS is broken in this version (a pointer into a
// dead copy of the options).
#pragma once

#include <string>
#include <vector>

namespace narrowgate::mqtt {

// The trace is on while any of these lives. paho has one trace for the whole process and does not say which
// client a line is about; but it calls a client's failure callback from the call in which TLS failed.
// Thread: any.
class PahoTrace {
public:
    PahoTrace();
    ~PahoTrace();
    PahoTrace(const PahoTrace&) = delete;
    PahoTrace& operator=(const PahoTrace&) = delete;

    // The lines of this thread since they were last taken, at most a few: "SSL alert read:fatal:unknown CA",
    // "X509_check_host for hostname broker.example failed, rc 0". In a failure callback, those of that
    // failure.
    static std::vector<std::string> take_lines();
};

}  // namespace narrowgate::mqtt
