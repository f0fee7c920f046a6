// callrec.hpp without exceptions and without RTTI: a call is recorded, and failures are values.
//
//   cpp_no_exceptions DIRECTORY
#include <callrec.hpp>

#include "check.hpp"

static_assert(CALLREC_EXCEPTIONS == 0);

template <class Result, class = void> struct has_value_function : std::false_type {};
template <class Result> struct has_value_function<Result, std::void_t<decltype(std::declval<Result>().value())>> : std::true_type {};
static_assert(!has_value_function<callrec::result<callrec::engine>>::value && !has_value_function<callrec::result<void>>::value);

int main(int, char **arguments)
{
    std::string path;
    {
        callrec::result<callrec::engine> engine = callrec::engine::open(settings(arguments[1], "no-exceptions"));
        if (!OK(engine))
            return 1;
        const callrec::subscription subscription = must(engine->subscribe([&path](const callrec::event_view &event) {
            if (event.kind() == callrec::event_kind::finished)
                path = event.recording()->path();
        }));
        callrec::call_info info;
        info.call_id = "1";
        const callrec::call call = must(engine->begin_call(info));
        const callrec::feed feed = must(call.open_feed(callrec::leg::local, {}));
        callrec::start_options options;
        options.call_id = "2";
        const callrec::result<callrec::recording_id> refused = engine->start(options);
        EXPECT(callrec::status::no_call, refused);
        CHECK(refused.code() == callrec::status::no_call && !refused.error().message().empty());
        options.call_id = "1";
        OK(engine->start(options));
        write_second(feed);
        OK(engine->close(callrec::milliseconds(20000)));
    }
    OK(callrec::verify(path));
    CHECK(callrec::callback_exceptions() == 0);
    return summary("cpp_no_exceptions");
}
