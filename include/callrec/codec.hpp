// Codecs that the host decodes. Include <callrec.hpp>.
#ifndef CALLREC_CODEC_HPP
#define CALLREC_CODEC_HPP

#include <callrec/callback.hpp>

namespace callrec {

/// The sizes of a codec that the host decodes: members of `rec_codec_ops`.
struct codec_options {
    std::uint32_t sample_rate = 0;
    std::uint32_t channels = 0;
    std::uint32_t frame_bytes = 0;
    std::uint32_t frame_samples = 0;
};

/// What a decoder must write, and the parameters of its payload type.
struct stream_format {
    std::uint32_t sample_rate;
    std::uint32_t channels;
    /// The value of the `fmtp` line, or a text without data. Valid until the factory returns.
    std::string_view fmtp;
};

namespace detail {

/// Whether a decoder has a function `conceal`.
template <class Decoder, class = void> struct conceals : std::false_type {};
template <class Decoder> struct conceals<Decoder, std::void_t<decltype(std::declval<Decoder &>().conceal(span<std::int16_t>()))>> : std::true_type {};

/// The functions of `rec_codec_ops` for a callable that makes decoders.
template <class Factory, bool Catches> struct codec_functions {
    using pointer = std::invoke_result_t<Factory &, const stream_format &>;
    using decoder = typename pointer::element_type;

    struct state {
        pointer decoder;
        std::uint32_t channels;
    };

    static void *create(void *user_data, std::uint32_t sample_rate, std::uint32_t channels, const char *fmtp) noexcept
    {
        return guarded<Catches>("codec", static_cast<state *>(nullptr), [&]() -> state * {
            const stream_format format{sample_rate, channels, fmtp == nullptr ? std::string_view() : std::string_view(fmtp)};
            pointer made = (*static_cast<Factory *>(user_data))(format);
            if (made == nullptr)
                return nullptr;
            return new (std::nothrow) state{std::move(made), channels};
        });
    }
    static rec_status decode(void *user_data, const std::uint8_t *payload, std::size_t size, std::int16_t *samples, std::size_t capacity, std::size_t *count) noexcept
    {
        return guarded<Catches>("codec", rec_status(REC_ERR_INTERNAL), [&]() -> rec_status {
            state &of = *static_cast<state *>(user_data);
            const std::optional<std::size_t> written = of.decoder->decode(span<const std::uint8_t>(payload, size), span<std::int16_t>(samples, capacity * of.channels));
            if (!written)
                return REC_ERR_INVALID_ARGUMENT;
            *count = *written;
            return REC_OK;
        });
    }
    static rec_status conceal(void *user_data, std::int16_t *samples, std::size_t count) noexcept
    {
        if constexpr (conceals<decoder>::value) {
            return guarded<Catches>("codec", rec_status(REC_ERR_INTERNAL), [&]() -> rec_status {
                state &of = *static_cast<state *>(user_data);
                return of.decoder->conceal(span<std::int16_t>(samples, count * of.channels)) ? REC_OK : REC_ERR_INVALID_ARGUMENT;
            });
        } else {
            static_cast<void>(user_data);
            static_cast<void>(samples);
            static_cast<void>(count);
            return REC_ERR_UNSUPPORTED;
        }
    }

    /// The C struct for a stored factory.
    static rec_codec_ops ops(const codec_options &options, Factory *stored) noexcept
    {
        rec_codec_ops ops = REC_INIT(rec_codec_ops);
        ops.sample_rate = options.sample_rate;
        ops.channels = options.channels;
        ops.frame_bytes = options.frame_bytes;
        ops.frame_samples = options.frame_samples;
        ops.user_data = stored;
        ops.user_data_free = free_stored<Factory>;
        ops.create = create;
        ops.decode = decode;
        ops.conceal = conceals<decoder>::value ? conceal : nullptr;
        ops.destroy = free_stored<state>;
        return ops;
    }
};

} // namespace detail

} // namespace callrec

#endif
