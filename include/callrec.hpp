// The C++ API of callrec, a recorder of live telephone calls. MIT OR Apache-2.0.
//
// A header-only layer over callrec.h, for C++17 and later. callrec.h describes what each function
// does; this layer adds ownership, types and errors:
//
// - `config`, `engine`, `call`, `feed`, `subscription`, `gateway`, `snapshot` and `http_response`
//   own their object and end it in the destructor. They can be moved, but not copied, and be
//   destroyed in any order. `engine_ref`, `call_ref`, `feed_ref`, `subscription_ref` and
//   `gateway_ref` refer to an object without owning it; an owner converts to its reference.
// - Functions return `result<T>`: a value or a `failure`. `value()` throws `callrec::exception`
//   after a failure. Functions for real-time threads return a plain `status`.
// - Callables become callbacks. What they throw is caught before it reaches the library.
// - With `-fno-exceptions`, `value()` and `exception` do not exist, and the rest is the same.
#ifndef CALLREC_HPP
#define CALLREC_HPP

#include <callrec/callback.hpp>
#include <callrec/codec.hpp>
#include <callrec/config.hpp>
#include <callrec/constants.hpp>
#include <callrec/control.hpp>
#include <callrec/engine.hpp>
#include <callrec/error.hpp>
#include <callrec/gateway.hpp>
#include <callrec/handle.hpp>
#include <callrec/options.hpp>
#include <callrec/text.hpp>
#include <callrec/views.hpp>

#endif
