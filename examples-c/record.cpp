// Records a call of two parties with callrec.hpp, lists it, and checks the finished file.
//
//   record [DIRECTORY]
#include <callrec.hpp>

#include <array>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

// A media thread: it passes in 20 ms of a tone at a time, as a telephone would send it.
static void play(callrec::feed feed, std::size_t half_period)
{
    std::array<std::int16_t, 160> samples{}; // 8000 Hz by default
    for (std::size_t index = 0; index < samples.size(); ++index)
        samples[index] = index / half_period % 2 ? 8000 : -8000;
    for (int packet = 0; packet < 100; ++packet) {
        feed.write(samples); // never waits, never throws
        std::this_thread::sleep_for(20ms);
    }
} // the feed is closed here

static int record(const char *directory)
{
    std::string path; // outlives the engine, so that its events may use it
    callrec::config config = callrec::config::create().value();
    config.set("storage.directory", directory).value();
    callrec::engine engine = callrec::engine::open(config).value();

    // Runs on the event thread. An exception would be caught and counted, not end the program.
    const callrec::subscription events = engine.subscribe([&path](const callrec::event_view &event) {
        std::cout << event.json() << '\n';
        if (event.kind() == callrec::event_kind::finished)
            path = event.recording()->path(); // the view ends with the event, so the text is copied
    }).value();

    callrec::call_info info;
    info.call_id = "call-1";
    info.directory_number = "101";
    callrec::call call = engine.begin_call(info).value();
    callrec::feed local = call.open_feed(callrec::leg::local, {}).value();
    callrec::feed remote = call.open_feed(callrec::leg::remote, {}).value();

    callrec::start_options options;
    options.call_id = info.call_id;
    engine.start(options).value();
    for (const callrec::recording_view recording : engine.list().value())
        std::cout << "live: " << recording.id().view() << " on line " << recording.directory_number() << '\n';

    // A failure is a value until value() is called, so one that is expected costs no exception.
    if (const auto again = engine.start(options); !again)
        std::cout << "a second start: " << again.error().message() << '\n';

    std::thread local_media(play, std::move(local), 10);
    std::thread remote_media(play, std::move(remote), 5);
    local_media.join();
    remote_media.join();
    call.end().value();                // also stops the recording
    engine.close(5s).value();          // returns when every event has been delivered
    callrec::verify(path).value();     // the file is as its manifest says
    std::cout << path << '\n';
    return 0;
}

int main(int count, char **arguments)
{
    try {
        return record(count > 1 ? arguments[1] : "recordings");
    } catch (const callrec::exception &error) {
        std::cerr << error.what() << " (" << error.code() << ")\n";
        return 1;
    }
}
