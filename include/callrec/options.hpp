// What a program passes in: calls, formats, starts, filters, lines, callers. Include <callrec.hpp>.
//
// These structs own nothing. Their texts must live until the function that receives the struct
// returns; the library copies what it keeps. A member that is not set has its default. C++20 can
// name members: `{.call_id = "1", .username = "ada"}`.
#ifndef CALLREC_OPTIONS_HPP
#define CALLREC_OPTIONS_HPP

#include <callrec/text.hpp>

namespace callrec {

/// The user on whose behalf a function is called, or the host itself. Never throws.
///
/// There is no default: a program that did not find a user cannot act as the host by accident.
class caller {
public:
    /// A user. The username must live as long as the caller.
    caller(access_level level, std::string_view username) noexcept : level_(level), username_(username) {}
    /// The host itself, which is trusted.
    static caller host() noexcept { return caller(); }

    bool is_host() const noexcept { return is_host_; }
    access_level level() const noexcept { return level_; }
    std::string_view username() const noexcept { return username_; }

private:
    caller() noexcept : is_host_(true) {}
    bool is_host_ = false;
    access_level level_ = access_level::none;
    std::string_view username_;
};

/// The properties of a call: `rec_call_info`. In an update, a text without data
/// (`std::string_view()`) and 0 leave a property unchanged, and "" clears it.
struct call_info {
    call_state state = call_state::unchanged;
    callrec::direction direction = callrec::direction::unknown;
    std::uint64_t tag = 0;
    /// The epoch means now.
    time_point connected_at = {};
    std::string_view call_id = {};
    std::string_view switch_call_id = {};
    std::string_view device_name = {};
    std::string_view directory_number = {};
    std::string_view username = {};
    std::string_view numeric_user_id = {};
    std::string_view remote_first_name = {};
    std::string_view remote_last_name = {};
    std::string_view remote_phone_number = {};
    std::string_view ani = {};
    std::string_view dnis = {};
    std::string_view call_type = {};
    std::string_view attributes_json = {};
    callrec::consent consent = callrec::consent::unknown;
    std::string_view consent_source = {};
    time_point consent_from = {};
    std::string_view related_call_id = {};
};

/// The format of the audio of a feed: `rec_feed_format`.
struct feed_format {
    callrec::codec codec = callrec::codec::pcm16;
    /// In Hz. 0 means the codec's default, 8000 for PCM16.
    std::uint32_t sample_rate = 0;
    /// How far ahead of the clock the feed may be written. 0 means the default.
    milliseconds ahead = milliseconds(0);
    /// 2: each frame has a sample of the local leg, then one of the remote leg.
    std::uint32_t channels = 0;
};

/// What to record, and how: `rec_start_options`.
struct start_options {
    start_flags flags = start_flags::none;
    callrec::layout layout = callrec::layout::stereo;
    callrec::pause_mode pause_mode = callrec::pause_mode::silence;
    /// 0 means no limit.
    milliseconds max_duration = milliseconds(0);
    /// How much audio from before the start the recording begins with, or `lookback_all`.
    milliseconds lookback = milliseconds(0);
    std::string_view call_id = {};
    std::string_view device_name = {};
    std::string_view directory_number = {};
    std::string_view format = {};
    std::string_view callback_url = {};
    std::string_view callback_method = {};
    callrec::keep_raw keep_raw = callrec::keep_raw::by_config;
};

/// Selects recordings: `rec_filter`. Without members, all recordings.
struct filter {
    std::string_view device_name = {};
    std::string_view directory_number = {};
    std::string_view username = {};
    std::string_view numeric_user_id = {};
    std::string_view call_id = {};
    std::string_view switch_call_id = {};
    /// Only for `cluster_list`: the most recordings of a page. 0: all.
    std::uint32_t limit = 0;
    /// Only for `cluster_list`: `snapshot::cursor` of the page before.
    std::string_view cursor = {};
};

/// A line and its policy: `rec_line_info`.
struct line {
    std::string_view device_name = {};
    std::string_view directory_number = {};
    line_flags flags = line_flags::none;
};

/// The number of recordings that an operation affected.
using counts = rec_counts;
/// What is live in an engine, and its counters.
using statistics = rec_statistics;
/// The position of an audit log. Keep a copy out of reach of those who can change the log.
using chain_head = rec_chain_head;
/// What `verify_audit` found.
using audit_report = rec_audit_report;

namespace detail {

/// A C struct made of a C++ one. It lives for the duration of one C call.
struct c_caller {
    rec_caller c = REC_INIT(rec_caller);
    bool is_host;
    c_texts texts;

