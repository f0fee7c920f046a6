// Failures: error codes, the result of a function, and the exception. Include <callrec.hpp>.
#ifndef CALLREC_ERROR_HPP
#define CALLREC_ERROR_HPP

#include <callrec/constants.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

/// 1 if the exception layer exists: `result::value` and `callrec::exception`. It does not with
/// `-fno-exceptions`. Everything else is the same in both modes.
#ifndef CALLREC_EXCEPTIONS
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define CALLREC_EXCEPTIONS 1
#else
#define CALLREC_EXCEPTIONS 0
#endif
#endif

namespace callrec {

/// Describes a status in words. The text is static.
inline std::string_view to_string(status code) noexcept { return rec_status_text(static_cast<rec_status>(code)); }

namespace detail {

class status_category final : public std::error_category {
public:
    const char *name() const noexcept override { return "callrec"; }
    std::string message(int code) const override { return rec_status_text(static_cast<rec_status>(code)); }
    std::error_condition default_error_condition(int code) const noexcept override
    {
        switch (static_cast<status>(code)) {
        case status::invalid_argument: return std::errc::invalid_argument;
        case status::forbidden: return std::errc::permission_denied;
        case status::no_space: return std::errc::no_space_on_device;
        case status::io: return std::errc::io_error;
        case status::unsupported: return std::errc::not_supported;
        case status::in_callback: return std::errc::resource_deadlock_would_occur;
        case status::timeout: return std::errc::timed_out;
        case status::exists: return std::errc::file_exists;
        case status::busy: return std::errc::device_or_resource_busy;
        default: return {code, *this};
        }
    }
};

} // namespace detail

/// The category of callrec's error codes.
inline const std::error_category &category() noexcept
{
    static const detail::status_category instance;
    return instance;
}

/// Makes an error code of a status. `status` also converts to `std::error_code` by itself.
inline std::error_code make_error_code(status code) noexcept { return {static_cast<int>(code), category()}; }

/// The details of a failure: a `rec_error`.
///
/// It owns its texts, is a plain value of about 800 bytes, and never throws.
class failure {
public:
    failure() noexcept = default;
    /// A failure of this layer itself, which has no details but a message.
    explicit failure(callrec::status code, std::string_view message = {}) noexcept
    {
        error_.status = static_cast<rec_status>(code);
        error_.reason = -1;
        const std::size_t length = message.copy(error_.message, sizeof error_.message - 1);
        error_.message[length] = '\0';
    }

    /// What failed. `status::ok` if nothing did.
    callrec::status status() const noexcept { return static_cast<callrec::status>(error_.status); }
    /// The status as an error code of `callrec::category()`.
    std::error_code code() const noexcept { return make_error_code(status()); }
    /// Imagicle's BadRequestReason, or -1.
    int reason() const noexcept { return error_.reason; }
    /// With `status::not_monitorable`, the device name of the line.
    std::string_view device_name() const noexcept { return error_.device_name; }
    /// A message for people, which names the parameter and its value. The text may be "".
    std::string_view message() const noexcept { return error_.message; }
    /// The C struct, for functions of callrec.h.
    rec_error *native() noexcept { return &error_; }
    const rec_error *native() const noexcept { return &error_; }

private:
    rec_error error_ = REC_INIT(rec_error);
};

#if CALLREC_EXCEPTIONS
/// The exception that `result::value` throws. `code()` is the status, `what()` the message.
///
/// Copying it does not throw.
class exception : public std::system_error {
public:
    explicit exception(const failure &details)
        : std::system_error(details.code(), std::string(details.message())), details_(details)
    {
    }

    /// The status, the reason and the texts.
    const failure &details() const noexcept { return details_; }

private:
    failure details_;
};
#endif

/// What a function returned: a value, or the failure that prevented it. Like `std::expected`.
///
/// A program without exceptions asks `if (result)` and reads `*result` or `result.error()`. A
/// program with exceptions calls `value()`, which throws `callrec::exception` after a failure.
/// It owns the value: if that is a handle, the handle's object ends with the result unless it is
/// moved out (`std::move(result).value()`, `std::move(*result)`).
template <class T> class [[nodiscard]] result {
public:
    /// A success.
    result(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : value_(std::move(value)) {}
    /// A failure. Its status must not be `status::ok`.
    result(const failure &details) noexcept : failure_(details) {}
    result(callrec::status code, std::string_view message) noexcept : failure_(code, message) {}

    explicit operator bool() const noexcept { return value_.has_value(); }
    bool has_value() const noexcept { return value_.has_value(); }
    /// `status::ok`, or what failed.
    callrec::status status() const noexcept { return failure_.status(); }
    std::error_code code() const noexcept { return failure_.code(); }
    /// The details. After a success, its status is `status::ok`.
    const failure &error() const noexcept { return failure_; }

    /// The value. Only after a success.
    T &operator*() & noexcept { return *value_; }
    const T &operator*() const & noexcept { return *value_; }
    /// By value, so that `for (auto recording : *engine.list())` is safe.
    T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) { return std::move(*value_); }
    T *operator->() noexcept { return &*value_; }
    const T *operator->() const noexcept { return &*value_; }
    /// The value, or another one after a failure.
    template <class Other> T value_or(Other &&other) &&
    {
        return value_ ? std::move(*value_) : static_cast<T>(std::forward<Other>(other));
    }

#if CALLREC_EXCEPTIONS
    /// The value. Throws `callrec::exception` after a failure.
    T &value() &
    {
        check();
        return *value_;
    }
    const T &value() const &
    {
        check();
        return *value_;
    }
    T value() &&
    {
        check();
        return std::move(*value_);
    }
#endif

private:
#if CALLREC_EXCEPTIONS
    void check() const
    {
        if (!value_)
            throw exception(failure_);
    }
#endif
    std::optional<T> value_;
    failure failure_;
};

/// What a function returned that has no value.
template <> class [[nodiscard]] result<void> {
public:
    result() noexcept = default;
    result(const failure &details) noexcept : failure_(details) {}
    result(callrec::status code, std::string_view message) noexcept : failure_(code, message) {}

    explicit operator bool() const noexcept { return has_value(); }
    bool has_value() const noexcept { return status() == callrec::status::ok; }
    callrec::status status() const noexcept { return failure_.status(); }
    std::error_code code() const noexcept { return failure_.code(); }
    const failure &error() const noexcept { return failure_; }

#if CALLREC_EXCEPTIONS
    /// Throws `callrec::exception` after a failure.
    void value() const
    {
        if (!has_value())
            throw exception(failure_);
    }
#endif

private:
    failure failure_;
};

#if CALLREC_EXCEPTIONS
/// Throws `callrec::exception` unless a status is `status::ok`: for the functions that return a
/// plain status, such as `feed::write`.
inline void check(status code)
{
    if (code != status::ok)
        throw exception(failure(code, to_string(code)));
}
#endif

namespace detail {

inline status to_status(rec_status code) noexcept { return static_cast<status>(code); }

/// Calls a C function that fills in a `rec_error`.
template <class Function> result<void> attempt(Function &&function) noexcept
{
    failure details;
    return function(details.native()) == REC_OK ? result<void>() : result<void>(details);
}

/// As `attempt`, for a function with an output: `function(out, error)`. `Value` is made of the
/// output.
template <class Value, class Output, class Function> result<Value> attempt_with(Output output, Function &&function) noexcept
{
    failure details;
    if (function(&output, details.native()) != REC_OK)
        return details;
    return Value(output);
}

} // namespace detail

} // namespace callrec

template <> struct std::is_error_code_enum<callrec::status> : std::true_type {};

#endif
