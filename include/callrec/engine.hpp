// Engines. Include <callrec.hpp>.
#ifndef CALLREC_ENGINE_HPP
#define CALLREC_ENGINE_HPP

#include <callrec/codec.hpp>
#include <callrec/config.hpp>
#include <callrec/control.hpp>
#include <callrec/gateway.hpp>

namespace callrec {

namespace detail {

/// The `rec_event_fn` of a callable.
template <class Callable, bool Catches> void deliver_event(void *user_data, const rec_event *event) noexcept
{
    guarded<Catches>("event", [&] { (*static_cast<Callable *>(user_data))(event_view(*event)); });
}

/// The `rec_log_fn` of a callable.
template <class Callable, bool Catches> void deliver_log(void *user_data, std::int32_t level, const char *message) noexcept
{
    guarded<Catches>("log", [&] { (*static_cast<Callable *>(user_data))(static_cast<log_level>(level), std::string_view(message)); });
}

} // namespace detail

/// Refers to an engine, without owning it.
///
/// It is 8 bytes and can be copied. If the engine has been closed, its functions return
/// `status::bad_handle`. Any thread may use it, also in callbacks, except that `close` is refused
/// there.
///
/// Callables are moved or copied to the heap, and destroyed after they have run for the last time,
/// on a thread of the library or on the one that ends the registration. `subscribe`, `set_log`,
/// `register_codec` and `start_gateway` throw what this move or copy throws; nothing else throws.
/// If a callable throws when the library calls it, the exception is caught: see
/// `set_exception_handler` and `callback_exceptions`. `Catches` keeps apart the code of files that
/// are compiled with and without exceptions: leave it at its default.
class engine_ref : public engine_control {
public:
    using engine_control::engine_control;

    /// What is live now, and counters.
    result<callrec::statistics> statistics() const noexcept
    {
        const rec_statistics empty = REC_INIT(rec_statistics);
        return detail::attempt_with<callrec::statistics>(empty, [&](rec_statistics *out, rec_error *error) { return rec_stats(handle_, out, error); });
    }
    /// The position of the audit log on the disk.
    result<chain_head> audit_head() const noexcept
    {
        const rec_chain_head empty = REC_INIT(rec_chain_head);
        return detail::attempt_with<chain_head>(empty, [&](rec_chain_head *out, rec_error *error) { return rec_audit_head(handle_, out, error); });
    }
    /// Adopts the storage directory of a process that has died, and reports how its recordings ended:
    /// `rec_adopt`. The number of these recordings. Not in callbacks.
    result<std::uint32_t> adopt(std::string_view directory, milliseconds limit) const noexcept
    {
        const detail::c_text text(directory);
        if (!text.ok())
            return text.error();
        return detail::attempt_with<std::uint32_t>(std::uint32_t(0), [&](std::uint32_t *out, rec_error *error) {
            return rec_adopt(handle_, text.get(), detail::to_limit(limit), out, error);
        });
    }
    /// Begins a call.
    result<call> begin_call(const call_info &info) const noexcept
    {
        const detail::c_call_info made(info);
        if (!made.ok())
            return made.error();
        return detail::attempt_with<call>(rec_call{}, [&](rec_call *out, rec_error *error) { return rec_call_begin(handle_, &made.c, out, error); });
    }

    /// Subscribes to events: `callable(const event_view &)` runs on the library's event thread.
    template <class Callable, bool Catches = CALLREC_EXCEPTIONS> result<subscription> subscribe(Callable &&callable) const
    {
        return store_and<subscription>(std::forward<Callable>(callable), [this](auto *stored) {
            using type = std::remove_pointer_t<decltype(stored)>;
            return detail::attempt_with<subscription>(rec_subscription{}, [&](rec_subscription *out, rec_error *error) {
                return rec_subscribe(handle_, detail::deliver_event<type, Catches>, stored, detail::free_stored<type>, out, error);
            });
        });
    }
    /// As above, with options.
    template <class Callable, bool Catches = CALLREC_EXCEPTIONS> result<subscription> subscribe(subscribe_flags flags, Callable &&callable) const
    {
        rec_subscribe_options options = REC_INIT(rec_subscribe_options);
        options.flags = static_cast<std::uint32_t>(flags);
        return store_and<subscription>(std::forward<Callable>(callable), [this, &options](auto *stored) {
            using type = std::remove_pointer_t<decltype(stored)>;
            return detail::attempt_with<subscription>(rec_subscription{}, [&](rec_subscription *out, rec_error *error) {
                return rec_subscribe_with(handle_, &options, detail::deliver_event<type, Catches>, stored, detail::free_stored<type>, out, error);
            });
        });
    }
    /// Sets the callable that receives log lines, in place of the previous one:
    /// `callable(log_level, std::string_view)` runs on the event thread.
    template <class Callable, bool Catches = CALLREC_EXCEPTIONS> result<void> set_log(Callable &&callable) const
    {
        return store_and<void>(std::forward<Callable>(callable), [this](auto *stored) {
            using type = std::remove_pointer_t<decltype(stored)>;
            return detail::attempt([&](rec_error *error) { return rec_set_log(handle_, detail::deliver_log<type, Catches>, stored, detail::free_stored<type>, error); });
        });
    }
    /// Removes the callable that receives log lines.
    result<void> clear_log() const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_set_log(handle_, nullptr, nullptr, nullptr, error); });
    }
    /// Registers a codec that the host decodes, under its encoding name.
    ///
    /// `factory(const stream_format &)` returns a `std::unique_ptr` to a decoder for one stream, or
    /// NULL if it cannot make one. The decoder has the function
    /// `std::optional<std::size_t> decode(span<const std::uint8_t> payload, span<std::int16_t> samples)`,
    /// which returns the number of samples of each channel that it wrote, or nothing if it cannot
    /// decode the payload. It may have `bool conceal(span<std::int16_t> samples)`, which fills all
    /// of `samples`. The factory and the decoders run on threads of the library.
    template <class Factory, bool Catches = CALLREC_EXCEPTIONS> result<codec> register_codec(std::string_view encoding_name, const codec_options &options, Factory &&factory) const
    {
        const detail::c_text name(encoding_name);
        if (!name.ok())
            return name.error();
        return store_and<codec>(std::forward<Factory>(factory), [&](auto *stored) -> result<codec> {
            using functions = detail::codec_functions<std::remove_pointer_t<decltype(stored)>, Catches>;
            const rec_codec_ops ops = functions::ops(options, stored);
            return detail::attempt_with<codec>(std::int32_t(0), [&](std::int32_t *out, rec_error *error) { return rec_codec_register(handle_, name.get(), &ops, out, error); });
        });
    }
    /// Starts a gateway that lets in nobody.
    result<gateway> start_gateway(const gateway_options &options) const noexcept
    {
        return start_gateway_with(options, [](rec_gateway_options &) {});
    }
    /// Starts a gateway. `authenticate(const credentials_view &, identity &)` returns a `status`:
    /// `identity::grant`, or `status::unauthenticated`. It runs on threads of the library, several
    /// at a time. If it throws, the client gets 500.
    template <class Callable, bool Catches = CALLREC_EXCEPTIONS> result<gateway> start_gateway(const gateway_options &options, Callable &&authenticate) const
    {
        return store_and<gateway>(std::forward<Callable>(authenticate), [&](auto *stored) {
            using type = std::remove_pointer_t<decltype(stored)>;
            return start_gateway_with(options, [stored](rec_gateway_options &c) {
                c.authenticate = detail::authenticate<type, Catches>;
                c.user_data = stored;
                c.user_data_free = detail::free_stored<type>;
            });
        });
    }
    /// Closes the engine: `rec_close`. Not in callbacks.
    result<void> close(milliseconds limit) const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_close(handle_, detail::to_limit(limit), error); });
    }

    static void dispose(rec_engine engine) noexcept { static_cast<void>(rec_close(engine, 5000, nullptr)); }

