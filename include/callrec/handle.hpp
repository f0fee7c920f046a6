// Ownership of handles, feeds, calls and subscriptions. Include <callrec.hpp>.
#ifndef CALLREC_HANDLE_HPP
#define CALLREC_HANDLE_HPP

#include <callrec/options.hpp>
#include <callrec/views.hpp>

#include <string>

namespace callrec {

namespace detail {

/// A handle of the C API, without ownership.
template <class Handle> class reference {
public:
    using handle_type = Handle;

    reference() noexcept : handle_() {}
    explicit reference(Handle handle) noexcept : handle_(handle) {}

    /// Whether there is a handle. Its object may have ended nevertheless.
    explicit operator bool() const noexcept { return handle_.id != 0; }
    Handle native() const noexcept { return handle_; }

    friend bool operator==(const reference &one, const reference &other) noexcept { return one.handle_.id == other.handle_.id; }
    friend bool operator!=(const reference &one, const reference &other) noexcept { return !(one == other); }

protected:
    Handle handle_;
};

/// Owns the object of a handle: `Reference::dispose` ends it. It can be moved, but not copied.
template <class Reference> class owner : public Reference {
public:
    using handle_type = typename Reference::handle_type;

    owner() noexcept = default;
    /// Takes over a handle of the C API.
    explicit owner(handle_type handle) noexcept : Reference(handle) {}
    owner(owner &&other) noexcept : Reference(other.release()) {}
    owner &operator=(owner &&other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    ~owner() { reset(); }

    /// Gives up the ownership. The object lives on.
    handle_type release() noexcept { return std::exchange(this->handle_, handle_type()); }
    /// Ends the object, and owns another one.
    void reset(handle_type handle = handle_type()) noexcept
    {
        const handle_type old = std::exchange(this->handle_, handle);
        if (old.id != 0)
            Reference::dispose(old);
    }
};

} // namespace detail

/// Refers to a feed, the source of one leg's audio, without owning it.
///
/// It is 8 bytes and can be copied. If the feed has ended, its functions return
/// `status::bad_handle`. Any thread may use it, but only one at a time passes in audio. Nothing
/// throws. `write`, `write_at`, `rtp` and `rtp_at` take no lock, allocate nothing and make no
/// system call, so they may be called on a real-time thread.
class feed_ref : public detail::reference<rec_feed> {
public:
    using reference::reference;

    /// Passes in samples: `rec_feed_write`.
    status write(span<const std::int16_t> samples) const noexcept { return write(samples.data(), samples.size() * sizeof(std::int16_t)); }
    /// Passes in a payload of G.711, or one packet of G.722 or Opus.
    status write(span<const std::uint8_t> payload) const noexcept { return write(payload.data(), payload.size()); }
    status write(const void *data, std::size_t bytes) const noexcept { return detail::to_status(rec_feed_write(handle_, data, bytes)); }
    /// As `write`, with a position that the host counts in frames.
    status write_at(std::uint64_t frame, span<const std::int16_t> samples) const noexcept { return write_at(frame, samples.data(), samples.size() * sizeof(std::int16_t)); }
    status write_at(std::uint64_t frame, span<const std::uint8_t> payload) const noexcept { return write_at(frame, payload.data(), payload.size()); }
    status write_at(std::uint64_t frame, const void *data, std::size_t bytes) const noexcept { return detail::to_status(rec_feed_write_at(handle_, frame, data, bytes)); }
    /// Passes in one RTP packet that has just been received: `rec_feed_rtp`.
    status rtp(span<const std::uint8_t> packet) const noexcept { return rtp(packet.data(), packet.size()); }
    status rtp(const void *packet, std::size_t bytes) const noexcept { return detail::to_status(rec_feed_rtp(handle_, packet, bytes)); }
    /// Passes in one RTP packet that was received some time ago: `rec_feed_rtp_at`.
    status rtp_at(std::chrono::microseconds age, span<const std::uint8_t> packet) const noexcept { return rtp_at(age, packet.data(), packet.size()); }
    status rtp_at(std::chrono::microseconds age, const void *packet, std::size_t bytes) const noexcept
    {
        return detail::to_status(rec_feed_rtp_at(handle_, detail::to_limit(age), packet, bytes));
    }
    /// Waits after `status::overrun` until the feed accepts audio again.
    status wait(milliseconds limit) const noexcept { return detail::to_status(rec_feed_wait(handle_, detail::to_limit(limit))); }

    /// Changes the format of the audio that `write` passes in.
    result<void> set_format(const feed_format &format) const noexcept
    {
        const detail::c_feed_format made(format);
        if (!made.ok())
            return made.error();
        return detail::attempt([&](rec_error *error) { return rec_feed_set_format(handle_, &made.c, error); });
    }
    /// Sets the format of an RTP payload type.
    result<void> payload(std::uint32_t payload_type, const feed_format &format) const noexcept
    {
        const detail::c_feed_format made(format);
        if (!made.ok())
            return made.error();
        return detail::attempt([&](rec_error *error) { return rec_feed_payload(handle_, payload_type, &made.c, error); });
    }
    /// Sets the payload types that a session description declares.
    result<void> sdp(std::string_view description) const noexcept
    {
        const detail::c_text text(description);
        if (!text.ok())
            return text.error();
        return detail::attempt([&](rec_error *error) { return rec_feed_sdp(handle_, text.get(), error); });
    }
    /// Removes the audio that lies ahead of the clock.
    result<void> clear() const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_feed_clear(handle_, error); });
    }
    /// Reports a DTMF digit. 0 means that the duration is not known.
    result<void> dtmf(milliseconds duration = milliseconds(0)) const noexcept
    {
        if (!detail::fits(duration))
            return {status::invalid_argument, "duration: out of range"};
        return detail::attempt([&](rec_error *error) { return rec_feed_dtmf(handle_, detail::to_limit(duration), error); });
    }
    /// Closes the feed.
    status close() const noexcept { return detail::to_status(rec_feed_close(handle_)); }

    static void dispose(rec_feed feed) noexcept { static_cast<void>(rec_feed_close(feed)); }
};

