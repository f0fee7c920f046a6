// A program of two files, one without exceptions: both register callables of the same type, and
// those of the file with exceptions may throw. This file is both of them.
//
//   cpp_mixed DIRECTORY
#include <callrec.hpp>

#include "check.hpp"

#include <functional>

using event_function = std::function<void(const callrec::event_view &)>;

callrec::subscription subscribe_without_exceptions(callrec::engine_ref engine, counter &events);

#if CALLREC_EXCEPTIONS

int main(int, char **arguments)
{
    counter events, others;
    {
        callrec::engine engine = callrec::engine::open(settings(arguments[1], "mixed")).value();
        const callrec::subscription quiet = subscribe_without_exceptions(engine, others);
        const event_function throwing = [&events](const callrec::event_view &) {
            events.add();
            throw 1;
        };
        const callrec::subscription loud = engine.subscribe(throwing).value();
        callrec::call_info info;
        info.call_id = "1";
        const callrec::call call = engine.begin_call(info).value();
        callrec::start_options options;
        options.call_id = "1";
        engine.start(options).value();
        engine.close(callrec::milliseconds(20000)).value();
    }
    CHECK(events.count() == 2 && others.count() == 2);
    CHECK(callrec::callback_exceptions() == 2);
    return summary("cpp_mixed");
}

#else

callrec::subscription subscribe_without_exceptions(callrec::engine_ref engine, counter &events)
{
    const event_function counting = [&events](const callrec::event_view &) { events.add(); };
    return must(engine.subscribe(counting));
}

#endif
