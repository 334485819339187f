// SPDX-License-Identifier: Apache-2.0
//
// Where credentials are looked up that are not in memory yet, while a start is loading them.
#pragma once

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

// Thread: any; it makes its callers wait for each other if it must.
class CredentialShelf {
public:
    virtual ~CredentialShelf() = default;

    // Whether there is one that is in use; `out` is changed only then. Both may refuse when they are asked
    // too often: it is asked for by strangers.
    virtual bool find(ByteView identity, store::CredentialRow& out) = 0;
    virtual bool find(store::CredentialId credential, store::CredentialRow& out) = 0;
};

}  // namespace narrowgate::daemon
