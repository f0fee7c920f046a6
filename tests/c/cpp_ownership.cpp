// Owners are moved and destroyed in every order, and callables throw, while a call is recorded.
//
//   cpp_ownership DIRECTORY
#include <callrec.hpp>

#include "check.hpp"

#include <functional>
#include <set>
#include <stdexcept>
#include <type_traits>
#include <vector>

using callrec::status;

template <class Owner> constexpr bool is_owner = std::is_nothrow_move_constructible_v<Owner> && std::is_nothrow_move_assignable_v<Owner> && std::is_nothrow_default_constructible_v<Owner> && !std::is_copy_constructible_v<Owner> && !std::is_copy_assignable_v<Owner>;
static_assert(is_owner<callrec::config> && is_owner<callrec::engine> && is_owner<callrec::call> && is_owner<callrec::feed>);
static_assert(is_owner<callrec::subscription> && is_owner<callrec::gateway> && is_owner<callrec::snapshot> && is_owner<callrec::http_response>);
static_assert(std::is_trivially_copyable_v<callrec::engine_ref> && sizeof(callrec::feed_ref) == sizeof(rec_feed));
static_assert(std::is_convertible_v<callrec::engine &, callrec::engine_ref> && std::is_nothrow_copy_constructible_v<callrec::exception>);
static_assert(!std::is_default_constructible_v<callrec::caller>);
static_assert(std::is_convertible_v<std::array<std::int16_t, 4> &, callrec::span<const std::int16_t>>);
static_assert(!std::is_convertible_v<std::array<std::int32_t, 4> &, callrec::span<const std::int16_t>>);
static_assert((callrec::line_flags::automatic | callrec::line_flags::mandatory) == static_cast<callrec::line_flags>(REC_LINE_AUTOMATIC | REC_LINE_MANDATORY));

// Lives in a callable. Counts its instances, so that a leak of the callable is seen.
struct witness {
    static inline std::atomic<int> instances{0};
    witness() noexcept { ++instances; }
    witness(const witness &) noexcept { ++instances; }
    ~witness() { --instances; }
};

// A decoder that nothing makes.
struct unused_decoder {
    std::optional<std::size_t> decode(callrec::span<const std::uint8_t>, callrec::span<std::int16_t>) { return std::nullopt; }
};

static void missing(const char *what)
{
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what);
}

static callrec::call begin(const callrec::engine &engine, std::string_view id)
{
    callrec::call_info info;
    info.call_id = id;
    return engine.begin_call(info).value();
}

static callrec::recording_id start(const callrec::engine &engine, std::string_view id)
{
    callrec::start_options options;
    options.call_id = id;
    return engine.start(options).value();
}

static std::atomic<int> reported{0};
static std::mutex kinds_lock;
static std::set<std::string> kinds;

// Itself throws, which is harmless too.
static void report(std::exception_ptr thrown, const char *where)
{
    {
        const std::lock_guard<std::mutex> lock(kinds_lock);
        kinds.insert(where);
    }
    try {
        std::rethrow_exception(thrown);
    } catch (const std::logic_error &error) {
        reported += std::string(error.what()) == where;
    } catch (int) {
        ++reported;
    }
    throw 1;
}

