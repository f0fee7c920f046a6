// The settings of an engine. Include <callrec.hpp>.
#ifndef CALLREC_CONFIG_HPP
#define CALLREC_CONFIG_HPP

#include <callrec/callback.hpp>

#include <charconv>

namespace callrec {

namespace detail {

/// The `rec_thread_fn`s of two callables.
template <class Start, class End, bool Catches> struct thread_hooks {
    Start on_start;
    End on_end;

    static void start(void *user_data, const char *name) noexcept
    {
        guarded<Catches>("thread", [&] { static_cast<thread_hooks *>(user_data)->on_start(std::string_view(name)); });
    }
    static void end(void *user_data, const char *name) noexcept
    {
        guarded<Catches>("thread", [&] { static_cast<thread_hooks *>(user_data)->on_end(std::string_view(name)); });
    }
};

} // namespace detail

/// Owns the settings of an engine. An engine has a copy, so a configuration may be destroyed or
/// changed after `engine::open`. One thread at a time may use it. It can be moved, but not copied.
/// Only `set_thread_hooks` throws, what moving or copying its callables throws. A default or moved-from configuration is empty: it cannot be set, and an engine
/// that is opened with it has the defaults.
class config {
public:
    config() noexcept = default;
    /// Takes over a configuration of the C API.
    explicit config(rec_config *taken) noexcept : config_(taken) {}

    /// Makes a configuration in which every key has its default.
    static result<config> create() noexcept
    {
        rec_config *made = nullptr;
        if (const status outcome = detail::to_status(rec_config_new(&made)); outcome != status::ok)
            return {outcome, to_string(outcome)};
        return config(made);
    }
    /// Sets one key.
    result<void> set(std::string_view key, std::string_view value) noexcept
    {
        const char *c_key = nullptr;
        const char *c_value = nullptr;
        const detail::c_texts texts{{key, &c_key}, {value, &c_value}};
        if (!texts.ok())
            return texts.error();
        return detail::attempt([&](rec_error *error) { return rec_config_set(config_.get(), c_key, c_value, error); });
    }
    /// Sets one key to a number, or to "true" or "false".
    template <class Number, class = std::enable_if_t<std::is_integral_v<Number>>> result<void> set(std::string_view key, Number value) noexcept
    {
        if constexpr (std::is_same_v<Number, bool>) {
            return set(key, std::string_view(value ? "true" : "false"));
        } else {
            char text[24];
            const std::to_chars_result end = std::to_chars(text, text + sizeof text, value);
            return set(key, std::string_view(text, static_cast<std::size_t>(end.ptr - text)));
        }
    }
    /// Sets keys from a JSON file.
    result<void> load(std::string_view path) noexcept
    {
        const detail::c_text text(path);
        if (!text.ok())
            return text.error();
        return detail::attempt([&](rec_error *error) { return rec_config_load(config_.get(), text.get(), error); });
    }
    /// Sets callables that run at the beginning and at the end of each thread of an engine that is
    /// opened with this configuration: `callable(std::string_view name)`. Several threads may run
    /// them at the same time. They must not call callrec.
    template <class Start, class End, bool Catches = CALLREC_EXCEPTIONS> result<void> set_thread_hooks(Start &&on_start, End &&on_end)
    {
        using hooks = detail::thread_hooks<std::decay_t<Start>, std::decay_t<End>, Catches>;
        std::unique_ptr<hooks> stored(new (std::nothrow) hooks{std::forward<Start>(on_start), std::forward<End>(on_end)});
        if (stored == nullptr)
            return detail::no_memory();
        const result<void> outcome = detail::attempt([&](rec_error *error) {
            return rec_config_set_thread_hooks(config_.get(), hooks::start, hooks::end, stored.get(), detail::free_stored<hooks>, error);
        });
        if (outcome)
            static_cast<void>(stored.release());
        return outcome;
    }
    /// Removes the callables.
    result<void> clear_thread_hooks() noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_config_set_thread_hooks(config_.get(), nullptr, nullptr, nullptr, nullptr, error); });
    }
    rec_config *native() const noexcept { return config_.get(); }

private:
    struct freeing {
        void operator()(rec_config *taken) const noexcept { rec_config_free(taken); }
    };
    std::unique_ptr<rec_config, freeing> config_;
};

} // namespace callrec

#endif
