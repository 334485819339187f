// SPDX-License-Identifier: Apache-2.0
//
// Lines of the log as entries of systemd's journal, with fields to filter by:
//   journalctl -u narrowgate NARROWGATE_UPSTREAM=aws
#pragma once

#include <memory>

#include "narrowgate/base/log.hpp"

namespace narrowgate::io {

// MESSAGE, PRIORITY and SYSLOG_IDENTIFIER of systemd.journal-fields(7); NARROWGATE_EVENT, and what of
// NARROWGATE_DEVICE, NARROWGATE_FLEET, NARROWGATE_UPSTREAM and MESSAGE_ID there is. What the journal does not
// take goes to standard error.
std::unique_ptr<LogSink> journal_sink();

// The journal where standard error is connected to it, else standard error: what a person started stays with
// that person.
std::unique_ptr<LogSink> journal_or_stderr();

}  // namespace narrowgate::io