private:
    /// Moves a callable to the heap and passes it to a function, which gives it to the library.
    /// After a failure the library does not use it, so it is destroyed here.
    template <class Value, class Callable, class Function> static result<Value> store_and(Callable &&callable, Function &&function)
    {
        using type = std::decay_t<Callable>;
        std::unique_ptr<type> stored(detail::store<type>(std::forward<Callable>(callable)));
        if (stored == nullptr)
            return detail::no_memory();
        result<Value> outcome = function(stored.get());
        if (outcome)
            static_cast<void>(stored.release());
        return outcome;
    }

    template <class Function> result<gateway> start_gateway_with(const gateway_options &options, Function &&set_callback) const noexcept
    {
        rec_gateway_options c = REC_INIT(rec_gateway_options);
        const detail::c_texts texts{{options.address, &c.address}};
        if (!texts.ok())
            return texts.error();
        c.port = options.port;
        c.flags = static_cast<std::uint32_t>(options.flags);
        set_callback(c);
        return detail::attempt_with<gateway>(rec_gateway{}, [&](rec_gateway *out, rec_error *error) { return rec_gateway_start(handle_, &c, out, error); });
    }
};

/// Owns an engine: its calls and recordings, its threads, and one storage directory.
///
/// The destructor closes it, and waits at most 5 s for recordings to be finished; what is not
/// finished then is finished by the next `open`. Call `close` for another limit, or to learn of a
/// failure. Calls, feeds, subscriptions and gateways may be destroyed before or after it. Not to
/// be destroyed in a callback, where it would stay open.
class engine : public detail::owner<engine_ref> {
public:
    using owner::owner;

    /// Opens an engine on the directory of a configuration.
    static result<engine> open(const config &settings) noexcept
    {
        return detail::attempt_with<engine>(rec_engine{}, [&](rec_engine *out, rec_error *error) { return rec_open(settings.native(), out, error); });
    }
    /// Opens an engine with the default settings.
    static result<engine> open() noexcept { return open(config()); }

    /// Closes the engine now. In a callback, it stays open and owned (`status::in_callback`).
    result<void> close(milliseconds limit) noexcept
    {
        result<void> closed = engine_ref(native()).close(limit);
        if (closed.status() != status::in_callback && closed.status() != status::invalid_argument)
            static_cast<void>(release());
        return closed;
    }
};

/// Compares a finished recording with its manifest: `rec_verify`. Reads the whole file.
inline result<void> verify(std::string_view path) noexcept
{
    const detail::c_text text(path);
    if (!text.ok())
        return text.error();
    return detail::attempt([&](rec_error *error) { return rec_verify(text.get(), error); });
}

/// Checks the audit log of a storage directory: `rec_verify_audit`. Reads the whole log.
/// `known_head` is a position that `engine::audit_head` returned earlier, or NULL.
inline result<audit_report> verify_audit(std::string_view directory, const chain_head *known_head = nullptr) noexcept
{
    const detail::c_text text(directory);
    if (!text.ok())
        return text.error();
    const rec_audit_report empty = REC_INIT(rec_audit_report);
    return detail::attempt_with<audit_report>(empty, [&](rec_audit_report *out, rec_error *error) { return rec_verify_audit(text.get(), known_head, out, error); });
}

/// The library's version as text. It is static.
inline std::string_view version() noexcept { return rec_version(); }
/// The library's version as a number, to compare with `header_version`.
inline std::uint32_t version_number() noexcept { return rec_version_number(); }

} // namespace callrec

#endif
