// Callables as callbacks of the C API. Include <callrec.hpp>.
#ifndef CALLREC_CALLBACK_HPP
#define CALLREC_CALLBACK_HPP

#include <callrec/text.hpp>

#include <atomic>
#if CALLREC_EXCEPTIONS
#include <exception>
#endif

namespace callrec {

#if CALLREC_EXCEPTIONS
/// Receives an exception that a callback threw, on the thread of that callback. `where` says which
/// kind of callback it was, such as "event". What the handler throws is dropped.
using exception_handler = void (*)(std::exception_ptr thrown, const char *where);
#endif

namespace detail {

inline std::atomic<std::uint64_t> thrown_exceptions{0};

#if CALLREC_EXCEPTIONS
inline std::atomic<exception_handler> handler_of_exceptions{nullptr};

/// Counts and reports the current exception. Only in a catch block.
inline void report_exception(const char *where) noexcept
{
    thrown_exceptions.fetch_add(1, std::memory_order_relaxed);
    if (const exception_handler handler = handler_of_exceptions.load()) {
        try {
            handler(std::current_exception(), where);
        } catch (...) {
        }
    }
}
#endif

/// Runs a function of the host. Returns `otherwise` if it throws: an exception must not unwind
/// through the library, which is written in Rust.
///
/// `Catches` keeps apart the code of files that are compiled with and without exceptions.
template <bool Catches, class Result, class Function> Result guarded([[maybe_unused]] const char *where, [[maybe_unused]] Result otherwise, Function &&function) noexcept
{
#if CALLREC_EXCEPTIONS
    try {
        return function();
    } catch (...) {
        report_exception(where);
        return otherwise;
    }
#else
    return function();
#endif
}

/// As `guarded`, for a function without a result.
template <bool Catches, class Function> void guarded(const char *where, Function &&function) noexcept
{
    guarded<Catches>(where, 0, [&function] {
        function();
        return 0;
    });
}

/// Copies or moves a callable to the heap. Returns NULL if the system refuses memory.
template <class Callable, class Given> Callable *store(Given &&given) { return new (std::nothrow) Callable(std::forward<Given>(given)); }

/// The `rec_free_fn` of a callable that `store` made.
template <class Callable> void free_stored(void *user_data) noexcept { delete static_cast<Callable *>(user_data); }

/// The failure of `store`.
inline failure no_memory() noexcept { return failure(status::limit, "the system refuses memory"); }

} // namespace detail

/// The number of exceptions that callbacks of this process have thrown. Each was caught.
///
/// Any thread may call it. Modules that hide their symbols count separately.
inline std::uint64_t callback_exceptions() noexcept { return detail::thrown_exceptions.load(std::memory_order_relaxed); }

#if CALLREC_EXCEPTIONS
/// Sets the function that receives exceptions of callbacks, in place of the previous one, which
/// it returns. NULL means none: exceptions are then only counted. Any thread may call it.
inline exception_handler set_exception_handler(exception_handler handler) noexcept { return detail::handler_of_exceptions.exchange(handler); }
#endif

} // namespace callrec

#endif
