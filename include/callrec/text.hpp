// Conversions of arguments: texts, sizes, times and buffers. Include <callrec.hpp>.
#ifndef CALLREC_TEXT_HPP
#define CALLREC_TEXT_HPP

#include <callrec/error.hpp>

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>

namespace callrec {

/// A pointer and a number of elements. It owns nothing. Every container with contiguous elements
/// converts to it, among them `std::span`.
///
/// It is not `std::span`, so that a program may mix files of C++17 and C++20.
template <class T> class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class Container, class Data = decltype(std::data(std::declval<Container &>())), class = decltype(std::size(std::declval<Container &>())),
              class = std::enable_if_t<std::is_convertible_v<std::remove_pointer_t<Data> (*)[], T (*)[]>>>
    constexpr span(Container &&container) noexcept : data_(std::data(container)), size_(std::size(container))
    {
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/// Copies of texts, each with a NUL, for the duration of one C call.
///
/// A view without data (`std::string_view()`) becomes NULL, and "" becomes "". A text that
/// contains a NUL is refused, because C would read only the part before it. Up to 256 bytes are
/// on the stack; more come from the heap, and a refusal of memory is `status::limit`.
class c_texts {
public:
    struct item {
        std::string_view text;
        const char **target;
    };

    c_texts(std::initializer_list<item> items) noexcept
    {
        std::size_t size = 0;
        for (const item &each : items) {
            if (each.text.find('\0') != std::string_view::npos) {
                fail(status::invalid_argument, "a text contains a NUL");
                return;
            }
            size += each.text.size() + 1;
        }
        char *next = inline_;
        if (size > sizeof inline_) {
            heap_.reset(new (std::nothrow) char[size]);
            next = heap_.get();
            if (next == nullptr) {
                fail(status::limit, "the system refuses memory");
                return;
            }
        }
        for (const item &each : items) {
            *each.target = nullptr;
            if (each.text.data() == nullptr)
                continue;
            *each.target = next;
            if (!each.text.empty())
                std::memcpy(next, each.text.data(), each.text.size());
            next += each.text.size();
            *next++ = '\0';
        }
    }
    c_texts(const c_texts &) = delete;
    c_texts &operator=(const c_texts &) = delete;

    bool ok() const noexcept { return failure_.status() == status::ok; }
    const failure &error() const noexcept { return failure_; }

private:
    void fail(status code, std::string_view message) noexcept { failure_ = failure(code, message); }

    failure failure_;
    std::unique_ptr<char[]> heap_;
    char inline_[256];
};

/// One text with a NUL.
class c_text {
public:
    explicit c_text(std::string_view text) noexcept : texts_{{text, &pointer_}} {}
    bool ok() const noexcept { return texts_.ok(); }
    const failure &error() const noexcept { return texts_.error(); }
    const char *get() const noexcept { return pointer_; }

private:
    const char *pointer_ = nullptr;
    c_texts texts_;
};

/// A text that came from the library. NULL becomes "".
inline std::string_view from_c(const char *text) noexcept { return text == nullptr ? std::string_view("") : std::string_view(text); }

/// A duration as a number of 32 bits: negative ones become 0, and too long ones the largest.
template <class Rep, class Period> std::uint32_t to_limit(std::chrono::duration<Rep, Period> limit) noexcept
{
    constexpr std::int64_t largest = std::numeric_limits<std::uint32_t>::max();
    const std::int64_t count = limit.count();
    return static_cast<std::uint32_t>(count < 0 ? 0 : count > largest ? largest : count);
}

/// Whether a duration fits into the 32 bits of a C member.
inline bool fits(milliseconds duration) noexcept
{
    return duration.count() >= 0 && duration.count() <= static_cast<std::int64_t>(std::numeric_limits<std::uint32_t>::max());
}

inline time_point to_time(std::int64_t ms) noexcept { return time_point(milliseconds(ms)); }
inline std::int64_t from_time(time_point time) noexcept { return time.time_since_epoch().count(); }

/// A duration that the library counts in 64 bits.
inline milliseconds to_duration(std::uint64_t ms) noexcept { return milliseconds(static_cast<std::int64_t>(ms)); }

} // namespace detail

} // namespace callrec

#endif
