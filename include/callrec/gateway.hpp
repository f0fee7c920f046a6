// The HTTP gateway. Include <callrec.hpp>.
#ifndef CALLREC_GATEWAY_HPP
#define CALLREC_GATEWAY_HPP

#include <callrec/callback.hpp>
#include <callrec/handle.hpp>

namespace callrec {

/// The credentials that a client of a gateway sent. It owns nothing: its texts are valid until the
/// authentication function returns. Never throws.
class credentials_view {
public:
    explicit credentials_view(const rec_credentials &credentials) noexcept : credentials_(&credentials) {}

    auth_scheme scheme() const noexcept { return static_cast<auth_scheme>(credentials_->scheme); }
    std::string_view name() const noexcept { return detail::from_c(credentials_->name); }
    std::string_view secret() const noexcept { return detail::from_c(credentials_->secret); }
    /// The client's IP address.
    std::string_view source() const noexcept { return detail::from_c(credentials_->source); }
    const rec_credentials &native() const noexcept { return *credentials_; }

private:
    const rec_credentials *credentials_;
};

/// The user to whom credentials belong, which an authentication function fills in. Never throws.
class identity {
public:
    explicit identity(rec_identity &filled) noexcept : identity_(&filled) {}

    /// Lets the client in as this user: returns `status::ok`. A name or a key that is longer than
    /// 255 bytes or contains a NUL lets nobody in: `status::invalid_argument`.
    status grant(access_level level, std::string_view username, std::string_view signature_key = {}) noexcept
    {
        if (!copy(username, identity_->username) || !copy(signature_key, identity_->signature_key))
            return status::invalid_argument;
        identity_->level = static_cast<std::uint32_t>(level);
        return status::ok;
    }
    rec_identity &native() noexcept { return *identity_; }

private:
    template <std::size_t Size> static bool copy(std::string_view text, char (&to)[Size]) noexcept
    {
        if (text.size() >= Size || text.find('\0') != std::string_view::npos)
            return false;
        to[text.copy(to, Size - 1)] = '\0';
        return true;
    }

    rec_identity *identity_;
};

/// How a gateway runs: members of `rec_gateway_options`.
struct gateway_options {
    /// 0 means any free port: see `gateway::port`.
    std::uint32_t port = 0;
    /// The IP address to listen on. If absent, 127.0.0.1.
    std::string_view address = {};
    gateway_flags flags = gateway_flags::none;
};

/// An HTTP request for `gateway::handle`: a `rec_http_request`. It owns nothing.
struct http_request {
    std::string_view method = {};
    std::string_view target = {};
    std::string_view headers = {};
    span<const std::uint8_t> body = {};
    std::string_view source = {};
};

/// Owns the response to an HTTP request. It can be moved, but not copied. Its texts live as long
/// as it. Any thread may read it. Never throws.
class http_response {
public:
    http_response() noexcept = default;
    /// Takes over a response of the C API.
    explicit http_response(rec_http_response *taken) noexcept : response_(taken) {}

    /// The HTTP status, such as 200.
    std::int32_t status() const noexcept { return rec_http_response_status(response_.get()); }
    /// "Name: value" lines, each ending with CR LF.
    std::string_view headers() const noexcept { return rec_http_response_headers(response_.get()); }
    std::string_view body() const noexcept
    {
        std::size_t size = 0;
        const void *data = rec_http_response_body(response_.get(), &size);
        return {static_cast<const char *>(data), size};
    }

private:
    struct freeing {
        void operator()(rec_http_response *taken) const noexcept { rec_http_response_free(taken); }
    };
    std::unique_ptr<rec_http_response, freeing> response_;
};

/// Refers to a running gateway, without owning it. Any thread may use it. Never throws.
class gateway_ref : public detail::reference<rec_gateway> {
public:
    using reference::reference;

    /// The port on which the gateway listens.
    result<std::uint32_t> port() const noexcept
    {
        return detail::attempt_with<std::uint32_t>(std::uint32_t(0), [&](std::uint32_t *out, rec_error *error) { return rec_gateway_port(handle_, out, error); });
    }
    /// Answers a request that another server received. Not in callbacks.
    result<http_response> handle(const http_request &request) const noexcept
    {
        rec_http_request c = REC_INIT(rec_http_request);
        const detail::c_texts texts{{request.method, &c.method}, {request.target, &c.target}, {request.headers, &c.headers}, {request.source, &c.source}};
        if (!texts.ok())
            return texts.error();
        c.body = request.body.data();
        c.body_size = request.body.size();
        return detail::attempt_with<http_response>(static_cast<rec_http_response *>(nullptr), [&](rec_http_response **out, rec_error *error) { return rec_http_handle(handle_, &c, out, error); });
    }
    /// Stops the gateway. Waits at most `limit` for requests that are being answered.
    result<void> stop(milliseconds limit) const noexcept
    {
        return detail::attempt([&](rec_error *error) { return rec_gateway_stop(handle_, detail::to_limit(limit), error); });
    }

    static void dispose(rec_gateway gateway) noexcept { static_cast<void>(rec_gateway_stop(gateway, 5000, nullptr)); }
};

/// Owns a gateway. The destructor stops it, and waits at most 5 s for requests that are being
/// answered. It may outlive its engine. Not to be destroyed in a callback, where it would run on.
class gateway : public detail::owner<gateway_ref> {
public:
    using owner::owner;

    /// Stops the gateway now. In a callback, it runs on and stays owned (`status::in_callback`).
    result<void> stop(milliseconds limit) noexcept
    {
        result<void> stopped = gateway_ref(native()).stop(limit);
        if (stopped.status() != status::in_callback && stopped.status() != status::invalid_argument)
            static_cast<void>(release());
        return stopped;
    }
};

namespace detail {

/// The `rec_authenticate_fn` of a callable.
template <class Callable, bool Catches> rec_status authenticate(void *user_data, const rec_credentials *credentials, rec_identity *filled) noexcept
{
    return guarded<Catches>("authenticate", rec_status(REC_ERR_INTERNAL), [&]() -> rec_status {
        identity who(*filled);
        const status outcome = (*static_cast<Callable *>(user_data))(credentials_view(*credentials), who);
        return static_cast<rec_status>(outcome);
    });
}

} // namespace detail

} // namespace callrec

#endif