// Every callback throws each time. The engine records as if they did not.
static void callbacks_that_throw(const char *base)
{
    const std::uint64_t before = callrec::callback_exceptions();
    CHECK(callrec::set_exception_handler(report) == nullptr);
    counter events, logins;
    std::string path;
    {
        callrec::engine engine = callrec::engine::open(settings(base, "throwing")).value();
        engine.set_log([held = witness()](callrec::log_level, std::string_view) { throw std::logic_error("log"); }).value();
        const callrec::subscription subscription = engine.subscribe([&, held = witness()](const callrec::event_view &event) {
            if (event.kind() == callrec::event_kind::finished)
                path = event.recording()->path();
            events.add();
            throw std::logic_error("event");
        }).value();
        std::function<void(const callrec::event_view &)> function = [](const callrec::event_view &) { throw 1; };
        const callrec::subscription second = engine.subscribe(function).value();
        const callrec::codec codec = engine.register_codec("thrower", {}, [held = witness()](const callrec::stream_format &) -> std::unique_ptr<unused_decoder> {
            throw std::logic_error("codec");
        }).value();
        callrec::gateway_options options;
        options.flags = callrec::gateway_flags::no_socket;
        const callrec::gateway gateway = engine.start_gateway(options, [&, held = witness()](const callrec::credentials_view &, callrec::identity &) -> status {
            logins.add();
            throw std::logic_error("authenticate");
        }).value();
        callrec::http_request request;
        request.method = "GET";
        request.target = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
        request.headers = "Authorization: Basic YTpi\r\n";
        CHECK(gateway.handle(request).value().status() == 500);
        CHECK(logins.count() == 1);

        callrec::call call = begin(engine, "thrown");
        start(engine, "thrown");
        const callrec::feed local = call.open_feed(callrec::leg::local, {}).value();
        const callrec::feed remote = call.open_feed(callrec::leg::remote, {}).value();
        callrec::feed_format format;
        format.codec = codec;
        remote.payload(100, format).value();
        std::array<std::uint8_t, 172> rtp{0x80, 100};
        for (std::uint8_t sequence = 1; sequence < 5; ++sequence) {
            rtp[3] = sequence;
            rtp[7] = static_cast<std::uint8_t>(160 * sequence);
            rtp[1] = sequence < 4 ? 100 : 18; // G.729 is logged, because nothing decodes it
            OK(remote.rtp(rtp));
        }
        write_second(local);
        call.end().value();
        engine.close(callrec::milliseconds(20000)).value();
        CHECK(witness::instances == 0);
    }
    CHECK(events.count() >= 2);
    CHECK(kinds == std::set<std::string>{"authenticate", "codec", "event", "log"});
    CHECK(static_cast<std::uint64_t>(reported.load()) == callrec::callback_exceptions() - before);
    CHECK(callrec::set_exception_handler(nullptr) == report);
    callrec::verify(path).value();
}

static void results_throw(const char *base)
{
    callrec::engine engine = callrec::engine::open(settings(base, "results")).value();
    callrec::start_options options;
    options.call_id = "none";
    try {
        engine.start(options).value();
        missing("value() did not throw");
    } catch (const std::system_error &error) {
        CHECK(error.code() == status::no_call && std::string(error.what()).find("none") != std::string::npos);
    }
    try {
        engine.stop_by_id("x").value();
        missing("value() did not throw");
    } catch (const callrec::exception &error) {
        CHECK(error.details().status() == status::invalid_id && error.details().reason() == 0);
    }
    try {
        callrec::check(callrec::feed().write(nullptr, 0));
        missing("check() did not throw");
    } catch (const callrec::exception &error) {
        CHECK(error.code() == status::bad_handle);
    }
    // A callable whose copy throws: the exception reaches the program, and nothing is registered.
    struct copying {
        copying() = default;
        copying(const copying &) { throw 2; }
        void operator()(const callrec::event_view &) const {}
    };
    const copying callable;
    try {
        static_cast<void>(engine.subscribe(callable));
        missing("subscribe() did not throw");
    } catch (int thrown) {
        CHECK(thrown == 2);
    }
    // A refused registration destroys the callable.
    EXPECT(status::bad_handle, callrec::engine().subscribe([held = witness()](const callrec::event_view &) {}));
    EXPECT(status::invalid_argument, engine.register_codec("telephone-event", {}, [held = witness()](const callrec::stream_format &) { return std::unique_ptr<unused_decoder>(); }));
    CHECK(witness::instances == 0);
    CHECK(*engine.start(options).value_or(callrec::recording_id()).view().data() == '\0');
}