/// Owns a feed: the destructor closes it. It may outlive its call and its engine.
class feed : public detail::owner<feed_ref> {
public:
    using owner::owner;

    /// Closes the feed now.
    status close() noexcept
    {
        const feed_ref closing(release());
        return closing.close();
    }
};

/// Refers to a call, without owning it.
///
/// It is 8 bytes and can be copied. If the call has ended, its functions return
/// `status::bad_handle`. Any thread may use it. Only `id` may throw (std::bad_alloc).
class call_ref : public detail::reference<rec_call> {
public:
    using reference::reference;

    /// Changes the properties of the call: `rec_call_update`.
    result<void> update(const call_info &info) const noexcept
    {
        const detail::c_call_info made(info);
        if (!made.ok())
            return made.error();
        return detail::attempt([&](rec_error *error) { return rec_call_update(handle_, &made.c, error); });
    }
    /// Makes the call private, or ends its privacy.
    result<void> set_private(bool on) const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_call_private(handle_, on ? 1 : 0, error); });
    }
    /// Says who is heard on a leg from now on: `rec_call_parties`.
    result<void> set_parties(leg which, std::string_view parties_json) const noexcept
    {
        const detail::c_text text(parties_json);
        if (!text.ok())
            return text.error();
        return detail::attempt([&](rec_error *error) { return rec_call_parties(handle_, static_cast<std::int32_t>(which), text.get(), error); });
    }
    /// The call's id, which the host gave or callrec generated.
    result<std::string> id() const
    {
        char text[1024];
        failure details;
        if (rec_call_id(handle_, text, sizeof text, details.native()) != REC_OK)
            return details;
        return std::string(text);
    }
    /// Opens a feed for a leg.
    result<feed> open_feed(leg of, const feed_format &format) const noexcept
    {
        const detail::c_feed_format made(format);
        if (!made.ok())
            return made.error();
        return detail::attempt_with<feed>(rec_feed{}, [&](rec_feed *out, rec_error *error) { return rec_feed_open(handle_, static_cast<std::int32_t>(of), &made.c, out, error); });
    }
    /// Starts a recording of this call. `options` need not name a target.
    result<recording_id> start(const start_options &options = {}, const caller &by = caller::host()) const noexcept
    {
        const detail::c_start_options made(options);
        const detail::c_caller user(by);
        if (!made.ok() || !user.ok())
            return made.ok() ? user.error() : made.error();
        return detail::attempt_with<recording_id>(rec_id(), [&](rec_id *out, rec_error *error) { return rec_call_start(handle_, user.get(), &made.c, out, error); });
    }
    /// Stops the live recordings of this call: `rec_call_stop`.
    result<counts> stop(const caller &by = caller::host()) const noexcept
    {
        return count_with(by, [](auto... arguments) { return rec_call_stop(arguments...); });
    }
    /// Stops them and deletes their audio: `rec_call_discard`.
    result<counts> discard(const caller &by = caller::host()) const noexcept
    {
        return count_with(by, [](auto... arguments) { return rec_call_discard(arguments...); });
    }
    /// Pauses the live recordings of this call: `rec_call_pause`.
    result<counts> pause(const caller &by = caller::host()) const noexcept
    {
        return count_with(by, [](auto... arguments) { return rec_call_pause(arguments...); });
    }
    /// Resumes the live recordings of this call: `rec_call_resume`.
    result<counts> resume(const caller &by = caller::host()) const noexcept
    {
        return count_with(by, [](auto... arguments) { return rec_call_resume(arguments...); });
    }
    /// Ends the call. Its recordings end, and its feeds become stale.
    result<void> end() const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_call_end(handle_, error); });
    }

    static void dispose(rec_call call) noexcept { static_cast<void>(rec_call_end(call, nullptr)); }

private:
    template <class Function> result<counts> count_with(const caller &by, Function function) const noexcept
    {
        const detail::c_caller user(by);
        if (!user.ok())
            return user.error();
        const rec_counts none = REC_INIT(rec_counts);
        return detail::attempt_with<counts>(none, [&](rec_counts *out, rec_error *error) { return function(handle_, user.get(), out, error); });
    }
};

/// Owns a call: the destructor ends it. It may outlive its engine.
class call : public detail::owner<call_ref> {
public:
    using owner::owner;

    /// Ends the call now.
    result<void> end() noexcept
    {
        const call_ref ending(release());
        return ending.end();
    }
};

/// Refers to a subscription, without owning it.
class subscription_ref : public detail::reference<rec_subscription> {
public:
    using reference::reference;

    /// Ends the subscription. Waits until a running callback has returned, unless that callback
    /// calls the function. Then the callable is destroyed.
    status unsubscribe() const noexcept { return detail::to_status(rec_unsubscribe(handle_)); }

    static void dispose(rec_subscription subscription) noexcept { static_cast<void>(rec_unsubscribe(subscription)); }
};

/// Owns a subscription: the destructor ends it and destroys the callable, as `unsubscribe` does.
///
/// It may outlive its engine. Any thread may destroy it, also the callback itself. The thread must
/// not hold a lock that the callback takes.
class subscription : public detail::owner<subscription_ref> {
public:
    using owner::owner;

    /// Ends the subscription now.
    status unsubscribe() noexcept
    {
        const subscription_ref ending(release());
        return ending.unsubscribe();
    }
};

} // namespace callrec

#endif