    explicit c_caller(const caller &from) noexcept : is_host(from.is_host()), texts{{from.username(), &c.username}} { c.level = static_cast<std::uint32_t>(from.level()); }
    bool ok() const noexcept { return texts.ok(); }
    const failure &error() const noexcept { return texts.error(); }
    /// NULL for the host.
    const rec_caller *get() const noexcept { return is_host ? nullptr : &c; }
};

struct c_call_info {
    rec_call_info c = REC_INIT(rec_call_info);
    c_texts texts;

    explicit c_call_info(const call_info &from) noexcept
        : texts{
              {from.call_id, &c.call_id},
              {from.switch_call_id, &c.switch_call_id},
              {from.device_name, &c.device_name},
              {from.directory_number, &c.directory_number},
              {from.username, &c.username},
              {from.numeric_user_id, &c.numeric_user_id},
              {from.remote_first_name, &c.remote_first_name},
              {from.remote_last_name, &c.remote_last_name},
              {from.remote_phone_number, &c.remote_phone_number},
              {from.ani, &c.ani},
              {from.dnis, &c.dnis},
              {from.call_type, &c.call_type},
              {from.attributes_json, &c.attributes_json},
              {from.consent_source, &c.consent_source},
              {from.related_call_id, &c.related_call_id},
          }
    {
        c.state = static_cast<std::int32_t>(from.state);
        c.direction = static_cast<std::int32_t>(from.direction);
        c.tag = from.tag;
        c.connected_at_ms = from_time(from.connected_at);
        c.consent = static_cast<std::int32_t>(from.consent);
        c.consent_from_ms = from_time(from.consent_from);
    }
    bool ok() const noexcept { return texts.ok(); }
    const failure &error() const noexcept { return texts.error(); }
};

struct c_feed_format {
    rec_feed_format c = REC_INIT(rec_feed_format);
    bool fits;

    explicit c_feed_format(const feed_format &from) noexcept : fits(detail::fits(from.ahead))
    {
        c.codec = static_cast<std::int32_t>(from.codec);
        c.sample_rate = from.sample_rate;
        c.ahead_ms = to_limit(from.ahead);
        c.channels = from.channels;
    }
    bool ok() const noexcept { return fits; }
    failure error() const noexcept { return failure(status::invalid_argument, "ahead: the duration is out of range"); }
};

struct c_start_options {
    rec_start_options c = REC_INIT(rec_start_options);
    bool fits;
    c_texts texts;

    explicit c_start_options(const start_options &from) noexcept
        : fits(detail::fits(from.max_duration) && detail::fits(from.lookback)),
          texts{
              {from.call_id, &c.call_id},
              {from.device_name, &c.device_name},
              {from.directory_number, &c.directory_number},
              {from.format, &c.format},
              {from.callback_url, &c.callback_url},
              {from.callback_method, &c.callback_method},
          }
    {
        c.flags = static_cast<std::uint32_t>(from.flags);
        c.layout = static_cast<std::int32_t>(from.layout);
        c.pause_mode = static_cast<std::int32_t>(from.pause_mode);
        c.max_duration_ms = to_limit(from.max_duration);
        c.lookback_ms = to_limit(from.lookback);
        c.keep_raw = static_cast<std::int32_t>(from.keep_raw);
    }
    bool ok() const noexcept { return fits && texts.ok(); }
    failure error() const noexcept
    {
        return fits ? texts.error() : failure(status::invalid_argument, "max_duration or lookback: the duration is out of range");
    }
};

struct c_filter {
    rec_filter c = REC_INIT(rec_filter);
    c_texts texts;

    explicit c_filter(const filter &from) noexcept
        : texts{
              {from.device_name, &c.device_name},
              {from.directory_number, &c.directory_number},
              {from.username, &c.username},
              {from.numeric_user_id, &c.numeric_user_id},
              {from.call_id, &c.call_id},
              {from.switch_call_id, &c.switch_call_id},
              {from.cursor, &c.cursor},
          }
    {
        c.limit = from.limit;
    }
    bool ok() const noexcept { return texts.ok(); }
    const failure &error() const noexcept { return texts.error(); }
};

struct c_line {
    rec_line_info c = REC_INIT(rec_line_info);
    c_texts texts;

    explicit c_line(const line &from) noexcept : texts{{from.device_name, &c.device_name}, {from.directory_number, &c.directory_number}}
    {
        c.flags = static_cast<std::uint32_t>(from.flags);
    }
    bool ok() const noexcept { return texts.ok(); }
    const failure &error() const noexcept { return texts.error(); }
};

} // namespace detail

} // namespace callrec

#endif
