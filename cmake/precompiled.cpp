// SPDX-License-Identifier: Apache-2.0
//
// The source that a target must have to own a precompiled header.
#include "precompiled.hpp"