static void moves(const char *base)
{
    callrec::engine first = callrec::engine::open(settings(base, "moves")).value();
    callrec::engine engine = std::move(first);
    CHECK(!first && engine);
    EXPECT(status::bad_handle, first.statistics());
    callrec::engine &same = engine;
    engine = std::move(same);
    CHECK(engine.statistics().value().live_calls == 0);

    callrec::call call = begin(engine, "one");
    callrec::call &same_call = call;
    call = std::move(same_call);
    CHECK(call.id().value() == "one");
    const callrec::call_ref one = call;
    call = begin(engine, "two"); // ends the first call
    EXPECT(status::bad_handle, one.id());
    CHECK(engine.statistics().value().live_calls == 1);

    callrec::feed feed = call.open_feed(callrec::leg::local, {}).value();
    std::vector<callrec::feed> feeds;
    feeds.push_back(std::move(feed));
    feeds.push_back(call.open_feed(callrec::leg::remote, {}).value());
    EXPECT(status::bad_handle, feed.close());
    write_second(feeds[0]);
    const callrec::feed_ref closed = feeds[0];
    feeds.clear();
    EXPECT(status::bad_handle, closed.write(nullptr, 0));

    const callrec::call_ref kept(call.release());
    CHECK(!call && engine.statistics().value().live_calls == 1);
    kept.end().value();

    callrec::snapshot snapshot = engine.list().value();
    callrec::snapshot &same_snapshot = snapshot;
    snapshot = std::move(same_snapshot);
    CHECK(snapshot.empty() && snapshot.begin() == snapshot.end());
}

// Owners that outlive what they belong to are destroyed without effect.
static void any_order(const char *base)
{
    std::atomic<int> alive{0};
    {
        callrec::feed feed;
        callrec::call call;
        callrec::subscription subscription;
        callrec::gateway gateway;
        {
            const callrec::engine engine = callrec::engine::open(settings(base, "order")).value();
            callrec::gateway_options options;
            options.flags = callrec::gateway_flags::no_socket;
            gateway = engine.start_gateway(options).value();
            subscription = engine.subscribe([held = witness()](const callrec::event_view &) {}).value();
            call = begin(engine, "order");
            feed = call.open_feed(callrec::leg::local, {}).value();
            alive = witness::instances.load();
        }
        CHECK(alive == 1 && witness::instances == 0);
        EXPECT(status::bad_handle, feed.write(nullptr, 0));
        EXPECT(status::bad_handle, call.end());
    }
    // The next engine on the directory is not affected by handles of the previous one.
    const callrec::engine engine = callrec::engine::open(settings(base, "order")).value();
    CHECK(engine.statistics().value().live_calls == 0);
}

// A subscription that its own callback ends.
static void ended_by_itself(const char *base)
{
    const callrec::engine engine = callrec::engine::open(settings(base, "itself")).value();
    std::mutex lock;
    callrec::subscription subscription;
    counter delivered, freed;
    struct on_destruction {
        counter *destroyed;
        ~on_destruction() { destroyed->add(); }
    };
    {
        const std::lock_guard<std::mutex> locked(lock);
        subscription = engine.subscribe(callrec::subscribe_flags::calls, [&, held = std::make_shared<on_destruction>(on_destruction{&freed})](const callrec::event_view &) {
            const std::lock_guard<std::mutex> waits(lock);
            OK(subscription.unsubscribe());
            delivered.add();
        }).value();
    }
    const unsigned temporaries = freed.count();
    const callrec::call one = begin(engine, "1");
    const callrec::call two = begin(engine, "2");
    CHECK(freed.wait_for(temporaries + 1));
    CHECK(delivered.count() == 1);
}

int main(int, char **arguments)
{
    callbacks_that_throw(arguments[1]);
    results_throw(arguments[1]);
    moves(arguments[1]);
    any_order(arguments[1]);
    ended_by_itself(arguments[1]);
    CHECK(witness::instances == 0);
    return summary("cpp_ownership");
}
