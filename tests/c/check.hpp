// Helpers of the C++ tests. Include after <callrec.hpp>. They need no exceptions.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

inline std::atomic<int> failures{0};

// A failed check does not end the program, so that one run shows every failure.
inline bool check(const char *file, int line, const char *what, bool holds)
{
    if (!holds) {
        ++failures;
        std::fprintf(stderr, "%s:%d: FAILED: %s\n", file, line, what);
    }
    return holds;
}
#define CHECK(...) check(__FILE__, __LINE__, #__VA_ARGS__, (__VA_ARGS__))

inline callrec::status outcome_of(callrec::status status) { return status; }
template <class T> callrec::status outcome_of(const callrec::result<T> &result) { return result.status(); }

// Checks the status of a call, which may return a status or a result.
template <class Outcome> bool expect(const char *file, int line, const char *what, const Outcome &outcome, callrec::status expected)
{
    const callrec::status got = outcome_of(outcome);
    if (got == expected)
        return true;
    ++failures;
    std::fprintf(stderr, "%s:%d: FAILED: %s: %s (%d)\n", file, line, what, callrec::to_string(got).data(), static_cast<int>(got));
    return false;
}
#define EXPECT(expected, ...) expect(__FILE__, __LINE__, #__VA_ARGS__, (__VA_ARGS__), (expected))
#define OK(...) EXPECT(callrec::status::ok, __VA_ARGS__)

// The value of a result. Ends the program after a failure.
template <class T> T must(callrec::result<T> result)
{
    if (result)
        return *std::move(result);
    std::fprintf(stderr, "giving up: %s: %s\n", callrec::to_string(result.status()).data(), result.error().message().data());
    std::exit(1);
}

inline int summary(const char *name)
{
    std::fprintf(stderr, "%s: %s (%d failures)\n", name, failures == 0 ? "passed" : "FAILED", failures.load());
    return failures == 0 ? 0 : 1;
}

// Something that happens on another thread some number of times.
class counter {
public:
    void add()
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    // Waits up to 20 s until it has happened this many times.
    bool wait_for(unsigned count)
    {
        std::unique_lock<std::mutex> lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_ >= count; });
    }
    unsigned count()
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        return count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned count_ = 0;
};

// An engine on the directory "<base>/<name>", in stream time.
inline callrec::config settings(const char *base, const char *name)
{
    callrec::config config = must(callrec::config::create());
    OK(config.set("storage.directory", std::string(base) + "/" + name));
    OK(config.set("media.clock", "stream"));
    return config;
}

// One second of a tone on a feed of 8000 Hz, in packets of 20 ms. In stream time a full feed
// refuses a packet, so it is written again.
inline void write_second(callrec::feed_ref feed)
{
    std::array<std::int16_t, 160> samples{};
    for (std::size_t index = 0; index < samples.size(); ++index)
        samples[index] = index / 10 % 2 ? 8000 : -8000;
    for (int packet = 0; packet < 50; ++packet) {
        callrec::status written = feed.write(samples);
        while (written == callrec::status::overrun || written == callrec::status::busy) {
            static_cast<void>(feed.wait(callrec::milliseconds(1000)));
            written = feed.write(samples);
        }
        OK(written);
    }
}

#endif
