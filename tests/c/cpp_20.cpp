// callrec.hpp with what C++20 adds: ranges, std::span, and initialisers that name members.
//
//   cpp_20 DIRECTORY
#include <callrec.hpp>

#include "check.hpp"

#include <algorithm>
#include <ranges>
#include <span>
#include <vector>

static_assert(std::random_access_iterator<callrec::snapshot::iterator>);
static_assert(std::ranges::random_access_range<callrec::snapshot> && std::ranges::sized_range<callrec::snapshot>);
static_assert(std::same_as<std::ranges::range_value_t<callrec::snapshot>, callrec::recording_view>);

int main(int, char **arguments)
{
    const callrec::engine engine = callrec::engine::open(settings(arguments[1], "cpp-20")).value();
    std::vector<callrec::call> calls;
    for (const char *id : {"1", "2", "3"}) {
        calls.push_back(engine.begin_call({.call_id = id, .username = "ada"}).value());
        engine.start({.layout = callrec::layout::mono, .call_id = id}).value();
    }
    const callrec::feed feed = calls[0].open_feed(callrec::leg::local, {.codec = callrec::codec::pcmu}).value();
    const std::vector<std::uint8_t> payload(160, 0xff);
    OK(feed.write(std::span(payload).first(80)));

    const callrec::snapshot all = engine.list({.username = "ada"}).value();
    const auto second = std::ranges::find(all, "2", &callrec::recording_view::call_id);
    CHECK(second != all.end() && second - all.begin() == 1 && second->layout() == callrec::layout::mono);
#if !defined(__clang__) || __clang_major__ >= 16 // clang 14 rejects the views of libstdc++ 12
    auto ids = all | std::views::reverse | std::views::transform(&callrec::recording_view::call_id);
    CHECK(std::ranges::equal(ids, std::array<std::string_view, 3>{"3", "2", "1"}));
#endif
    return summary("cpp_20");
}
